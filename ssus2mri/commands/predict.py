"""Commands for single scans, without a cohort: predict and export."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    Threads,
    apart,
    optional,
    pixel,
    require_folder,
    weeks,
)
from ssus2mri.errors import InputError

app = typer.Typer()


@app.command()
def predict(
    scans: Annotated[
        list[Path],
        typer.Argument(help="Ultrasound: images, DICOM folders, folders of images, manifests."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for {scan}_mr.nii.gz and the other outputs.")],
    ga_weeks: Annotated[
        str,
        typer.Option(
            help="Gestational age in weeks, such as 23.57 for 23 + 4; a manifest has its own.",
            show_default=False,
        ),
    ] = "",
    pixel_mm: Annotated[
        float,
        typer.Option(help="Pixel size of a 2D axial plane, mm; 0: as in the file.", callback=pixel),
    ] = 0.0,
    model: Annotated[
        str,
        typer.Option(help="model.safetensors of a project's run; empty: the shipped network."),
    ] = "",
    force: Annotated[
        bool, typer.Option(help="Predict scans that would be refused, and mark every output.")
    ] = False,
    threads: Threads = 2,
) -> None:
    """Predict MR, tissues, trust and sizes of scans; for research, not for diagnosis."""
    from ssus2mri.prediction.run import run_predict
    from ssus2mri.prediction.write import ENDINGS
    from ssus2mri.sources import require_used, sources

    age_weeks = weeks(ga_weeks)
    require_used(scans, ga_weeks=age_weeks, pixel_mm=pixel_mm)
    scan_list = sources(scans, ga_weeks=age_weeks, pixel_mm=pixel_mm or None)
    names = [f"{source.name}{end}" for source in scan_list for end in ENDINGS]
    outputs = {f"{name} in --out": out / name for name in names}
    inputs = [path for source in scan_list for path in (source.path, source.mask)]
    apart({"--out": out, **outputs}, *inputs, model, *(p for p in scans if p.is_file()))
    require_folder(out)
    run_predict(scan_list, out=out, model=optional(model), force=force, threads=threads)


@app.command()
def export(
    predicted: Annotated[Path, typer.Argument(help="Folder that `predict` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set (nnU-Net).")],
    augment: Annotated[
        bool, typer.Option("--augment", help="Use the synthetic MR as images.")
    ] = False,
    annotate: Annotated[
        list[Path] | None,
        typer.Option(help="Use this ultrasound as images: a file or folder; may be repeated."),
    ] = None,
) -> None:
    """Write predictions and their tissues as a data set for training a segmentation."""
    from ssus2mri.export import run_export
    from ssus2mri.sources import sources

    if augment == bool(annotate):
        raise InputError(
            "export",
            expected="either --augment or --annotate ULTRASOUND",
            found="both" if augment else "neither",
            do="Choose what the images of the data set are.",
        )
    scans = sources(annotate or [], ga_weeks=1.0, pixel_mm=None)
    count = run_export(
        predicted,
        kind="augment" if augment else "annotate",
        ultrasound={scan.name: scan.path for scan in scans},
        out=out,
    )
    typer.echo(f"{out}: {count} cases")
