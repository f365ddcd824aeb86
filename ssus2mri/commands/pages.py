"""Stages that show: explain, illustrate, browse, render."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Labels,
    Methods,
    Model,
    Out,
    Run,
    Settings,
    apart,
    optional,
    paths,
    paths_option,
    section_option,
    texts,
    words,
)
from ssus2mri.config.base import load_section

app = typer.Typer()


@app.command()
def explain(
    model: Model,
    extract: Annotated[Path, typer.Argument(help="Slice file of a test scan's ultrasound.")],
    run: Run,
    out: Out,
    settings: Settings = DEFAULT,
    synthesis: Annotated[str, section_option("synthesize")] = DEFAULT,
) -> None:
    """Look into a run for Figures 5 and 7: latent spaces, attention, and stamped squares."""
    from ssus2mri.config.evaluate import ProbeSettings
    from ssus2mri.config.learn import SynthesizeSettings
    from ssus2mri.infer.explain import run_explain

    apart({"--out": out}, model, extract)
    run_explain(
        model,
        extract,
        run=run,
        out=out,
        settings=load_section(ProbeSettings, settings, "probe"),
        synthesis=load_section(SynthesizeSettings, synthesis, "synthesize"),
    )


@app.command()
def illustrate(
    results: Annotated[Path, typer.Argument(help="The results folder.")],
    volumes: Annotated[str, paths_option("Test US volumes to show")],
    labels: Labels,
    methods: Methods,
    images: Annotated[str, typer.Option(help="JSON: volume -> its image file.")],
    out: Annotated[Path, typer.Option(help="Folder: figure5 to figure9, .png and .svg.")],
    mr: Annotated[str, paths_option("MR volumes to show beside them")] = "",
    explained: Annotated[str, typer.Option(help="File that `explain` wrote; empty: none.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Draw Figures 5 to 9 of the paper for these scans and runs."""
    from ssus2mri.config.evaluate import IllustrateSettings
    from ssus2mri.render.illustrate import run_illustrate

    apart({"--out": out}, results, explained or None)
    image_files = texts("--images", images, may_be_empty=True)
    run_illustrate(
        results,
        volumes=words(volumes),
        labels=texts("--labels", labels),
        methods=texts("--methods", methods),
        images={volume: Path(path) for volume, path in image_files.items()},
        mr=words(mr),
        out=out,
        settings=load_section(IllustrateSettings, settings, "illustrate"),
        explained=optional(explained),
    )


@app.command()
def browse(
    extract: Annotated[Path, typer.Argument(help="Slice file of the ultrasound.")],
    synthetic: Annotated[str, paths_option("Its synthetic slice files, one per run")],
    labels: Labels,
    methods: Methods,
    out: Out,
    mr: Annotated[str, paths_option("Slice files of real MR to show beside it")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Write a page to browse a test scan, its synthetic MR of every run, and real MR."""
    from ssus2mri.config.evaluate import BrowseSettings
    from ssus2mri.render.browse import run_browse

    apart({"--out": out}, extract, *paths(synthetic), *paths(mr))
    run_browse(
        extract,
        synthetic=paths(synthetic),
        mr=paths(mr),
        labels=texts("--labels", labels),
        methods=texts("--methods", methods),
        out=out,
        settings=load_section(BrowseSettings, settings, "browse"),
    )


@app.command()
def render(
    results: Annotated[Path, typer.Argument(help="The results folder.")],
    labels: Labels,
    volumes: Annotated[str, paths_option("Test US volumes")],
    out: Out,
    scans: Annotated[
        str, typer.Option(help="Volumes to include, separated by spaces, or @FILE; empty: all.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Write one HTML report of tables, pictures, losses and alignment."""
    from ssus2mri.config.evaluate import RenderSettings
    from ssus2mri.render.report import run_render

    run_render(
        results,
        labels=texts("--labels", labels),
        volumes=words(volumes),
        scans=words(scans),
        out=out,
        settings=load_section(RenderSettings, settings, "render"),
    )
