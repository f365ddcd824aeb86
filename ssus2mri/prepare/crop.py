"""Stage `crop`: cut an image to the head, and mask the head."""

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import CropSettings
from ssus2mri.config.rows import CropRow
from ssus2mri.errors import InputError
from ssus2mri.growth import ellipse_circumference, head_circumference_mm
from ssus2mri.images import volume
from ssus2mri.prepare.ellipsoid import of_mask, solidity
from ssus2mri.prepare.head import find_mask

logger = logging.getLogger(__name__)


def crop(image: sitk.Image, mask: sitk.Image, margin_mm: float) -> tuple[sitk.Image, sitk.Image]:
    """Cut an image and its mask to the mask's bounding box and a margin.

    Args:
        image: 2D or 3D.
        mask: on the grid of ``image``, above 0 inside, not empty.
        margin_mm: kept around the box, mm, rounded up to voxels; less at the image's border.

    Returns:
        Image and mask with the same intensities at the same world coordinates.
    """
    inside = sitk.GetArrayViewFromImage(mask) > 0
    box = []
    for axis, (edge_mm, size) in enumerate(zip(image.GetSpacing(), image.GetSize(), strict=True)):
        other_axes = tuple(a for a in range(inside.ndim) if a != inside.ndim - 1 - axis)
        used = np.flatnonzero(inside.any(axis=other_axes))
        margin = int(np.ceil(margin_mm / edge_mm))
        box.append(slice(max(int(used[0]) - margin, 0), min(int(used[-1]) + margin + 1, size)))
    return image[tuple(box)], mask[tuple(box)]


def without_surroundings(image: sitk.Image, mask: sitk.Image, margin_mm: float) -> sitk.Image:
    """Set what is not near the head to 0: text burnt into a plane may name the patient.

    Returns:
        The image; within the head and its margin as it was.
    """
    outside_mm = sitk.SignedMaurerDistanceMap(
        sitk.Cast(mask > 0, sitk.sitkUInt8), squaredDistance=False, useImageSpacing=True
    )
    return sitk.Mask(image, outside_mm <= margin_mm)


def run_crop(
    image: Path,
    *,
    row: CropRow,
    mask: Path | None,
    out: Path,
    out_mask: Path,
    settings: CropSettings,
) -> None:
    """Read an image, find its head unless a mask is given, cut, and write image and mask.

    Args:
        image: a volume, a DICOM folder, or a plane.
        row: columns of the manifest.
        mask: head (US) or brain (MR) mask; None: found.
        out: image to write.
        out_mask: mask to write.
        settings: section ``crop``.

    Raises:
        InputError: unreadable image or mask, no head found, or one of a size that its age cannot
        have.
    """
    flat = row.plane or row.pixel_mm is not None
    picture = volume.read_plane(image, row.pixel_mm, row.frame) if flat else volume.read(image)
    volume.tell_modality(image, row.modality)
    head = None if mask is None else _read_filled(mask, picture, settings)
    if head is None:
        head = find_mask(picture, modality=row.modality, ga_weeks=row.ga_weeks, settings=settings)
        if not sitk.GetArrayViewFromImage(head).any():
            raise InputError(
                str(image),
                expected="a head within the image",
                found="none",
                do="Look at the image; give a `mask` in its manifest row.",
            )
    _check_size(image, head, row.ga_weeks, settings.max_size_ratio)
    cut, cut_mask = crop(picture, head, settings.margin_mm)
    if flat:
        cut = without_surroundings(cut, cut_mask, settings.margin_mm)
    volume.write(cut, out)
    volume.write(cut_mask, out_mask)


def circumference_mm(mask: sitk.Image) -> float:
    """Return the circumference of a head about its two longest axes, mm.

    Args:
        mask: 2D or 3D, above 0 inside, not empty.

    Returns:
        That of the ellipse with the axes of the mask's second moments: of an axial plane or a whole
        head the head circumference.
    """
    long, wide = of_mask(mask).axes[:2]
    return ellipse_circumference(2 * long, 2 * wide)


def _check_size(path: Path, head: sitk.Image, ga_weeks: float, max_ratio: float) -> None:
    """Refuse a head of a size that its age cannot have: spacing or age is wrong."""
    seen_mm, expected_mm = circumference_mm(head), head_circumference_mm(ga_weeks)
    if not 1 / max_ratio <= seen_mm / expected_mm <= max_ratio:
        raise InputError(
            str(path),
            expected=f"a head circumference near {expected_mm:.0f} mm, that of {ga_weeks:g} weeks",
            found=f"{seen_mm:.0f} mm",
            do="Is the spacing (`pixel_mm` of a plane) wrong, or `ga_weeks`? If neither, the head"
            " was not found: give a `mask`.",
        )


def _read_filled(path: Path, like: sitk.Image, settings: CropSettings) -> sitk.Image | None:
    """Read a mask; None if it cannot be a head."""
    mask = volume.read_mask(path, like)
    filled = solidity(mask)
    if filled >= settings.min_solidity:
        return mask
    logger.warning(
        "%s: expected one filled region; found scattered pieces or a shell (solidity %.2f, least"
        " %.2f). The mask is not used: the head is found from the image.",
        path,
        filled,
        settings.min_solidity,
    )
    return None
