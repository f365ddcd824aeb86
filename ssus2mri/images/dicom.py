"""One DICOM file: its header, and the values of its frames.

pydicom reads headers and most encodings; what it has no decoder for (JPEG lossless, JPEG-LS) is
left to GDCM, within SimpleITK.
"""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut, iter_pixels

from ssus2mri.errors import InputError
from ssus2mri.images.messages import contradicts, lacks, reason, require_file, unreadable

# What is wrong with a file is found and said here, not in a library's words between our own.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\..*")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

MAGIC = b"DICM"
_DEFERRED = 4096
_UNDEFINED = 0xFFFFFFFF
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_CODES = {"1": "MONOCHROME1", "2": "MONOCHROME2"}


def is_dicom(path: Path) -> bool:
    """Tell whether a file says that it is DICOM, or begins as one without a preamble does."""
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == MAGIC or head[:2] in (b"\x08\x00", b"\x02\x00")


def header(path: Path) -> pydicom.Dataset:
    """Read all of a file but its large values.

    Args:
        path: the file.

    Returns:
        The data set; values of more than 4 kB stay in the file.

    Raises:
        InputError: not DICOM, or cut off.
    """
    require_file(path)
    try:
        plain = not _has_preamble(path)
        if plain and not is_dicom(path):
            raise unreadable(path, "no DICOM file")
        data = pydicom.dcmread(path, defer_size=_DEFERRED, force=plain)
        for raw in data.values():  # without reading them
            length, tell = getattr(raw, "length", 0), getattr(raw, "value_tell", 0)
            if length != _UNDEFINED and tell + length > path.stat().st_size:
                raise unreadable(path, "it ends within its pixels")
    except InputError:
        raise
    except Exception as error:  # a damaged file makes the library raise almost anything
        raise unreadable(path, reason(error)) from error
    return data


def _has_preamble(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == MAGIC


def numbers(
    path: Path, data: pydicom.Dataset, keyword: str, count: int
) -> NDArray[np.float64] | None:
    """Read so many finite numbers of an element.

    Args:
        path: for messages.
        data: the data set, or an item of a sequence.
        keyword: such as ``PixelSpacing``.
        count: how many.

    Returns:
        They, or None where the element is missing or empty.

    Raises:
        InputError: others, more or fewer.
    """
    try:
        value = data.get(keyword)
        if value is None or value == "":
            return None
        many = isinstance(value, (list, tuple, pydicom.multival.MultiValue))
        values = np.array([float(v) for v in value] if many else [float(value)])
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise unreadable(path, f"{keyword} is {reason(error)}") from error
    if len(values) != count or not np.isfinite(values).all():
        raise unreadable(path, f"{keyword} is {values.tolist()}, not {count} finite numbers")
    return values


def integer(path: Path, data: pydicom.Dataset, keyword: str, default: int | None = None) -> int:
    """Read one integer of an element; see `numbers`."""
    values = numbers(path, data, keyword, 1)
    if values is None:
        if default is None:
            raise lacks(path, keyword, "Export the image again.")
        return default
    if values[0] != int(values[0]):
        raise unreadable(path, f"{keyword} is {values[0]:g}")
    return int(values[0])


def item(data: pydicom.Dataset, keyword: str) -> pydicom.Dataset | None:
    """Give the first item of a sequence, or None."""
    sequence = data.get(keyword)
    return sequence[0] if sequence else None


def scale(path: Path, data: pydicom.Dataset) -> tuple[float, float]:
    """Read slope and intercept of the values.

    Raises:
        InputError: only one of them, a slope of 0, or a table of values instead.
    """
    if data.get("ModalityLUTSequence"):
        raise InputError(
            str(path),
            expected="values with a slope and an intercept",
            found="a look-up table of values",
            do="Export the image without it.",
        )
    slope = numbers(path, data, "RescaleSlope", 1)
    intercept = numbers(path, data, "RescaleIntercept", 1)
    if slope is not None and slope[0] == 0:
        raise unreadable(path, "a RescaleSlope of 0")
    return (
        1.0 if slope is None else float(slope[0]),
        0.0 if intercept is None else float(intercept[0]),
    )


def require_grey(path: Path, data: pydicom.Dataset) -> None:
    """Refuse colour, where a volume is wanted."""
    samples = integer(path, data, "SamplesPerPixel", 1)
    photometric = _photometric(path, data)
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        raise InputError(
            str(path),
            expected="one grey value a voxel",
            found=f"{samples} components ({photometric})",
            do="Export it in grey.",
        )


def frames(
    path: Path, data: pydicom.Dataset, numbers: list[int] | None = None
) -> Iterator[NDArray[Any]]:
    """Decode frames, as grey ``(H, W)`` or colour ``(H, W, 3)``; brighter is always more.

    Args:
        path: the file.
        data: its header.
        numbers: frames, from 0; None: all.

    Yields:
        Stored values of each frame; not yet scaled.

    Raises:
        InputError: cut off, of an encoding that is not read, or at odds with its own header.
    """
    photometric = _photometric(path, data)
    stored = integer(path, data, "BitsStored")
    signed = integer(path, data, "PixelRepresentation", 0) == 1
    for raw in _decoded(path, data, numbers):
        if photometric == "PALETTE COLOR":
            yield apply_color_lut(raw, _with_tables(path))
            continue
        if raw.dtype.kind == "u" and int(raw.max(initial=0)) >= 2**stored:
            found = f"{stored} bits stored and the value {int(raw.max())}"
            raise contradicts(path, "range of the values", found)
        if photometric == "MONOCHROME1":
            yield (-1 - raw.astype(np.int64)) if signed else (2**stored - 1) - raw.astype(np.int64)
        else:
            yield raw


def _photometric(path: Path, data: pydicom.Dataset) -> str:
    value = str(data.get("PhotometricInterpretation", "")).strip()
    samples = integer(path, data, "SamplesPerPixel", 1)
    grey = value in (*_CODES.values(), "PALETTE COLOR")
    if not grey and value not in _COLOURS:
        raise unreadable(path, f"PhotometricInterpretation {value!r}")
    if grey != (samples == 1):
        found = f"PhotometricInterpretation {value} and {samples} samples a pixel"
        raise contradicts(path, "meaning of the pixels", found)
    shape = str(data.get("PresentationLUTShape", "")).strip()
    if (value, shape) in (("MONOCHROME2", "INVERSE"), ("MONOCHROME1", "IDENTITY")):
        found = f"PhotometricInterpretation {value} and PresentationLUTShape {shape}"
        raise contradicts(path, "meaning of bright and dark", found)
    return value


def _decoded(
    path: Path, data: pydicom.Dataset, numbers: list[int] | None
) -> Iterator[NDArray[Any]]:
    rows, columns = (integer(path, data, name) for name in ("Rows", "Columns"))
    if "PixelData" not in data:
        raise unreadable(path, "it has no PixelData")
    try:
        source: Any = path
        if not _has_preamble(path):
            source = pydicom.dcmread(path, force=True)
            if not hasattr(source.file_meta, "TransferSyntaxUID"):
                source.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        for raw in iter_pixels(source, indices=numbers):
            if raw.shape[:2] != (rows, columns):
                raise ValueError(f"a frame of {raw.shape[:2]}, not {(rows, columns)}")
            yield raw
    except (RuntimeError, NotImplementedError) as error:
        if integer(path, data, "SamplesPerPixel", 1) != 1:
            raise _encoding(path, data) from error
        yield from _by_gdcm(path, data, numbers)
    except InputError:
        raise
    except Exception as error:  # see `header`
        raise unreadable(path, reason(error)) from error


def _by_gdcm(
    path: Path, data: pydicom.Dataset, numbers: list[int] | None
) -> Iterator[NDArray[Any]]:
    """Decode with GDCM, and take back what it does to the values beside decoding."""
    try:
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise _encoding(path, data) from error
    slope, intercept = scale(path, data)
    values = np.rint((values.astype(float) - intercept) / slope).astype(np.int64)
    if _photometric(path, data) == "MONOCHROME1":
        signed = integer(path, data, "PixelRepresentation", 0) == 1
        values = (-1 if signed else 2 ** integer(path, data, "BitsStored") - 1) - values
    values = values.reshape(-1, *values.shape[-2:])
    yield from (values if numbers is None else values[numbers])


def _encoding(path: Path, data: pydicom.Dataset) -> InputError:
    name = getattr(getattr(data.file_meta, "TransferSyntaxUID", None), "name", "unknown")
    return InputError(
        str(path),
        expected="pixels in an encoding that is read, such as none, RLE, JPEG or JPEG 2000",
        found=name,
        do="Export it uncompressed (Explicit VR Little Endian).",
    )


def _with_tables(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True, force=not _has_preamble(path))
