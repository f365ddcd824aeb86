"""Slicing geometry: cut a volume in atlas space into slices, and assemble slices into a volume.

A slice of a plane is a view of the atlas array ``[z, y, x]``: axial ``a[k]``, coronal ``a[:, k]``,
sagittal ``a[:, :, k]``, so the plane's number (`ssus2mri.slices.PLANES`) is the axis that the index
counts along.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.slices import Header, Slices


def cut(array: NDArray, plane: Iterable[int], index: Iterable[int]) -> NDArray:
    """Cut slices out of a volume.

    Args:
        array: ``[z, y, x]``, any type, a cube.
        plane: ``(S,)``, plane of each slice.
        index: ``(S,)``, index of each slice.

    Returns:
        ``(S, H, W)``, the array's type.
    """
    places = zip(plane, index, strict=True)
    return np.stack([array.take(int(number), axis=int(axis)) for axis, number in places])


def assemble(slices: Slices) -> sitk.Image:
    """Put slices back into atlas space.

    Args:
        slices: slices of a volume, in any planes; or one slice, a 2D plane.

    Returns:
        float32 image on the atlas grid: the mean of all slices that pass through a voxel, 0 where
        none does. A single slice gives a 2D image.
    """
    header = slices.header
    if len(slices) == 1:
        return _in_atlas(slices.image[0].astype(np.float32), header)
    total = np.zeros((header.size,) * 3, np.float32)
    count = np.zeros((header.size,) * 3, np.float32)
    for image, plane, index in zip(slices.image, slices.plane, slices.index, strict=True):
        # `moveaxis` returns a view: the volume itself is changed.
        np.moveaxis(total, int(plane), 0)[int(index)] += image
        np.moveaxis(count, int(plane), 0)[int(index)] += 1
    return _in_atlas(total / np.maximum(count, np.float32(1)), header)


def recut(slices: Slices, assembled: sitk.Image) -> Slices:
    """Cut the slices again from their assembled volume, in which all planes agree.

    The expected errors are averaged over the planes likewise: as if all planes erred alike, which
    is on the safe side. Not stated in the source, which treats each slice by itself.

    Returns:
        The same slices, 0 outside the head as before.
    """
    image = _again(slices, assembled)
    if slices.spread is None:
        return replace(slices, image=image)
    spread = _again(slices, assemble(replace(slices, image=slices.spread)))
    return replace(slices, image=image, spread=spread)


def _again(slices: Slices, assembled: sitk.Image) -> NDArray[np.float16]:
    image = cut(sitk.GetArrayViewFromImage(assembled), slices.plane, slices.index)
    return (image * slices.head).astype(np.float16)


def _in_atlas(array: NDArray[np.floating], header: Header) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([header.spacing_mm] * image.GetDimension())
    image.SetOrigin(header.origin_mm[: image.GetDimension()])
    return image
