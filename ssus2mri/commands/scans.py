"""Stages of the atlas and of a scan, from template to match."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Out,
    Settings,
    Template,
    apart,
    files_argument,
    listed,
    optional,
    paths,
    paths_option,
    row_option,
    section_option,
)
from ssus2mri.config.base import load_section
from ssus2mri.config.rows import (
    AlignRow,
    CropRow,
    ExtractRow,
    MatchRow,
    SimulateRow,
    load_row,
)

app = typer.Typer()


@app.command()
def template(
    out: Annotated[Path, typer.Option(help="Folder: mr, us, labels and head .nii.gz.")],
    labels: Annotated[str, typer.Option(help="Label atlas; empty: built-in anatomy.")] = "",
    image: Annotated[str, typer.Option(help="MR of the label atlas; empty: simulated.")] = "",
    atlas: Annotated[str, section_option("atlas")] = DEFAULT,
    settings: Settings = DEFAULT,
) -> None:
    """Make the atlas: MR, ultrasound, labels and head on one grid."""
    from ssus2mri.config.prepare import AtlasSettings
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.template import run_template

    files = {f"--out {part}": out / f"{part}.nii.gz" for part in ("mr", "us", "labels", "head")}
    apart(files, labels, image)

    run_template(
        load_section(AtlasSettings, atlas, "atlas"),
        load_section(SimulateSettings, settings, "simulate"),
        out=out,
        labels=optional(labels),
        image=optional(image),
    )


@app.command()
def simulate(
    row: Annotated[str, row_option(SimulateRow)],
    out: Annotated[
        Path, typer.Option(help="Image to write; its labels, true MR and pose go beside it.")
    ],
    labels: Annotated[str, typer.Option(help="Label atlas; empty: built-in anatomy.")] = "",
    pathology: Annotated[
        str, typer.Option(help="An entry of `pathologies`, JSON; empty: none.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Simulate a scan with its labels, true MR and pose; its names in the row are the seeds."""
    from ssus2mri.config.pathology import load_pathology
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.cohort import run_simulate

    apart({"--out": out}, labels)

    run_simulate(
        load_row(SimulateRow, row),
        labels=optional(labels),
        pathology=load_pathology(pathology) if pathology else None,
        out=out,
        settings=load_section(SimulateSettings, settings, "simulate"),
    )


@app.command()
def crop(
    image: Annotated[Path, typer.Argument(help="A volume, a DICOM folder or a plane.")],
    row: Annotated[str, row_option(CropRow)],
    out: Out,
    out_mask: Out,
    mask: Annotated[str, typer.Option(help="Head or brain mask; empty: the head is found.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Crop an image to the head and write a mask of the head."""
    from ssus2mri.config.prepare import CropSettings
    from ssus2mri.prepare.crop import run_crop

    apart({"--out": out, "--out-mask": out_mask}, image, mask, series=image)

    run_crop(
        image,
        row=load_row(CropRow, row),
        mask=optional(mask),
        out=out,
        out_mask=out_mask,
        settings=load_section(CropSettings, settings, "crop"),
    )


@app.command()
def align(
    image: Annotated[Path, typer.Argument(help="A cropped image.")],
    mask: Annotated[Path, typer.Option(help="Its mask, written by `crop`.")],
    template: Template,
    template_labels: Annotated[Path, typer.Option(help="Labels of the atlas.")],
    row: Annotated[str, row_option(AlignRow)],
    out: Annotated[Path, typer.Option(help="Image to write; .tfm, .json and .png go beside it.")],
    transform: Annotated[
        str, typer.Option(help="ITK transform, image -> atlas; empty: estimated.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Align a cropped image with the atlas."""
    from ssus2mri.config.prepare import AlignSettings
    from ssus2mri.prepare.align import run_align

    stem = out.name.removesuffix(".gz").removesuffix(".nii")
    beside = {end: out.with_name(stem + end) for end in (".tfm", ".json", ".png")}
    apart({"--out": out, **beside}, image, mask, template, template_labels, transform)

    run_align(
        image,
        mask=mask,
        template=template,
        template_labels=template_labels,
        row=load_row(AlignRow, row),
        transform=optional(transform),
        out=out,
        settings=load_section(AlignSettings, settings, "align"),
    )


@app.command()
def extract(
    image: Annotated[Path, typer.Argument(help="An aligned image.")],
    mask: Annotated[Path, typer.Option(help="Mask of the cropped image, written by `crop`.")],
    transform: Annotated[Path, typer.Option(help="Image -> atlas, written by `align`.")],
    row: Annotated[str, row_option(ExtractRow)],
    out: Out,
    labels: Annotated[str, typer.Option(help="Labels in the image's own space.")] = "",
    truth: Annotated[str, typer.Option(help="True MR in the image's own space.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Slice an aligned image and scale its intensities."""
    from ssus2mri.config.prepare import ExtractSettings
    from ssus2mri.prepare.extract import run_extract

    apart({"--out": out}, image, mask, transform, labels, truth)

    run_extract(
        image,
        mask=mask,
        transform=transform,
        row=load_row(ExtractRow, row),
        labels=optional(labels),
        truth=optional(truth),
        out=out,
        settings=load_section(ExtractSettings, settings, "extract"),
    )


@app.command()
def view(
    side: Annotated[str, typer.Argument(help="Side of the probe: right, left, front, ...")],
    out: Out,
    labels: Annotated[str, typer.Option(help="Label atlas; empty: built-in anatomy.")] = "",
    atlas: Annotated[str, section_option("atlas")] = DEFAULT,
    simulate: Annotated[str, section_option("simulate")] = DEFAULT,
    settings: Settings = DEFAULT,
) -> None:
    """Average simulated scans of the atlas's head from one side."""
    from ssus2mri.config.prepare import AtlasSettings, ViewSettings
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.view import run_view

    apart({"--out": out}, labels)

    run_view(
        side,
        load_section(AtlasSettings, atlas, "atlas"),
        load_section(SimulateSettings, simulate, "simulate"),
        labels=optional(labels),
        out=out,
        settings=load_section(ViewSettings, settings, "view"),
    )


@app.command()
def blend(
    images: Annotated[list[Path], files_argument("Aligned MR of the training split")],
    masks: Annotated[str, paths_option("Their masks by `crop`")],
    transforms: Annotated[str, typer.Option(help="Their transforms by `align`, likewise.")],
    template: Annotated[Path, typer.Option(help="MR of the atlas, written by `template`.")],
    out: Out,
    extract: Annotated[str, section_option("extract")] = DEFAULT,
    settings: Settings = DEFAULT,
) -> None:
    """Average training MR in the shape of the atlas."""
    from ssus2mri.config.prepare import ExtractSettings, MatchSettings
    from ssus2mri.prepare.blend import run_blend

    images, heads, poses = listed(images), paths(masks), paths(transforms)
    apart({"--out": out}, *images, *heads, *poses, template)

    run_blend(
        images,
        masks=heads,
        transforms=poses,
        template=template,
        out=out,
        percentiles=load_section(ExtractSettings, extract, "extract").mr_percentiles,
        settings=load_section(MatchSettings, settings, "match"),
    )


@app.command()
def match(
    image: Annotated[Path, typer.Argument(help="An aligned ultrasound image.")],
    mask: Annotated[Path, typer.Option(help="Mask of the cropped image, written by `crop`.")],
    transform: Annotated[Path, typer.Option(help="Image -> atlas, written by `align`.")],
    extract: Annotated[Path, typer.Option(help="Slice file of the volume, by `extract`.")],
    views: Annotated[str, paths_option("Ultrasound of the atlas from each side")],
    template_head: Annotated[Path, typer.Option(help="Mask of the atlas's head.")],
    template_labels: Annotated[Path, typer.Option(help="Tissues of the atlas.")],
    blend: Annotated[Path, typer.Option(help="Mean training MR, written by `blend`.")],
    out: Out,
    row: Annotated[str, row_option(MatchRow)] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Deform training MR onto the head in an ultrasound image."""
    from ssus2mri.config.prepare import MatchSettings
    from ssus2mri.prepare.match import run_match

    apart({"--out": out}, image, mask, transform, extract, *paths(views), blend)

    run_match(
        image,
        mask=mask,
        transform=transform,
        row=load_row(MatchRow, row),
        extract=extract,
        views=paths(views),
        template_head=template_head,
        template_labels=template_labels,
        blend=blend,
        out=out,
        settings=load_section(MatchSettings, settings, "match"),
    )
