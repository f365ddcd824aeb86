"""Stages that show: explain, illustrate, browse, render."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Out,
    Run,
    Settings,
    apart,
    optional,
    paths,
    texts,
    words,
)
from ssus2mri.config.base import load_section

app = typer.Typer()

Methods = Annotated[str, typer.Option(help="JSON: run -> its method (`train.method`).")]
Labels = Annotated[str, typer.Option(help="JSON: run -> name in tables, in their order.")]


@app.command()
def explain(
    model: Annotated[Path, typer.Argument(help="model.safetensors of the run.")],
    extract: Annotated[Path, typer.Argument(help="Slice file of a test scan's ultrasound.")],
    run: Run,
    out: Out,
    settings: Annotated[
        str, typer.Option(help="Section `probe` as JSON, or a whole configuration file (YAML).")
    ] = DEFAULT,
    synthesis: Annotated[
        str, typer.Option(help="Section `synthesize` as JSON, or a whole configuration file.")
    ] = DEFAULT,
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
    volumes: Annotated[str, typer.Option(help="Test US volumes to show, by spaces, or @FILE.")],
    labels: Labels,
    methods: Methods,
    images: Annotated[str, typer.Option(help="JSON: volume -> its file of the manifest.")],
    out: Annotated[Path, typer.Option(help="Folder: figure5 to figure9, .png and .svg.")],
    mr: Annotated[
        str, typer.Option(help="MR volumes to show beside them, by spaces, or @FILE.")
    ] = "",
    explained: Annotated[str, typer.Option(help="What `explain` wrote; empty: nothing.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Draw Figures 5 to 9 of the source, of these scans and runs."""
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
    synthetic: Annotated[
        str, typer.Option(help="Its synthetic slice files, one per run, by spaces, or @FILE.")
    ],
    labels: Labels,
    methods: Methods,
    out: Out,
    mr: Annotated[
        str,
        typer.Option(
            help="Slice files of real MR to show beside it, by spaces, or @FILE; empty: none."
        ),
    ] = "",
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
    volumes: Annotated[str, typer.Option(help="Test US volumes, by spaces, or @FILE.")],
    out: Out,
    scans: Annotated[
        str, typer.Option(help="All volumes, by spaces, or @FILE; empty: all there are.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Put tables, pictures, losses and alignment into one HTML file."""
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
