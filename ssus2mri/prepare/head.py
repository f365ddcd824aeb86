"""Find the head: a mask from an image of either modality."""

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import CropSettings
from ssus2mri.prepare.ellipsoid import draw


def find_mask(
    image: sitk.Image, *, modality: str, ga_weeks: float, settings: CropSettings
) -> sitk.Image:
    """Find the head (ultrasound) or the brain (MR).

    Args:
        image: 2D or 3D.
        modality: ``us`` or ``mr``.
        ga_weeks: gestational age, weeks.
        settings: section ``crop``.

    Returns:
        uint8 image of 0 and 1; empty if there is no head within the image.
    """
    if modality == "us":
        from ssus2mri.prepare.skull import find_head  # scipy: a scan with a mask needs none of it

        return draw(find_head(image, ga_weeks, settings.skull), image)
    return find_brain(image, settings.extracted_zeros)


def find_brain(image: sitk.Image, extracted_zeros: float) -> sitk.Image:
    """Find the brain in an MR: the largest bright piece, filled.

    A brain-extracted volume (0 outside) is cut at 0, any other by Otsu's threshold. A brain within
    its mother is more than a threshold can find: give a mask then.

    Args:
        image: MR, 2D or 3D.
        extracted_zeros: share of voxels at 0 above which it counts as brain-extracted.

    Returns:
        uint8 image of 0 and 1.
    """
    from scipy import ndimage

    array = sitk.GetArrayViewFromImage(image)
    extracted = array.min() == 0 and np.mean(array == 0) > extracted_zeros
    bright = image > 0 if extracted else sitk.OtsuThreshold(image, 0, 1)
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(bright), sortByObjectSize=True)
    filled = ndimage.binary_fill_holes(sitk.GetArrayViewFromImage(pieces) == 1)
    mask = sitk.GetImageFromArray(filled.astype(np.uint8))
    mask.CopyInformation(image)
    return mask
