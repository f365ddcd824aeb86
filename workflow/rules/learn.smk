rule train:
    """Train one run; when interrupted, the next start resumes from its last checkpoint.

    Runs start in their order in `enabled_runs`: the longest first ends soonest.
    Checkpoints are a parameter, not an output: outputs of a failed job are deleted.
    """
    input:
        us=extracts("us", "train", "val"),
        mr=extracts("mr", "train", "val"),
        matched=matched("train", "val"),
    output:
        model="results/train/{run}/model.safetensors",
        last="results/train/{run}/last.safetensors",
        losses="results/train/{run}/losses.csv",
        summary="results/train/{run}/train.json",
    log:
        "logs/train/{run}.log",
    benchmark:
        "results/benchmark/train/{run}.tsv"
    priority: order
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000, by=slices_mb("train", "val")),
        runtime=2880,
        processes=1,
    params:
        extracts=listing("us", "mr"),
        checkpoints=checkpoints,
        settings=run_settings,
        matched=match_folder,
        code=fingerprint("ssus2mri.learn.train"),
    shell:
        "ssus2mri train {params.extracts} --run={wildcards.run} --out={output.model}"
        " --checkpoints={params.checkpoints} --settings={params.settings:q}"
        " --threads={threads} --processes={resources.processes} --matched={params.matched:q}"
        " &> {log}"


rule synthesize:
    """Synthesise MR for every slice of every test scan with one run's model."""
    input:
        model="results/train/{run}/model.safetensors",
        us=extracts("us", "test"),
        matched=matched("test"),
    output:
        slices=expand("results/synthesize/{{run}}/{volume}.h5", volume=TEST_US),
        volumes=expand("results/synthesize/{{run}}/{volume}.nii.gz", volume=TEST_US),
    log:
        "logs/synthesize/{run}.log",
    benchmark:
        "results/benchmark/synthesize/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=grow(60 + len(TEST_US)),
    params:
        extracts=listing("us"),
        folder=folder,
        settings=settings("synthesize"),
        matched=match_folder,
        code=fingerprint("ssus2mri.infer.synthesize"),
    shell:
        "ssus2mri synthesize {input.model} {params.extracts} --run={wildcards.run} --out={params.folder}"
        " --settings={params.settings:q} --threads={threads} --matched={params.matched:q} &> {log}"
