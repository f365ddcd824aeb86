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
        "../../envs/ssus2mri.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        labels=LABELS,
        methods=METHODS,
        settings=settings("browse"),
        code=fingerprint("ssus2mri.render.browse"),
    shell:
        "ssus2mri browse {input.us} --synthetic='{input.synthetic}' --mr='{input.mr}'"
        " --labels={params.labels:q} --methods={params.methods:q} --out={output.page}"
        " --settings={params.settings:q} &> {log}"


rule render:
    """Put tables, pictures, losses and alignment into one HTML file that opens from disk."""
    input:
        tables=TABLES,
        register=expand("results/register/{run}.csv", run=RUNS),
        compare=expand("results/compare/{run}.csv", run=RUNS),
        losses=expand("results/train/{run}/losses.csv", run=RUNS),
        summaries=expand("results/train/{run}/train.json", run=RUNS),
        synthetic=expand(
            "results/synthesize/{run}/{volume}.h5", run=RUNS, volume=TEST_US
        ),
        extracts=expand("results/extract/{volume}.h5", volume=MANIFEST.rows),
        alignments=expand("results/align/{volume}.png", volume=MANIFEST.rows),
        qualities=expand("results/align/{volume}.json", volume=MANIFEST.rows),
    output:
        report=report("results/render/report.html", category="Report"),
        scans="results/render/scans.html",
    log:
        "logs/render/report.log",
    benchmark:
        "results/benchmark/render/report.tsv"
    conda:
        "../../envs/ssus2mri.yaml"
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
