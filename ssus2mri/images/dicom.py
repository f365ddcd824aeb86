"""The header of a DICOM file: its elements as numbers, or a message about what is wrong."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ssus2mri.errors import InputError
from ssus2mri.images.messages import contradicts, lacks, reason, require_file, unreadable

# What is wrong with a file is found and said here, not in a library's words between our own.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\..*")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

MAGIC = b"DICM"
_DEFERRED = 4096
_UNDEFINED = 0xFFFFFFFF


def is_dicom(path: Path) -> bool:
    """Tell whether a file says that it is DICOM, or begins as one without a preamble does."""
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == MAGIC or head[:2] in (b"\x08\x00", b"\x02\x00")


def header(path: Path) -> pydicom.Dataset:
    """Read all of a file but its large values.

    Returns:
        The data set; values of more than 4 kB stay in the file.

    Raises:
        InputError: not DICOM, or cut off.
    """
    require_file(path)
    try:
        plain = not has_preamble(path)
        if plain and not is_dicom(path):
            raise unreadable(path, "no DICOM file")
        data = pydicom.dcmread(path, defer_size=_DEFERRED, force=plain)
        if data.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise bad_encoding(path, data)
        for raw in data.values():  # without reading them
            length, tell = getattr(raw, "length", 0), getattr(raw, "value_tell", 0)
            if length != _UNDEFINED and tell + length > path.stat().st_size:
                raise unreadable(path, "it ends within its pixels")
    except InputError:
        raise
    except Exception as error:  # a damaged file makes the library raise almost anything
        raise unreadable(path, reason(error)) from error
    return data


def has_preamble(path: Path) -> bool:
    """Whether a file begins as one on a medium does; without, it is taken for implicit VR."""
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
    """Return the first item of a sequence, or None."""
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


def require_same_aspect(
    path: Path, data: pydicom.Dataset, edges_mm: tuple[float, float] | None
) -> None:
    """Refuse a PixelAspectRatio that contradicts the size of a pixel.

    Args:
        path: for messages.
        data: its header.
        edges_mm: of a pixel along x and y; None: the file says no size.

    Raises:
        InputError: they differ by more than 1 %, or no size is said of pixels that are no squares.
    """
    aspect = numbers(path, data, "PixelAspectRatio", 2)
    if aspect is None or aspect.min() <= 0:
        return
    across, down = edges_mm or (1.0, 1.0)
    if abs(aspect[0] * across / (aspect[1] * down) - 1) > 0.01:
        found = f"a PixelAspectRatio of {aspect[0]:g}:{aspect[1]:g} and " + (
            "no size" if edges_mm is None else f"pixels of {across:g} x {down:g} mm"
        )
        raise contradicts(path, "size of a pixel", found)


def bad_encoding(path: Path, data: pydicom.Dataset) -> InputError:
    """Say that pixels are compressed in a way that is not read."""
    name = getattr(getattr(data.file_meta, "TransferSyntaxUID", None), "name", "unknown")
    return InputError(
        str(path),
        expected="pixels in an encoding that is read, such as none, RLE, JPEG or JPEG 2000",
        found=f"{name}, which cannot be decoded",
        do="Export it uncompressed (Explicit VR Little Endian); it may be damaged, too.",
    )
