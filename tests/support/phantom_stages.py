"""An atlas of a round head, and the way of a scan through crop, align and extract."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from conftest import configured

from ssus2mri.config.prepare import AlignSettings, CropSettings, ExtractSettings
from ssus2mri.config.rows import AlignRow, CropRow, ExtractRow
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import run_align
from ssus2mri.prepare.crop import run_crop
from ssus2mri.prepare.extract import run_extract
from ssus2mri.tissues import Tissue

SPACING_MM = 1.0
SIZE = 64


def write_template(folder: Path) -> Path:
    """Write template files of a round head in the middle of the atlas."""
    grid = geometry.grid(SIZE, SPACING_MM, (0.0, 0.0, 0.0))
    points = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    inside = ((points**2).sum(axis=0) < (0.4 * SIZE) ** 2).astype(np.uint8)
    for name in ("us", "mr"):
        image = geometry.from_array(inside.astype(np.float32) * 100, grid)
        volume.write(image, folder / f"{name}.nii.gz")
    labels = geometry.from_array(inside * np.uint8(Tissue.WHITE_MATTER), grid)
    volume.write(labels, folder / "labels.nii.gz")
    volume.write(geometry.from_array(inside, grid), folder / "head.nii.gz")
    return folder


def through_the_stages(
    path: Path,
    head: sitk.Image,
    to_atlas: sitk.Transform,
    atlas: Path,
    out: Path,
    *,
    modality: str,
    ga_weeks: float,
    plane: str = "",
    pixel_mm: float | None = None,
    **extract: Any,
) -> None:
    """Write all that crop, align and extract write of a scan whose head and pose are known.

    Args:
        path: the scan.
        head: its mask.
        to_atlas: scan -> atlas.
        atlas: folder of `write_template`.
        out: folder; ``crop.nii.gz`` and ``mask.nii.gz``, then ``v.nii.gz``, ``v.tfm``, ``v.h5``.
        modality: ``us`` or ``mr``.
        ga_weeks: gestational age, weeks.
        plane: of a 2D scan.
        pixel_mm: of a 2D scan whose file does not say it.
        extract: changes of section ``extract``.
    """
    about: dict[str, Any] = {"modality": modality, "ga_weeks": ga_weeks, "plane": plane}
    mask, pose = out.parent / "mask.nii.gz", out.parent / "pose.tfm"
    volume.write(sitk.Cast(head, sitk.sitkUInt8), mask)
    geometry.write_transform(to_atlas, pose)
    run_crop(
        path,
        row=CropRow(**about, pixel_mm=pixel_mm),
        mask=mask,
        out=out / "crop.nii.gz",
        out_mask=out / "mask.nii.gz",
        settings=configured(CropSettings, "crop"),
    )
    run_align(
        out / "crop.nii.gz",
        mask=out / "mask.nii.gz",
        template=atlas / f"{modality}.nii.gz",
        template_labels=atlas / "labels.nii.gz",
        row=AlignRow(**about),
        transform=pose,
        out=out / "v.nii.gz",
        settings=configured(AlignSettings, "align"),
    )
    run_extract(
        out / "v.nii.gz",
        mask=out / "mask.nii.gz",
        transform=out / "v.tfm",
        row=ExtractRow(**about, volume="v", subject="s", split="train"),
        labels=None,
        truth=None,
        out=out / "v.h5",
        settings=configured(ExtractSettings, "extract", **extract),
    )
