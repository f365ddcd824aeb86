"""Images that a caller holds in memory: as much is asked of them as of those in a file."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.images import stored
from ssus2mri.images.grid import require_place, require_plausible, require_same

_COMPLEX = (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64)


def held_scan(image: object) -> sitk.Image:
    """Return a scan as it would have been read.

    Args:
        image: whatever the caller took for one.

    Returns:
        float32, 3D or 2D, on its own grid.

    Raises:
        InputError: no image of one real number a voxel, not 2D or 3D, an impossible grid, voxels
            that are not finite, or the same value everywhere.
    """
    result = sitk.Cast(_image("image", image), sitk.sitkFloat32)
    path, grid = Path("image"), stored.grid_of(result)
    require_plausible(path, grid)
    require_place(path, np.array([grid.origin_mm]))
    values = stored.finite(path, sitk.GetArrayViewFromImage(result))
    stored.require_contrast(path, float(values.min()), float(values.max()))
    return result


def held_mask(image: object, like: sitk.Image) -> sitk.Image:
    """Return a mask as it would have been read; every value above 0 is inside.

    Args:
        image: whatever the caller took for one.
        like: the scan that it belongs to.

    Returns:
        uint8 of 0 and 1 on exactly the grid of the scan.

    Raises:
        InputError: no image of one real number a voxel, or on another grid.
    """
    own = _image("mask", image)
    grid = stored.grid_of(like)
    require_same(Path("mask"), stored.grid_of(own), grid, what="mask")
    return stored.placed((sitk.GetArrayViewFromImage(own) > 0).astype(np.uint8), grid)


def _image(where: str, image: object) -> sitk.Image:
    found = type(image).__name__
    if isinstance(image, sitk.Image):
        parts, dimensions = image.GetNumberOfComponentsPerPixel(), image.GetDimension()
        if parts == 1 and dimensions in (2, 3) and image.GetPixelID() not in _COMPLEX:
            return image
        found = f"{dimensions}D of {parts} x {image.GetPixelIDTypeAsString()} a voxel"
    raise InputError(
        where,
        expected="a 2D or 3D SimpleITK image of one real number a voxel",
        found=found,
        do="Read it with SimpleITK.ReadImage, and give one time point, in grey.",
    )
