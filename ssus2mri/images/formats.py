"""Raw reading of every image format that is taken, and of none that would be wrong in silence."""

import gzip
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError

VOLUME_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
PLANE_ENDINGS = (".png", ".tif", ".tiff", ".dcm")
_VENDOR_ENDINGS = (".vol", ".v00", ".4dv")
_NIFTI_HEADER = 348
_NIFTI_FLOATS = {16: "f4", 64: "f8"}
READABLE = "NIfTI, NRRD, MHA/MHD, a DICOM folder, or a PNG, TIFF or DICOM plane"


def read_any(path: Path) -> sitk.Image:
    """Read an image file or DICOM folder as it is stored.

    Args:
        path: the file or folder.

    Returns:
        Image of any dimension and pixel type.

    Raises:
        InputError: missing, a vendor's closed format, unreadable, or of impossible spacing.
    """
    name = path.name.lower()
    if name.endswith(_VENDOR_ENDINGS):
        raise InputError(
            str(path),
            expected=READABLE,
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
            str(path), expected=READABLE, found=f"ending {path.suffix!r}", do="Convert the file."
        )
    if name.endswith((".nii", ".nii.gz")):
        _check_nifti(path)
    elif name.endswith((".mha", ".mhd", ".nrrd")):
        _check_text_spacing(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path, reason(error)) from error
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


def _check_nifti(path: Path) -> None:
    """Look for what the library mends in silence: bad spacing, missing voxels, NaN."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, str(error)) from error
    order = "<" if raw[:4] == struct.pack("<i", _NIFTI_HEADER) else ">"
    if raw[:4] != struct.pack(f"{order}i", _NIFTI_HEADER):
        return  # NIfTI-2 or something else: the library knows
    dimensions, *shape = struct.unpack(f"{order}8h", raw[40:56])
    datatype, bits = struct.unpack(f"{order}2h", raw[70:74])
    spacing = struct.unpack(f"{order}8f", raw[76:108])[1 : 1 + min(max(dimensions, 1), 3)]
    if not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise _bad_spacing(path, spacing)
    start = int(struct.unpack(f"{order}f", raw[108:112])[0])
    count = int(np.prod([max(n, 1) for n in shape[: max(dimensions, 1)]], dtype=np.int64))
    if len(raw) < start + count * bits // 8:
        raise _unreadable(path, "it ends before its last voxel")
    if datatype in _NIFTI_FLOATS:
        voxels = np.frombuffer(raw, f"{order}{_NIFTI_FLOATS[datatype]}", count, start)
        if not np.isfinite(voxels).all():
            raise not_finite(path, int((~np.isfinite(voxels)).sum()))


def _check_text_spacing(path: Path) -> None:
    """Read the spacing of a MetaImage or NRRD header: the library drops its sign in silence."""
    with path.open("rb") as file:
        header = file.read(8192).decode("latin-1")
    match = re.search(r"^(?:ElementSpacing|spacings) *[=:] *([-+.\deE ]+?)\r?$", header, re.M)
    if match:
        spacing = tuple(float(value) for value in match.group(1).split())
        if min(spacing) <= 0:
            raise _bad_spacing(path, spacing)


def not_finite(path: Path, count: int) -> InputError:
    """Say that voxels are NaN or infinite."""
    return InputError(
        str(path),
        expected="finite voxels",
        found=f"{count} NaN or infinite voxels",
        do="Replace them (by 0 outside the scan) and save the image again.",
    )


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        str(path),
        expected=READABLE,
        found=f"a file that cannot be read as its ending says ({why})",
        do="It may be truncated or renamed: copy or export it again.",
    )


def _bad_spacing(path: Path, spacing: tuple[float, ...]) -> InputError:
    return InputError(
        str(path),
        expected="a voxel spacing above 0 mm along every axis",
        found=f"spacing {rounded(spacing)} mm",
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


def rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    """Round for a message."""
    return tuple(round(value, 4) for value in values)


def reason(error: RuntimeError) -> str:
    """Give the last line of a library's message, which holds the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("ITK ERROR: ")[:160] if lines else "no reason given"
