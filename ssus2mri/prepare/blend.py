"""Stage `blend`: average training MR in the shape of the atlas, for `match` to deform onto heads.

Not in the source. The brains of two people still differ by millimetres after alignment: their mean
would be blurred and resemble neither. So each MR is first deformed to the MR of the atlas.
"""

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import MatchSettings
from ssus2mri.errors import InputError
from ssus2mri.ffd.volumes import deform_smoothly
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.extract import read_aligned, read_quality
from ssus2mri.prepare.intensity import scaled

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
        percentiles: within a brain, mapped to 0 and 1.
        settings: section ``match``.

    Returns:
        float32 in [0, 1] on the grid of the template, 0 outside its brain.

    Raises:
        ValueError: an image without contrast.
    """
    brain = template > 0
    fixed = _scaled(template, brain, percentiles)
    total = np.zeros(template.GetSize()[::-1], np.float32)
    for image, mask in scans:
        moving = _scaled(image, mask, percentiles)
        to_moving = deform_smoothly(fixed, moving, brain, settings)
        warped = sitk.Resample(moving, fixed, to_moving, sitk.sitkLinear, 0.0)
        total += sitk.GetArrayViewFromImage(warped)
    mean = total / len(scans) * sitk.GetArrayViewFromImage(brain)
    return geometry.from_array(np.clip(mean, 0, 1), template)


def _scaled(image: sitk.Image, brain: sitk.Image, percentiles: list[float]) -> sitk.Image:
    array, mask = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(brain) > 0
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
    """Average aligned training MR in the shape of the atlas and write the mean.

    MR volumes that `align` was uncertain of are left out.

    Args:
        images: aligned MR volumes.
        masks: masks of the cropped images, written by `crop`.
        transforms: image -> atlas, written by `align`.
        template: MR of the atlas.
        out: ``.nii.gz`` to write, in [0, 1].
        percentiles: ``extract.mr_percentiles``.
        settings: section ``match``.

    Raises:
        InputError: an unusable volume, not a mask and a transform for each, or all uncertain.
    """
    if not len(images) == len(masks) == len(transforms):
        raise InputError(
            "--masks, --transforms",
            expected=f"{len(images)} of each, for every volume",
            found=f"{len(masks)} masks, {len(transforms)} transforms",
            do="List them in the order of the volumes, separated by spaces.",
        )
    scans = [
        read_aligned(*paths, plane=False)[:2]
        for paths in zip(images, masks, transforms, strict=True)
        if not read_quality(paths[0]).get("uncertain", False)
    ]
    if not scans:
        raise InputError(
            ", ".join(map(str, images)),
            expected="at least one training MR whose pose is certain",
            found="none",
            do="Look at results/align/*.png; a `transform` in the manifest accepts a pose.",
        )
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
            do="Check the images and their alignment.",
        ) from error
    volume.write(mean, out)
    logger.info("mean of %d of %d MR volumes in the shape of the atlas", len(scans), len(images))
