"""Images in and out; the one place that knows file formats.

A volume is a 3D ``SimpleITK.Image`` of float32 in world LPS mm; a plane is a 2D one.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.images.formats import not_finite, read_any, rounded


def read(path: Path) -> sitk.Image:
    """Read a volume: NIfTI, NRRD, MHA/MHD, or a folder with one DICOM series.

    Args:
        path: the file or folder.

    Returns:
        3D image, float32, original intensities, geometry as stored.

    Raises:
        InputError: anything about the file that would make the results wrong.
    """
    image = _checked_header(path, dimensions=3)
    return _checked_voxels(path, sitk.Cast(image, sitk.sitkFloat32))


def read_plane(path: Path, pixel_mm: float) -> sitk.Image:
    """Read a 2D plane: PNG, TIFF or DICOM, grey; colour that is grey in all channels is taken.

    Args:
        path: the file.
        pixel_mm: edge of a pixel, mm.

    Returns:
        2D image, float32, spacing ``pixel_mm``, origin 0.

    Raises:
        InputError: as `read`.
    """
    image = sitk.Cast(_checked_header(path, dimensions=2), sitk.sitkFloat32)
    image.SetSpacing((pixel_mm, pixel_mm))
    image.SetOrigin((0.0, 0.0))
    return _checked_voxels(path, image)


def read_mask(path: Path, like: sitk.Image) -> sitk.Image:
    """Read a mask on the grid of an image; every value above 0 is inside.

    Args:
        path: the file; a plane's mask is a 2D picture.
        like: the image that it belongs to.

    Returns:
        uint8 image of 0 and 1.

    Raises:
        InputError: unreadable, on another grid, or empty.
    """
    dimensions = like.GetDimension()
    mask = _checked_header(path, dimensions=dimensions)
    if mask.GetSize() != like.GetSize():
        raise InputError(
            str(path),
            expected=f"a mask on the image's grid {like.GetSize()}",
            found=f"grid {mask.GetSize()}",
            do="Resample the mask to the image.",
        )
    if dimensions == 2:
        mask.CopyInformation(like)
    elif not _same_place(mask, like):
        raise InputError(
            str(path),
            expected=f"origin {rounded(like.GetOrigin())}, spacing {rounded(like.GetSpacing())}",
            found=f"origin {rounded(mask.GetOrigin())}, spacing {rounded(mask.GetSpacing())}"
            " or another direction",
            do="Resample the mask to the image.",
        )
    mask = sitk.Cast(mask > 0, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(mask).any():
        raise InputError(
            str(path),
            expected="a mask with at least one voxel above 0",
            found="an empty mask",
            do="Draw the mask again, or leave `mask` empty to have it found.",
        )
    return mask


def read_labels(path: Path, known: tuple[int, ...]) -> sitk.Image:
    """Read a label volume.

    Args:
        path: the file.
        known: the labels that may occur.

    Returns:
        3D uint8 image.

    Raises:
        InputError: unreadable, or with a label that is not known.
    """
    image = _checked_header(path, dimensions=3)
    array = sitk.GetArrayFromImage(image)
    strange = sorted(set(np.unique(array).tolist()) - set(known))
    if strange:
        raise InputError(
            str(path),
            expected=f"labels out of {known[0]} to {known[-1]}",
            found=", ".join(f"{value:g}" for value in strange[:5]),
            do="Map your labels to the scheme of config/README.md.",
        )
    return sitk.Cast(image, sitk.sitkUInt8)


def write(image: sitk.Image, path: Path) -> None:
    """Write an image, compressed, whole or not at all.

    Args:
        image: what to write.
        path: the file; its ending says the format.
    """
    with whole(path) as partial:
        sitk.WriteImage(image, str(partial), useCompression=True)


def _checked_header(path: Path, *, dimensions: int) -> sitk.Image:
    """Read without looking at the voxels' values."""
    image = read_any(path)
    name = str(path)
    if image.GetNumberOfComponentsPerPixel() > 1:
        channels = np.moveaxis(sitk.GetArrayViewFromImage(image), -1, 0)[:3]
        if dimensions == 2 and all(np.array_equal(channels[0], other) for other in channels[1:]):
            return sitk.VectorIndexSelectionCast(image, 0)
        raise InputError(
            name,
            expected="one grey value a voxel",
            found=f"{image.GetNumberOfComponentsPerPixel()} components (a colour image?)",
            do="Convert it to grey.",
        )
    if image.GetDimension() > dimensions and image.GetSize()[dimensions:] == (1,) * (
        image.GetDimension() - dimensions
    ):
        size = [*image.GetSize()[:dimensions], *([0] * (image.GetDimension() - dimensions))]
        image = sitk.Extract(image, size)
    if image.GetDimension() != dimensions or min(image.GetSize()) < 2:
        raise InputError(
            name,
            expected=f"a {dimensions}D image",
            found=f"{image.GetDimension()}D of size {image.GetSize()}",
            do="Export one time point as a volume."
            if dimensions == 3 and image.GetDimension() > 3
            else "A 2D plane needs `plane` and `pixel_mm` in its manifest row; a volume must not"
            " have them.",
        )
    return image


def _checked_voxels(path: Path, image: sitk.Image) -> sitk.Image:
    array = sitk.GetArrayViewFromImage(image)
    finite = np.isfinite(array)
    if not finite.all():
        raise not_finite(path, int((~finite).sum()))
    if array.min() == array.max():
        raise InputError(
            str(path),
            expected="an image with contrast",
            found=f"the same value {array.min():g} everywhere",
            do="Export the image again.",
        )
    return image


def _same_place(a: sitk.Image, b: sitk.Image) -> bool:
    pairs = [
        (a.GetOrigin(), b.GetOrigin()),
        (a.GetSpacing(), b.GetSpacing()),
        (a.GetDirection(), b.GetDirection()),
    ]
    return all(np.allclose(one, other, rtol=0.0, atol=1e-3) for one, other in pairs)
