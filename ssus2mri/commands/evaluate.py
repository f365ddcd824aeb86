"""Stages that measure a synthesis by other means than likeness: probe, delineate, segment."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Extracts,
    Matched,
    Model,
    Out,
    Run,
    Settings,
    Threads,
    apart,
    files_argument,
    listed,
    optional,
    paths,
    paths_option,
    section_option,
)
from ssus2mri.config.base import load_section

app = typer.Typer()


@app.command()
def probe(
    model: Model,
    extracts: Extracts,
    run: Run,
    out: Out,
    settings: Settings = DEFAULT,
    synthesis: Annotated[str, section_option("synthesize")] = DEFAULT,
    threads: Threads = 1,
    matched: Matched = "",
) -> None:
    """Stamp squares into ultrasound and look for them in the synthesis: one row per slice."""
    from ssus2mri.config.evaluate import ProbeSettings
    from ssus2mri.config.learn import SynthesizeSettings
    from ssus2mri.infer.probe import run_probe

    extracts = listed(extracts)
    apart({"--out": out}, model, *extracts)

    run_probe(
        model,
        extracts,
        run=run,
        out=out,
        settings=load_section(ProbeSettings, settings, "probe"),
        synthesis=load_section(SynthesizeSettings, synthesis, "synthesize"),
        threads=threads,
        matched=optional(matched),
    )


@app.command()
def delineate(
    extracts: Annotated[list[Path], files_argument("Slice files of the test ultrasound")],
    out: Annotated[Path, typer.Option(help="Folder: {volume}.npz.")],
    references: Annotated[
        str,
        typer.Option(
            help="Slice files of training MR, separated by spaces; empty: no `agreement`."
        ),
    ] = "",
) -> None:
    """Segment the real MR that `segment` compares every run with: training MR and true MR."""
    from ssus2mri.evaluate.delineate import run_delineate

    scans, training = listed(extracts), paths(references)
    apart({"--out": out}, *scans, *training)
    run_delineate(scans, references=training, out=out)


@app.command()
def segment(
    synthetic: Annotated[list[Path], files_argument("Synthetic slice files of one run")],
    extracts: Annotated[str, paths_option("Slice files of the test ultrasound")],
    delineated: Annotated[Path, typer.Option(help="Folder that `delineate` wrote.")],
    out: Out,
    settings: Settings = DEFAULT,
) -> None:
    """Compare tissues and sizes of synthetic MR with the truth: one row per measure."""
    from ssus2mri.config.evaluate import SegmentSettings
    from ssus2mri.evaluate.segment import run_segment

    synthetic, scans = listed(synthetic), paths(extracts)
    apart({"--out": out}, *synthetic, *scans, delineated)

    run_segment(
        synthetic,
        extracts=scans,
        delineated=delineated,
        out=out,
        settings=load_section(SegmentSettings, settings, "segment"),
    )
