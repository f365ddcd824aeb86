"""The uncropped picture around a slice, as the scanner made it."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.images import geometry
from ssus2mri.images.volume import read
from ssus2mri.slices import Header

WIDER = 1.6
"""Edge of the picture, as a multiple of that of a slice."""


def around(header: Header, plane: int, index: int) -> sitk.Image:
    """Make an empty grid at a slice, wider than the slice and one voxel thick."""
    axis = 2 - plane  # arrays are [z, y, x], images (x, y, z)
    size = [round(WIDER * header.size)] * 3
    edge = (size[0] - header.size) / 2 * header.spacing_mm
    origin = [start - edge for start in header.origin_mm]
    size[axis], origin[axis] = 1, header.origin_mm[axis] + index * header.spacing_mm
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([header.spacing_mm] * 3)
    grid.SetOrigin(origin)
    return grid


def whole_picture(
    image: Path, transform: Path, header: Header, plane: int, index: int
) -> NDArray[np.float32]:
    """Cut the original volume where a slice lies.

    Args:
        image: the file of the manifest.
        transform: image -> atlas, written by `align`.
        header: of the slice's volume, 3D.
        plane: an index into `slices.PLANES`.
        index: of the slice.

    Returns:
        ``(H, W)`` in the orientation of slices, on the scale of `extract`: 0 and 1 are the
        intensities that slices show so.

    Raises:
        InputError: the image or the transform cannot be read.
    """
    to_atlas = geometry.read_transform(transform)
    cut = geometry.resample(read(image), around(header, plane, index), to_atlas)
    picture = sitk.GetArrayFromImage(cut).take(0, axis=plane)
    return ((picture - header.low) / (header.high - header.low)).astype(np.float32)
