rule explain:
    """Look into a run: its latent spaces, where they look, and stamped squares."""
    input:
        model="results/train/{run}/model.safetensors",
        us=f"results/extract/{TEST_US[0]}.h5" if TEST_US else [],
    output:
        maps="results/explain/{run}.npz",
    log:
        "logs/explain/{run}.log",
    benchmark:
        "results/benchmark/explain/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(10),
    params:
        settings=settings("probe"),
        synthesis=settings("synthesize"),
        code=fingerprint("ssus2mri.infer.explain"),
    shell:
        "ssus2mri explain {input.model} {input.us} --run={wildcards.run} --out={output.maps}"
        " --settings={params.settings:q} --synthesis={params.synthesis:q} &> {log}"


rule illustrate:
    """Draw Figures 5 to 9 of the source, of these scans and runs."""
    input:
        explained=f"results/explain/{EXPLAINED}.npz" if EXPLAINED else [],
        images=[part for row in PICTURED for part in row_parts(row, "image")],
        transforms=[f"results/align/{row.volume}.tfm" for row in PICTURED],
        extracts=[f"results/extract/{row.volume}.h5" for row in PICTURED],
        synthetic=expand(
            "results/synthesize/{run}/{volume}.h5",
            run=RUNS,
            volume=[row.volume for row in PICTURED_US],
        ),
    output:
        figures=report(FIGURES, category="Figures"),
    log:
        "logs/illustrate/figures.log",
    benchmark:
        "results/benchmark/illustrate/figures.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(20),
    params:
        volumes=" ".join(row.volume for row in PICTURED_US),
        mr=" ".join(row.volume for row in PICTURED_MR),
        images=verbatim.text(pictured.images_json(PICTURED)),
        labels=LABELS,
        methods=METHODS,
        folder=folder,
        settings=settings("illustrate"),
        code=fingerprint("ssus2mri.render.illustrate"),
    shell:
        "ssus2mri illustrate results --volumes={params.volumes:q} --mr={params.mr:q}"
        " --images={params.images:q} --labels={params.labels:q} --methods={params.methods:q}"
        " --explained='{input.explained}' --out={params.folder}"
        " --settings={params.settings:q} &> {log}"


rule browse:
    """Write a page to browse a test scan, its synthetic MR of every run, and real MR."""
    input:
        us="results/extract/{volume}.h5",
        synthetic=expand("results/synthesize/{run}/{{volume}}.h5", run=RUNS),
        mr=beside_mr,
    output:
        page="results/browse/{volume}.html",
    log:
        "logs/browse/{volume}.log",
    benchmark:
        "results/benchmark/browse/{volume}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(10),
    params:
        synthetic=listing("synthetic"),
        mr=listing("mr"),
        labels=LABELS,
        methods=METHODS,
        settings=settings("browse"),
        code=fingerprint("ssus2mri.render.browse"),
    shell:
        "ssus2mri browse {input.us} --synthetic={params.synthetic} --mr={params.mr}"
        " --labels={params.labels:q} --methods={params.methods:q} --out={output.page}"
        " --settings={params.settings:q} &> {log}"


rule render:
    """Put tables, pictures, losses and alignment into one HTML file that opens from disk."""
    input:
        tables=TABLES,
        register=expand("results/register/{run}.csv", run=RUNS),
        compare=expand("results/compare/{run}.csv", run=RUNS),
        segment=expand("results/segment/{run}.csv", run=RUNS),
        losses=expand("results/train/{run}/losses.csv", run=RUNS),
        summaries=expand("results/train/{run}/train.json", run=RUNS),
        synthetic=expand(
            "results/synthesize/{run}/{volume}.h5", run=RUNS, volume=TEST_US
        ),
        extracts=expand("results/extract/{volume}.h5", volume=MANIFEST.rows),
        alignments=expand("results/align/{volume}.png", volume=MANIFEST.rows),
        qualities=expand("results/align/{volume}.json", volume=MANIFEST.rows),
        figures=FIGURES,
    output:
        report=report("results/render/report.html", category="Report"),
        scans="results/render/scans.html",
    log:
        "logs/render/report.log",
    benchmark:
        "results/benchmark/render/report.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(30),
    params:
        labels=LABELS,
        volumes=names_listing(TEST_US),
        scans=names_listing(MANIFEST.rows),
        settings=settings("render"),
        code=fingerprint("ssus2mri.render.report"),
    shell:
        "ssus2mri render results --labels={params.labels:q} --volumes={params.volumes}"
        " --scans={params.scans} --out={output.report} --settings={params.settings:q} &> {log}"
