rule rate:
    """Write the page on which observers rate images; its key is not for them."""
    input:
        synthetic=expand(
            "results/synthesize/{run}/{volume}.h5", run=RUNS, volume=TEST_US
        ),
        references=extracts("mr", "train", "test"),
    output:
        page="results/rate/study.html",
        key="results/rate/key.csv",
    log:
        "logs/rate/study.log",
    benchmark:
        "results/benchmark/rate/study.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=grow(30),
    params:
        synthetic=listing("synthetic"),
        references=listing("references"),
        settings=settings("rate"),
        code=fingerprint("ssus2mri.rate.study"),
    shell:
        "ssus2mri rate study {params.synthetic} --references={params.references}"
        " --out={output.page} --settings={params.settings:q} &> {log}"


rule collect:
    """Collect what observers sent so far, which may be nothing, into mean opinion scores."""
    input:
        key="results/rate/key.csv",
        ratings=RATINGS,
    output:
        ratings="results/rate/ratings.csv",
        mos="results/rate/mos.csv",
        agreement="results/rate/agreement.csv",
    log:
        "logs/rate/collect.log",
    benchmark:
        "results/benchmark/rate/collect.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=grow(10),
    params:
        folder=folder,
        settings=settings("rate"),
        score=settings("score"),
        code=fingerprint("ssus2mri.rate.collect"),
    shell:
        "ssus2mri rate collect {input.ratings:q} --key={input.key} --out={params.folder}"
        " --score={params.score:q} --settings={params.settings:q} &> {log}"
