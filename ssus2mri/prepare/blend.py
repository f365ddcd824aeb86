"""Aligned training MR in, its mean in the shape of the atlas out: what `match` deforms onto heads.

Not in the source. Two people's brains in one space still differ by millimetres: their mean would be
blurred, and like neither. So each MR is first deformed to the atlas, which is MR too.
"""

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import MatchSettings
from ssus2mri.deform import deform_smoothly
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.extract import aligned, scaled

logger = logging.getLogger(__name__)


def blend(
    scans: list[tuple[sitk.Image, sitk.Image]],
    template: sitk.Image,
    *,
    percentiles: list[float],
    settings: MatchSettings,
) -> sitk.Image:
    """Deform MR volumes to the atlas and average them.

    Args:
        scans: aligned MR, any intensities, each with the mask of its brain on the same grid.
        template: MR of the atlas on the same grid, 0 outside the brain.
        percentiles: within a brain, shown as 0 and 1.
        settings: section ``match``.

    Returns:
        float32 in [0, 1] on the grid of the template, 0 outside its brain.

    Raises:
        ValueError: an image without contrast.
    """
    brain = template > 0
    fixed = _unit(template, brain, percentiles)
    total = np.zeros(template.GetSize()[::-1], np.float32)
    for image, mask in scans:
        moving = _unit(image, mask, percentiles)
        to_moving = deform_smoothly(fixed, moving, brain, settings)
        warped = sitk.Resample(moving, fixed, to_moving, sitk.sitkLinear, 0.0)
        total += sitk.GetArrayViewFromImage(warped)
    mean = total / len(scans) * sitk.GetArrayViewFromImage(brain)
    return geometry.from_array(np.clip(mean, 0, 1), template)


def _unit(image: sitk.Image, inside: sitk.Image, percentiles: list[float]) -> sitk.Image:
    array, mask = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(inside) > 0
    return geometry.from_array(scaled(array, mask, percentiles)[0], image)


def run_blend(
    images: list[Path],
    *,
    masks: list[Path],
    transforms: list[Path],
    template: Path,
    out: Path,
    percentiles: list[float],
    settings: MatchSettings,
) -> None:
    """Read aligned training MR, average it in the shape of the atlas, and write the mean.

    Args:
        images: aligned MR volumes.
        masks: of the cropped images, written by `crop`.
        transforms: image -> atlas, written by `align`.
        template: MR of the atlas.
        out: ``.nii.gz`` to write, in [0, 1].
        percentiles: ``extract.mr_percentiles``.
        settings: section ``match``.

    Raises:
        InputError: a volume that cannot be used, or not a mask and a transform for each.
    """
    if not len(images) == len(masks) == len(transforms):
        raise InputError(
            "--masks, --transforms",
            expected=f"{len(images)} of each, one for every volume",
            found=f"{len(masks)} masks, {len(transforms)} transforms",
            do="Give them in the order of the volumes, separated by spaces.",
        )
    files = zip(images, masks, transforms, strict=True)
    scans = [aligned(*known, plane=False)[:2] for known in files]
    try:
        mean = blend(
            scans,
            volume.read(template),
            percentiles=percentiles,
            settings=settings,
        )
    except ValueError as error:
        raise InputError(
            ", ".join(str(path) for path in images),
            expected="contrast within the brain",
            found=str(error),
            do="Look at the images and their alignment.",
        ) from error
    volume.write(mean, out)
    logger.info("mean of %d MR volumes in the shape of the atlas", len(images))
