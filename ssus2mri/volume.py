"""Images in and out; the one place that knows file formats.

A volume is a 3D ``SimpleITK.Image`` of float32 in world LPS mm; a plane is a 2D one.
"""

import gzip
import struct
import warnings
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.files import whole

VOLUME_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
PLANE_ENDINGS = (".png", ".tif", ".tiff", ".dcm")
_VENDOR_ENDINGS = (".vol", ".v00", ".4dv")
_READABLE = "NIfTI, NRRD, MHA/MHD, a DICOM folder, or a PNG, TIFF or DICOM plane"


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
            expected=f"origin {_rounded(like.GetOrigin())}, spacing {_rounded(like.GetSpacing())}",
            found=f"origin {_rounded(mask.GetOrigin())}, spacing {_rounded(mask.GetSpacing())}"
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


def check(path: Path, *, plane: bool) -> None:
    """Check that an image can be read, without returning it; see `read`.

    Args:
        path: the file or folder.
        plane: whether it is a 2D plane.

    Raises:
        InputError: as `read`.
    """
    if plane:
        read_plane(path, 1.0)
    else:
        read(path)


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
    image = _read_any(path)
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


def _read_any(path: Path) -> sitk.Image:
    name = path.name.lower()
    if name.endswith(_VENDOR_ENDINGS):
        raise InputError(
            str(path),
            expected=_READABLE,
            found="a GE Voluson (Kretz) volume, a closed vendor format",
            do="Export it: on the scanner or in 4D View choose Export > 3D Cartesian"
            " (uncompressed) or DICOM, open it in 3D Slicer with the SlicerHeart extension, and"
            " save it as .nrrd or .nii.gz.",
        )
    if path.is_dir():
        return _read_series(path)
    require_file(path)
    if not name.endswith(VOLUME_ENDINGS + PLANE_ENDINGS):
        raise InputError(
            str(path), expected=_READABLE, found=f"ending {path.suffix!r}", do="Convert the file."
        )
    if name.endswith((".nii", ".nii.gz")):
        _check_nifti_spacing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            str(path),
            expected=_READABLE,
            found=f"a file that cannot be read as its ending says ({reason(error)})",
            do="It may be truncated or renamed: copy or export it again.",
        ) from error
    if min(image.GetSpacing()) <= 0:
        raise _bad_spacing(path, image.GetSpacing())
    return image


def _read_series(folder: Path) -> sitk.Image:
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise InputError(
            str(folder),
            expected="a folder with one DICOM series",
            found=f"{len(series)} series",
            do="Put each series into a folder of its own.",
        )
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0]))
    try:
        return reader.Execute()
    except RuntimeError as error:
        raise InputError(
            str(folder),
            expected="a readable DICOM series",
            found=reason(error),
            do="Export the series again.",
        ) from error


def _checked_voxels(path: Path, image: sitk.Image) -> sitk.Image:
    array = sitk.GetArrayViewFromImage(image)
    finite = np.isfinite(array)
    if not finite.all():
        raise InputError(
            str(path),
            expected="finite voxels",
            found=f"{int((~finite).sum())} NaN or infinite voxels",
            do="Replace them (by 0 outside the scan) and save the image again.",
        )
    if array.min() == array.max():
        raise InputError(
            str(path),
            expected="an image with contrast",
            found=f"the same value {array.min():g} everywhere",
            do="Export the image again.",
        )
    return image


def _check_nifti_spacing(path: Path) -> None:
    """Read pixdim ourselves: the library repairs a zero or negative spacing in silence."""
    try:
        with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
            header = file.read(348)
    except (OSError, EOFError):
        return  # not gzip or truncated: the library's own message says so
    if len(header) < 348:
        return
    order = "<" if struct.unpack("<i", header[:4])[0] == 348 else ">"
    if struct.unpack(f"{order}i", header[:4])[0] != 348:
        return  # not NIfTI-1
    dimensions = struct.unpack(f"{order}h", header[40:42])[0]
    spacing = struct.unpack(f"{order}8f", header[76:108])[1 : 1 + min(max(dimensions, 1), 3)]
    if not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise _bad_spacing(path, spacing)


def _bad_spacing(path: Path, spacing: tuple[float, ...]) -> InputError:
    return InputError(
        str(path),
        expected="a voxel spacing above 0 mm along every axis",
        found=f"spacing {_rounded(spacing)} mm",
        do="Write the true spacing into the image's header.",
    )


def require_file(path: Path) -> None:
    """Refuse a path that is no file.

    Args:
        path: the file.

    Raises:
        InputError: no such file.
    """
    if not path.is_file():
        raise InputError(
            str(path),
            expected="a file",
            found="no such file",
            do="Correct the path; in a manifest it is relative to the manifest.",
        )


def _same_place(a: sitk.Image, b: sitk.Image) -> bool:
    pairs = [
        (a.GetOrigin(), b.GetOrigin()),
        (a.GetSpacing(), b.GetSpacing()),
        (a.GetDirection(), b.GetDirection()),
    ]
    return all(np.allclose(one, other, rtol=0.0, atol=1e-3) for one, other in pairs)


def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values)


def reason(error: RuntimeError) -> str:
    """Give the last line of a library's message, which holds the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("ITK ERROR: ")[:160] if lines else "no reason given"
