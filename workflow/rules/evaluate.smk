rule register:
    """Score how far a run's synthetic MR must deform to become real MR: a row per slice."""
    input:
        synthetic=expand("results/synthesize/{{run}}/{volume}.h5", volume=TEST_US),
        references=extracts("mr", "train"),
    output:
        rows="results/register/{run}.csv",
    log:
        "logs/register/{run}.log",
    benchmark:
        "results/benchmark/register/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(3000, by=slices_mb("train")),
        runtime=grow(120 + 2 * len(TEST_US)),
    params:
        synthetic=listing("synthetic"),
        references=listing("references"),
        settings=settings("register_"),
        code=fingerprint("ssus2mri.evaluate.register"),
    shell:
        "ssus2mri register {params.synthetic} --references={params.references}"
        " --out={output.rows} --settings={params.settings:q} &> {log}"


rule compare:
    """Compare a run's synthetic MR with the true or pseudo-paired MR: a row per slice."""
    input:
        synthetic=expand("results/synthesize/{{run}}/{volume}.h5", volume=TEST_US),
        extracts=extracts("us", "test") + extracts("mr", "test"),
    output:
        rows="results/compare/{run}.csv",
    log:
        "logs/compare/{run}.log",
    benchmark:
        "results/benchmark/compare/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=grow(120 + 2 * len(TEST_US)),
    params:
        synthetic=listing("synthetic"),
        extracts=listing("extracts"),
        settings=settings("compare"),
        code=fingerprint("ssus2mri.evaluate.compare"),
    shell:
        "ssus2mri compare {params.synthetic} --extracts={params.extracts}"
        " --out={output.rows} --settings={params.settings:q} &> {log}"


rule probe:
    """Stamp squares into test ultrasound and look for them in a run's synthesis: a row per slice."""
    input:
        model="results/train/{run}/model.safetensors",
        us=extracts("us", "test"),
        matched=matched("test"),
    output:
        rows="results/probe/{run}.csv",
    log:
        "logs/probe/{run}.log",
    benchmark:
        "results/benchmark/probe/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=grow(60 + len(TEST_US)),
    params:
        extracts=listing("us"),
        settings=settings("probe"),
        synthesis=settings("synthesize"),
        matched=match_folder,
        code=fingerprint("ssus2mri.infer.probe"),
    shell:
        "ssus2mri probe {input.model} {params.extracts} --run={wildcards.run} --out={output.rows}"
        " --settings={params.settings:q} --synthesis={params.synthesis:q} --threads={threads}"
        " --matched={params.matched:q} &> {log}"


rule delineate:
    """Segment, once, the real MR that the segmented synthesis of every run is compared with."""
    input:
        us=extracts("us", "test"),
        references=extracts("mr", "train"),
    output:
        tissues=expand("results/delineate/{volume}.npz", volume=TEST_US),
    log:
        "logs/delineate/tissues.log",
    benchmark:
        "results/benchmark/delineate/tissues.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(60 + 4 * len(TEST_US)),
    params:
        extracts=listing("us"),
        references=listing("references"),
        folder=folder,
        code=fingerprint("ssus2mri.evaluate.delineate"),
    shell:
        "ssus2mri delineate {params.extracts} --references={params.references}"
        " --out={params.folder} &> {log}"


rule segment:
    """Compare tissues and sizes of a run's segmented synthesis with the truth: a row per measure."""
    input:
        synthetic=expand("results/synthesize/{{run}}/{volume}.h5", volume=TEST_US),
        extracts=extracts("us", "test"),
        tissues=expand("results/delineate/{volume}.npz", volume=TEST_US),
    output:
        rows="results/segment/{run}.csv",
    log:
        "logs/segment/{run}.log",
    benchmark:
        "results/benchmark/segment/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(60 + 2 * len(TEST_US)),
    params:
        synthetic=listing("synthetic"),
        extracts=listing("extracts"),
        settings=settings("segment"),
        code=fingerprint("ssus2mri.evaluate.segment"),
    shell:
        "ssus2mri segment {params.synthetic} --extracts={params.extracts}"
        " --delineated=results/delineate --out={output.rows} --settings={params.settings:q} &> {log}"


rule score:
    """Derive the tables from the rows of all runs."""
    input:
        register=expand("results/register/{run}.csv", run=RUNS),
        compare=expand("results/compare/{run}.csv", run=RUNS),
        probe=expand("results/probe/{run}.csv", run=RUNS),
        segment=expand("results/segment/{run}.csv", run=RUNS),
        mos="results/rate/mos.csv",
        ratings="results/rate/ratings.csv",
    output:
        tables=TABLES,
    log:
        "logs/score/score.log",
    benchmark:
        "results/benchmark/score/score.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(15),
    params:
        folder=folder,
        labels=LABELS,
        methods=METHODS,
        settings=settings("score"),
        code=fingerprint("ssus2mri.evaluate.score"),
    shell:
        "ssus2mri score --register='{input.register}' --compare='{input.compare}'"
        " --probe='{input.probe}' --segment='{input.segment}'"
        " --mos={input.mos} --ratings={input.ratings}"
        " --labels={params.labels:q} --methods={params.methods:q} --out={params.folder}"
        " --settings={params.settings:q} &> {log}"
