rule template:
    """Make the atlas: MR, ultrasound, labels and head on the grid that every scan is brought to."""
    input:
        labels=row_files(ATLAS, "labels"),
        image=row_files(ATLAS, "image"),
        parts=row_parts(ATLAS, "labels", "image"),
    output:
        mr="results/template/mr.nii.gz",
        us="results/template/us.nii.gz",
        labels="results/template/labels.nii.gz",
        head="results/template/head.nii.gz",
    log:
        "logs/template/template.log",
    benchmark:
        "results/benchmark/template/template.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(30),
    params:
        folder=folder,
        atlas=settings("atlas"),
        settings=settings("simulate"),
        code=fingerprint("ssus2mri.simulate.template"),
    shell:
        "ssus2mri template --out={params.folder} --labels={input.labels:q} --image={input.image:q}"
        " --atlas={params.atlas:q} --settings={params.settings:q} &> {log}"


rule simulate:
    """Simulate one scan of one subject, with its labels, its true MR and its true pose."""
    input:
        labels=file("labels"),
        parts=parts("labels"),
    output:
        image="results/simulate/{volume}.nii.gz",
        labels="results/simulate/{volume}_labels.nii.gz",
        truth="results/simulate/{volume}_truth.nii.gz",
        pose="results/simulate/{volume}_pose.tfm",
    log:
        "logs/simulate/{volume}.log",
    benchmark:
        "results/benchmark/simulate/{volume}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(20),
    params:
        row=columns(SimulateRow),
        pathology=pathology,
        settings=settings("simulate"),
        code=fingerprint("ssus2mri.simulate.cohort"),
    shell:
        "ssus2mri simulate --row={params.row:q} --labels={input.labels:q}"
        " --pathology={params.pathology:q} --out={output.image} --settings={params.settings:q} &> {log}"


rule view:
    """Average simulated scans of the atlas's head from one side, for `match`."""
    input:
        labels=row_files(ATLAS, "labels"),
        parts=row_parts(ATLAS, "labels"),
    output:
        image="results/view/{side}.nii.gz",
    log:
        "logs/view/{side}.log",
    benchmark:
        "results/benchmark/view/{side}.tsv"
    wildcard_constraints:
        side=one_of(SIDES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(60),
    params:
        atlas=settings("atlas"),
        simulate=settings("simulate"),
        settings=settings("view"),
        code=fingerprint("ssus2mri.simulate.view"),
    shell:
        "ssus2mri view {wildcards.side} --labels={input.labels:q} --out={output.image}"
        " --atlas={params.atlas:q} --simulate={params.simulate:q} --settings={params.settings:q}"
        " &> {log}"
