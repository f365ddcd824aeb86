"""Stages of a run and of the project: train, synthesize, register, compare, score."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Extracts,
    Labels,
    Matched,
    Methods,
    Model,
    OtherFolder,
    OtherRun,
    Out,
    Run,
    Settings,
    Synthetic,
    Threads,
    apart,
    count,
    files_argument,
    listed,
    optional,
    paths,
    paths_option,
    texts,
    watch,
)
from ssus2mri.config.base import load_section

app = typer.Typer()


@app.command()
def train(
    extracts: Annotated[list[Path], files_argument("Slice files to train on and to validate on")],
    run: Run,
    out: Annotated[Path, typer.Option(help="model.safetensors; other outputs go beside it.")],
    checkpoints: Annotated[
        Path, typer.Option(help="Folder of the run's checkpoints, to resume from.")
    ],
    settings: Annotated[
        str, typer.Option(help="The run's settings, JSON: section `train` with the run's changes.")
    ],
    threads: Annotated[
        int, typer.Option(help="CPU threads of all processes together.", callback=count)
    ] = 1,
    processes: Annotated[
        int,
        typer.Option(help="Processes that share the work, one per GPU (torchrun).", callback=count),
    ] = 1,
    matched: Matched = "",
) -> None:
    """Train one run; the same command resumes it."""
    from ssus2mri.config.learn import TrainSettings
    from ssus2mri.learn.hardware.parallel import launch, launched
    from ssus2mri.learn.train import run_train

    extracts = listed(extracts)
    apart({"--out": out}, *extracts)
    if processes > 1 and not launched():
        launch(processes, sys.argv[1:])
    run_train(
        extracts,
        run=run,
        out=out,
        checkpoints=checkpoints,
        settings=load_section(TrainSettings, settings, "train"),
        threads=threads,
        matched=optional(matched),
    )


@app.command()
def synthesize(
    model: Model,
    extracts: Extracts,
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder: {volume}.h5 and .nii.gz.")],
    settings: Settings = DEFAULT,
    threads: Threads = 1,
    matched: Matched = "",
) -> None:
    """Synthesise MR for every slice of every US slice file."""
    from ssus2mri.config.learn import SynthesizeSettings
    from ssus2mri.infer.synthesize import run_synthesize

    extracts = listed(extracts)
    for path in extracts:
        apart({"--out": out}, model, path.parent)
    watch(*extracts)

    run_synthesize(
        model,
        extracts,
        run=run,
        out=out,
        settings=load_section(SynthesizeSettings, settings, "synthesize"),
        threads=threads,
        matched=optional(matched),
    )


@app.command()
def register(
    references: Annotated[str, paths_option("Slice files of real MR")],
    out: Out,
    synthetic: Synthetic = None,
    folder: OtherFolder = None,
    run: OtherRun = "",
    extracts: Annotated[str, paths_option("With --synthetic: US slice files")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Score how far synthetic MR must be deformed to become real MR: one row per slice."""
    from ssus2mri.config.evaluate import RegisterSettings
    from ssus2mri.evaluate.register import run_register
    from ssus2mri.other_slices import files_of

    synthetic_files = listed(synthetic or [])
    real, scans = paths(references), paths(extracts)
    apart({"--out": out}, *synthetic_files, folder, *real, *scans)

    with files_of(synthetic_files, folder, scans, run) as synthetic_slices:
        run_register(
            synthetic_slices,
            references=real,
            out=out,
            settings=load_section(RegisterSettings, settings, "register"),
        )


@app.command()
def compare(
    extracts: Annotated[str, paths_option("US and MR slice files of the test scans")],
    out: Out,
    synthetic: Synthetic = None,
    folder: OtherFolder = None,
    run: OtherRun = "",
    settings: Settings = DEFAULT,
) -> None:
    """Compare synthetic MR with true or pseudo-paired MR: one row per slice."""
    from ssus2mri.config.evaluate import CompareSettings
    from ssus2mri.evaluate.compare import run_compare
    from ssus2mri.other_slices import files_of

    synthetic_files, tested = listed(synthetic or []), paths(extracts)
    apart({"--out": out}, *synthetic_files, folder, *tested)

    with files_of(synthetic_files, folder, tested, run) as synthetic_slices:
        run_compare(
            synthetic_slices,
            extracts=tested,
            out=out,
            settings=load_section(CompareSettings, settings, "compare"),
        )


@app.command()
def score(
    register: Annotated[str, paths_option("CSVs of `register`")],
    compare: Annotated[str, paths_option("CSVs of `compare`")],
    labels: Labels,
    methods: Methods,
    out: Annotated[
        Path,
        typer.Option(help="Folder: table2.csv to table5.csv, as in the paper, and more tables."),
    ],
    probe: Annotated[str, typer.Option(help="CSVs of `probe`; empty: no Table III.")] = "",
    segment: Annotated[str, typer.Option(help="CSVs of `segment`; empty: no anatomy.csv.")] = "",
    mos: Annotated[str, typer.Option(help="mos.csv of `rate collect`; empty: no ratings.")] = "",
    ratings: Annotated[str, typer.Option(help="ratings.csv of `rate collect`, likewise.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Make the tables of the paper from the rows of the other commands."""
    from ssus2mri.config.evaluate import ScoreSettings
    from ssus2mri.evaluate.score import run_score

    rows = (register, compare, probe, segment, mos)
    for path in (path for row in rows for path in paths(row)):
        apart({"--out": out}, path, path.parent)

    run_score(
        register=paths(register),
        compare=paths(compare),
        probe=paths(probe),
        segment=paths(segment),
        mos=optional(mos),
        ratings=optional(ratings),
        labels=texts("--labels", labels),
        methods=texts("--methods", methods),
        out=out,
        settings=load_section(ScoreSettings, settings, "score"),
    )
