"""Stage `align`: bring a cropped image to atlas space, and say how far to trust its pose."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import AlignSettings
from ssus2mri.config.rows import AlignRow
from ssus2mri.files import write_text
from ssus2mri.images import geometry, volume
from ssus2mri.pose.placement import ball_radius_mm, middle, placement_of, transform_between
from ssus2mri.prepare import picture
from ssus2mri.prepare.plane import align_plane, thalamic_level
from ssus2mri.tissues import HEAD, INTRACRANIAL, Tissue

logger = logging.getLogger(__name__)
Quality = dict[str, Any]


def run_align(
    image: Path,
    *,
    mask: Path,
    template: Path,
    template_labels: Path,
    row: AlignRow,
    transform: Path | None,
    out: Path,
    settings: AlignSettings,
) -> None:
    """Bring a cropped image to atlas space.

    Beside ``out`` appear, with its stem, ``.tfm`` (image -> atlas), ``.json`` (quality) and
    ``.png`` (the template's outlines over the aligned image).

    Args:
        image: the cropped image, 3D, or 2D if the row has a ``plane``.
        mask: its head (US) or brain (MR).
        template: the atlas image of the same modality.
        template_labels: labels of the atlas, `Tissue`, on the same grid.
        row: columns of the manifest.
        transform: image -> atlas, used instead of a search; None to search.
        out: the aligned image, float32, original intensities, on the template's grid.
        settings: section ``align``.

    Raises:
        InputError: an input that cannot be used.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # the same bytes on every machine
    scan = volume.read_plane(image) if row.plane else volume.read(image)
    head = volume.read_mask(mask, scan)
    atlas = volume.read(template)
    labels = volume.read_labels(template_labels, tuple(Tissue))
    manual = geometry.read_transform(transform, 2 if row.plane else 3) if transform else None
    if row.plane:
        to_atlas, quality = align_2d(
            scan, head, atlas, labels, ga_weeks=row.ga_weeks, transform=manual, settings=settings
        )
        labels = labels[:, :, quality["index"]]
    else:
        to_atlas, quality = align_3d(
            scan, head, atlas, labels, modality=row.modality, transform=manual, settings=settings
        )
    quality |= describe(to_atlas, head, head_of(labels, row.modality))
    if transform:
        geometry.require_overlap(transform, quality["head_dice"])
    quality = {k: round(v, 4) if isinstance(v, float) else v for k, v in quality.items()}
    aligned = geometry.resample(scan, labels, to_atlas)
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


def align_3d(
    scan: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_labels: sitk.Image,
    *,
    modality: str,
    transform: sitk.Transform | None,
    settings: AlignSettings,
) -> tuple[sitk.Transform, Quality]:
    """Find, or take, the transform of a volume to atlas space.

    Ultrasound is placed by a network, as the source does (its ref. 36): likeness to a simulated
    template draws real scans to wrong poses. MR is searched for by likeness to the template's.

    Args:
        scan: 3D, any direction.
        head: mask on its grid: the head (US) or the brain (MR).
        template: the atlas image of the same modality.
        template_labels: `Tissue` on the template's grid.
        modality: ``us`` or ``mr``.
        transform: used as it is, if not None.
        settings: section ``align``.

    Returns:
        The transform, image -> atlas, and its quality: ``method`` (``given``, ``network`` or
        ``search``), ``similarity`` (correlation of image and template, -1 to 1), ``confidence``
        (the probability that the pose is right within 10 degrees; 1 if given), and what speaks for
        it.
    """
    from ssus2mri.prepare import search  # more of scipy: a plane needs none of it

    template_head = head_of(template_labels, modality)
    evidence: Quality
    if transform is not None:
        method, confidence, evidence = "given", 1.0, {}
    elif modality == "us":
        method = "network"
        transform, confidence, evidence = place(scan, head, template_labels, settings)
    else:
        fit = search.search(
            scan, head, template, template_head, modality=modality, settings=settings
        )
        method, transform = "search", fit.transform.image_to_atlas()
        evidence = {name: getattr(fit, name) for name in search.EVIDENCE}
        confidence = search.confidence(fit, settings.mr_confidence)
    aligned = geometry.resample(scan, template, transform)
    aligned_head = geometry.resample(head, template, transform, nearest=True)
    similarity = search.similarity(
        aligned, aligned_head, template, template_head, modality=modality, settings=settings
    )
    return transform, {
        "method": method,
        "confidence": confidence,
        "uncertain": confidence < settings.min_confidence,
        "similarity": similarity,
        **evidence,
    }


def place(
    scan: sitk.Image, head: sitk.Image, template_labels: sitk.Image, settings: AlignSettings
) -> tuple[sitk.Transform, float, Quality]:
    """Place the head of an ultrasound by the pose network.

    Args:
        scan: 3D.
        head: mask on its grid; its centre and size count only.
        template_labels: `Tissue` on the template's grid.
        settings: section ``align``.

    Returns:
        The transform, image -> atlas; its confidence, 0 to 1; and what that is drawn from.
    """
    from ssus2mri.pose.locate import locate  # torch: only a 3D ultrasound pays for it
    from ssus2mri.prepare.upright import upright_rotation

    centre_mm, volume_mm3 = middle(head)
    location = locate(scan, centre_mm, ball_radius_mm(volume_mm3))
    atlas = placement_of(head_of(template_labels, "us"), upright_rotation(template_labels))
    transform = transform_between(
        location.placement, atlas, scaled=settings.transform == "similarity"
    )
    evidence = {name: getattr(location, name) for name in ("agreement", "spread_deg", "midline")}
    return transform, location.confidence, evidence


def align_2d(
    scan: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_labels: sitk.Image,
    *,
    ga_weeks: float,
    transform: sitk.Transform | None,
    settings: AlignSettings,
) -> tuple[sitk.Transform, Quality]:
    """Find, or take, the transform of an axial plane to the template's axial grid.

    Args:
        scan: 2D.
        head: mask on its grid.
        template: the atlas image of the same modality, 3D.
        template_labels: `Tissue` on the template's grid.
        ga_weeks: gestational age, weeks.
        transform: used as it is, if not None; the plane then counts as at the level of the thalami.
        settings: section ``align``.

    Returns:
        The transform, and its quality: ``method``, ``index`` (axial level of the template) and
        what `align_plane` says.
    """
    if transform is not None:
        level = thalamic_level(sitk.GetArrayViewFromImage(template_labels))
        return transform, {"method": "given", "similarity": None, "index": level}
    transform, quality = align_plane(
        scan, head, template, template_labels, ga_weeks=ga_weeks, settings=settings.plane
    )
    return transform, {"method": "ellipse", **quality}


def head_of(labels: sitk.Image, modality: str) -> sitk.Image:
    """Return a mask, uint8, of what a modality shows of the template: head (US) or brain (MR)."""
    tissues = HEAD if modality == "us" else INTRACRANIAL
    inside = np.isin(sitk.GetArrayViewFromImage(labels), tissues).astype(np.uint8)
    return geometry.from_array(inside, labels)


def describe(
    transform: sitk.Transform, head: sitk.Image, template_head: sitk.Image
) -> dict[str, float]:
    """Say what a transform does to a head.

    Args:
        transform: image -> atlas, linear.
        head: mask on the image's grid, 2D or 3D.
        template_head: mask on the atlas grid, of the same dimension.

    Returns:
        ``scale`` (of lengths), ``rotation_deg`` (0 to 180), ``shift_mm`` (how far the head's centre
        moves) and ``head_dice`` (overlap of the aligned head with the template's, 0 to 1).
    """
    linear = geometry.matrix(transform)
    scale = abs(float(np.linalg.det(linear))) ** (1 / len(linear))
    # The angle of a rotation follows from its trace; an affine's is that of the nearest one.
    turn, _, back = np.linalg.svd(linear)
    cosine = np.trace(turn @ back) / 2 - (0.5 if len(linear) == 3 else 0.0)
    center = middle(head)[0]
    shift = np.array(transform.TransformPoint(center.tolist())) - center
    aligned = geometry.resample(head, template_head, transform, nearest=True)
    a, b = (sitk.GetArrayViewFromImage(mask) > 0 for mask in (aligned, template_head))
    return {
        "scale": scale,
        "rotation_deg": float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))),
        "shift_mm": float(np.linalg.norm(shift)),
        "head_dice": float(2 * (a & b).sum() / (a.sum() + b.sum())),
    }


def summarize(name: str, quality: Quality) -> str:
    """Say in one line how an image was aligned, and how well."""
    confidence, similarity = quality.get("confidence"), quality["similarity"]
    return (
        f"{name}: {'UNCERTAIN, ' if quality.get('uncertain') else ''}{quality['method']}"
        + ("" if confidence is None else f", confidence {confidence:.2f}")
        + ("" if similarity is None else f", similarity {similarity:.2f}")
        + f", head overlap {quality['head_dice']:.2f}, turned {quality['rotation_deg']:.1f} deg,"
        f" shifted {quality['shift_mm']:.1f} mm, scaled {quality['scale']:.3f}"
    )
