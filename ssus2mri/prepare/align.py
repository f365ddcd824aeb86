"""A cropped image and the template in; the image in atlas space, its transform and quality out."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ssus2mri import geometry, volume
from ssus2mri.config.prepare import AlignSettings
from ssus2mri.files import write_text
from ssus2mri.formats import read_any
from ssus2mri.prepare import picture, rigid
from ssus2mri.tissues import HEAD, INTRACRANIAL, Tissue

logger = logging.getLogger(__name__)


def run_align(
    image: Path,
    *,
    mask: Path,
    template: Path,
    template_labels: Path,
    modality: str,
    ga_weeks: float,
    plane: str,
    transform: Path | None,
    out: Path,
    settings: AlignSettings,
) -> None:
    """Bring a cropped image to atlas space.

    Beside ``out`` appear, with its stem, ``.tfm`` (image -> atlas), ``.json`` (quality) and
    ``.png`` (the template's outlines over the aligned image).

    Args:
        image: the cropped image, 3D, or 2D if ``plane`` is given.
        mask: its head (US) or brain (MR).
        template: the atlas image of the same modality.
        template_labels: labels of the atlas, `Tissue`, on the same grid.
        modality: ``us`` or ``mr``.
        ga_weeks: gestational age, weeks.
        plane: plane of a 2D image; empty for a volume.
        transform: image -> atlas, used instead of a search; None to search.
        out: the aligned image, float32, original intensities, on the template's grid.
        settings: section ``align``.

    Raises:
        InputError: an input that cannot be used.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # the same bytes on every machine
    scan = sitk.Cast(read_any(image), sitk.sitkFloat32) if plane else volume.read(image)
    head = volume.read_mask(mask, scan)
    atlas = volume.read(template)
    labels = volume.read_labels(template_labels, tuple(Tissue))
    given = geometry.read_transform(transform) if transform else None
    to_atlas, quality = align(scan, head, atlas, labels, modality, given=given, settings=settings)
    aligned = geometry.resample(scan, atlas, to_atlas)
    name = out.name.removesuffix(".gz").removesuffix(".nii")
    caption = summarize(name, quality)
    figure = picture.draw(
        picture.panels(sitk.GetArrayFromImage(aligned), sitk.GetArrayFromImage(labels)), caption
    )
    logger.info("%s", caption)
    geometry.write_transform(to_atlas, out.with_name(f"{name}.tfm"))
    write_text(json.dumps(quality, indent=2) + "\n", out.with_name(f"{name}.json"))
    picture.write(figure, out.with_name(f"{name}.png"))
    volume.write(aligned, out)


def align(
    scan: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_labels: sitk.Image,
    modality: str,
    *,
    given: sitk.Transform | None,
    settings: AlignSettings,
) -> tuple[sitk.Transform, dict[str, Any]]:
    """Find, or take, the transform of a volume to atlas space.

    Args:
        scan: 3D, any direction.
        head: mask on its grid: the head (US) or the brain (MR).
        template: the atlas image of the same modality.
        template_labels: `Tissue` on the template's grid.
        modality: ``us`` or ``mr``.
        given: used as it is, if not None.
        settings: section ``align``.

    Returns:
        The transform, image -> atlas, and its quality: ``method`` (``given`` or ``found``),
        ``similarity`` (correlation of image and template, -1 to 1) and the rest of `rigid.Found`
        (None if given), and what `describe` says.
    """
    template_head = head_of(template_labels, modality)
    if given is None:
        found = rigid.search(scan, head, template, template_head, settings)
        transform: sitk.Transform = found.pose.image_to_atlas()
        quality = {"method": "found", "similarity": found.similarity, **found.doubt()}
    else:
        transform = given
        aligned, aligned_head = (
            geometry.resample(moved, template, given, nearest=nearest)
            for moved, nearest in ((scan, False), (head, True))
        )
        similarity = rigid.similarity(aligned, aligned_head, template, template_head, settings)
        quality = {"method": "given", "similarity": similarity, **dict.fromkeys(rigid.DOUBT)}
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in quality.items()}
    return transform, rounded | describe(transform, head, template_head)


def head_of(labels: sitk.Image, modality: str) -> sitk.Image:
    """Mask, uint8, of what a modality shows of the template: head (US) or brain (MR)."""
    tissues = HEAD if modality == "us" else INTRACRANIAL
    inside = np.isin(sitk.GetArrayViewFromImage(labels), tissues).astype(np.uint8)
    return geometry.from_array(inside, labels)


def describe(
    transform: sitk.Transform, head: sitk.Image, template_head: sitk.Image
) -> dict[str, float]:
    """Say what a transform does to a head.

    Args:
        transform: image -> atlas, linear.
        head: mask on the image's grid.
        template_head: mask on the atlas grid.

    Returns:
        ``scale`` (cube root of the determinant), ``rotation_deg``, ``shift_mm`` (how far the head's
        centre moves) and ``head_dice`` (overlap of the aligned head with the template's, 0 to 1).
    """
    linear = geometry.matrix(transform)
    scale = float(np.cbrt(np.linalg.det(linear)))
    rotation = Rotation.from_matrix(linear / scale).magnitude()
    center = np.array(rigid.middle(head)[0])
    shift = np.array(transform.TransformPoint(center.tolist())) - center
    aligned = geometry.resample(head, template_head, transform, nearest=True)
    a, b = (sitk.GetArrayViewFromImage(mask) > 0 for mask in (aligned, template_head))
    return {
        "scale": round(scale, 4),
        "rotation_deg": round(float(np.degrees(rotation)), 3),
        "shift_mm": round(float(np.linalg.norm(shift)), 3),
        "head_dice": round(float(2 * (a & b).sum() / (a.sum() + b.sum())), 4),
    }


def summarize(name: str, quality: dict[str, Any]) -> str:
    """One line: how a volume was aligned, and how well."""
    return (
        f"{name}: {quality['method']}, similarity {quality['similarity']:.2f}, head overlap"
        f" {quality['head_dice']:.2f}, turned {quality['rotation_deg']:.1f} deg, shifted"
        f" {quality['shift_mm']:.1f} mm, scaled {quality['scale']:.3f}"
    )
