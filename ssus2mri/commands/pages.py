"""Stages that show: browse, render."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import DEFAULT, Out, Settings, apart
from ssus2mri.config.base import load_section

app = typer.Typer()

Labels = Annotated[str, typer.Option(help="JSON: run -> name in tables, in their order.")]


@app.command()
def browse(
    extract: Annotated[Path, typer.Argument(help="Slice file of the ultrasound.")],
    synthetic: Annotated[
        str, typer.Option(help="Its synthetic slice files, one per run, separated by spaces.")
    ],
    labels: Labels,
    methods: Annotated[str, typer.Option(help="JSON: run -> its method (`train.method`).")],
    out: Out,
    mr: Annotated[
        str,
        typer.Option(
            help="Slice files of real MR to show beside it, separated by spaces; empty: none."
        ),
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Write a page to browse a test scan, its synthetic MR of every run, and real MR."""
    from ssus2mri.config.evaluate import BrowseSettings
    from ssus2mri.render.browse import run_browse

    apart({"--out": out}, extract, *synthetic.split(), *mr.split())
    run_browse(
        extract,
        synthetic=[Path(path) for path in synthetic.split()],
        mr=[Path(path) for path in mr.split()],
        labels=labels,
        methods=methods,
        out=out,
        settings=load_section(BrowseSettings, settings, "browse"),
    )


@app.command()
def render(
    results: Annotated[Path, typer.Argument(help="The results folder.")],
    labels: Labels,
    volumes: Annotated[str, typer.Option(help="Test US volumes, separated by spaces.")],
    out: Out,
    scans: Annotated[
        str, typer.Option(help="All volumes, separated by spaces; empty: all there are.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Put tables, pictures, losses and alignment into one HTML file."""
    from ssus2mri.config.evaluate import RenderSettings
    from ssus2mri.render.report import run_render

    run_render(
        results,
        labels=labels,
        volumes=volumes.split(),
        scans=scans.split(),
        out=out,
        settings=load_section(RenderSettings, settings, "render"),
    )
