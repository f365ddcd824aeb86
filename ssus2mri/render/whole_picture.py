"""The whole picture around a slice, as the scanner made it: before the crop to the head."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.images import geometry
from ssus2mri.images.volume import read, read_plane
from ssus2mri.slices import Header

WIDER = 1.6
"""Edge of the picture, as a multiple of that of a slice."""


def around(header: Header, plane: int, index: int) -> sitk.Image:
    """Make an empty grid at a slice, wider than the slice.

    Args:
        header: of the slice's volume, which says where atlas space lies.
        plane: an index into `slices.PLANES`.
        index: of the slice; of a 2D plane it counts for nothing.

    Returns:
        A 3D grid, one voxel thick, or a 2D grid for a 2D plane.
    """
    dimension = len(header.origin_mm)
    size = [round(WIDER * header.size)] * dimension
    edge = (size[0] - header.size) / 2 * header.spacing_mm
    origin = [start - edge for start in header.origin_mm]
    if dimension == 3:
        axis = 2 - plane  # arrays are [z, y, x], images (x, y, z)
        size[axis] = 1
        origin[axis] = header.origin_mm[axis] + index * header.spacing_mm
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([header.spacing_mm] * dimension)
    grid.SetOrigin(origin)
    return grid


def whole_picture(
    image: Path,
    transform: Path,
    header: Header,
    plane: int,
    index: int,
    *,
    pixel_mm: float = 0.0,
    frame: int = 0,
) -> NDArray[np.float32]:
    """Cut the original image where a slice lies.

    Args:
        image: the file of the manifest.
        transform: image -> atlas, written by `align`.
        header: of the slice's volume.
        plane: an index into `slices.PLANES`.
        index: of the slice.
        pixel_mm: of a 2D picture; 0: as the file says.
        frame: of a clip, from 1; 0: the file has one.

    Returns:
        ``(H, W)`` in the orientation of slices, on the scale of `extract`: 0 and 1 are what the
        slices show as 0 and 1.

    Raises:
        InputError: the image or the transform cannot be read.
    """
    flat = len(header.origin_mm) == 2
    scan = read_plane(image, pixel_mm or None, frame or None) if flat else read(image)
    to_atlas = geometry.read_transform(transform, 2 if flat else 3)
    cut = sitk.GetArrayFromImage(geometry.resample(scan, around(header, plane, index), to_atlas))
    picture = cut if flat else cut.take(0, axis=plane)
    return ((picture - header.low) / (header.high - header.low)).astype(np.float32)
