"""The values of the frames of a DICOM file, grey or colour: higher is always brighter.

pydicom decodes most encodings; what it has no decoder for (JPEG lossless, JPEG-LS) is left to GDCM,
within SimpleITK.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut, iter_pixels

from ssus2mri.errors import InputError
from ssus2mri.images.dicom import bad_encoding, has_preamble, integer, numbers, scale
from ssus2mri.images.messages import contradicts, reason, unreadable
from ssus2mri.images.quiet import overheard

_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_GREYS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_PIXELS = 0x7FE00010


def require_grey(path: Path, data: pydicom.Dataset) -> None:
    """Refuse colour, where a volume is wanted."""
    samples = integer(path, data, "SamplesPerPixel", 1)
    photometric = _photometric(path, data)
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        raise InputError(
            str(path),
            expected="one grey value per voxel",
            found=f"{samples} components ({photometric})",
            do="Export it in grey.",
        )


def frames(
    path: Path, data: pydicom.Dataset, wanted: list[int] | None = None
) -> Iterator[NDArray[Any]]:
    """Decode frames, as grey ``(H, W)`` or colour ``(H, W, 3)``; brighter is always more.

    Padding, which is no part of the scan, gets the darkest value of its frame.

    Args:
        path: the file.
        data: its header.
        wanted: frames, from 0; None: all.

    Yields:
        Stored values of each frame; not yet scaled.

    Raises:
        InputError: cut off, of an encoding that is not read, or at odds with its own header.
    """
    photometric = _photometric(path, data)
    stored = integer(path, data, "BitsStored")
    signed = integer(path, data, "PixelRepresentation", 0) == 1
    if integer(path, data, "HighBit", stored - 1) != stored - 1:
        found = f"{stored} bits stored, the highest of which is number {data.HighBit}"
        raise contradicts(path, "range of the values", found)
    padding = _padding(path, data)
    for raw in _decoded(path, data, wanted):
        if photometric == "PALETTE COLOR":
            yield apply_color_lut(raw, _with_tables(path))
            continue
        if padding is not None and raw.ndim == 2:
            raw = _filled(raw, padding, photometric)
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
    grey = value in _GREYS
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


def _padding(path: Path, data: pydicom.Dataset) -> tuple[int, int] | None:
    """Return the least and most of the stored values that mean padding, or None."""
    value = numbers(path, data, "PixelPaddingValue", 1)
    if value is None:
        return None
    limit = numbers(path, data, "PixelPaddingRangeLimit", 1)
    ends = int(value[0]), int(value[0] if limit is None else limit[0])
    return min(ends), max(ends)


def _filled(raw: NDArray[Any], padding: tuple[int, int], photometric: str) -> NDArray[Any]:
    """Set padding to the darkest value of the rest, or to 0 in a frame that is all padding."""
    turn = 2 ** (8 * raw.dtype.itemsize) if raw.dtype.kind == "u" else 0
    low, high = (end + turn if end < 0 else end for end in padding)  # -2000 in unsigned numbers
    outside = (raw >= low) & (raw <= high)
    if not outside.any():
        return raw
    rest = raw[~outside]
    bright_is_less = photometric == "MONOCHROME1"
    darkest = 0 if not rest.size else rest.max() if bright_is_less else rest.min()
    return np.where(outside, raw.dtype.type(darkest), raw)


def _require_length(path: Path, data: pydicom.Dataset) -> None:
    """Refuse plain pixels that are more than the header says: rows would be shifted, or lost."""
    if getattr(data.file_meta.get("TransferSyntaxUID"), "is_compressed", False):
        return
    samples = integer(path, data, "SamplesPerPixel", 1)
    if str(data.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        samples = 2
    counts = (integer(path, data, name) for name in ("Rows", "Columns", "BitsAllocated"))
    bits = samples * math.prod(counts) * integer(path, data, "NumberOfFrames", 1)
    item = next(item for item in data.values() if item.tag == _PIXELS)
    there = getattr(item, "length", None)
    if there is not None and there > -(-bits // 16) * 2:
        found = f"a header of {bits // 8} bytes of pixels, and {there} of them"
        raise contradicts(path, "number of pixels", found)


def _decoded(path: Path, data: pydicom.Dataset, wanted: list[int] | None) -> Iterator[NDArray[Any]]:
    rows, columns = (integer(path, data, name) for name in ("Rows", "Columns"))
    if "PixelData" not in data:
        raise unreadable(path, "it has no PixelData")
    try:
        _require_length(path, data)
        source: Any = path
        if not has_preamble(path):
            source = pydicom.dcmread(path, force=True)
            if not hasattr(source.file_meta, "TransferSyntaxUID"):
                source.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        for raw in iter_pixels(source, indices=wanted):
            if raw.shape[:2] != (rows, columns):
                raise ValueError(f"a frame of {raw.shape[:2]}, not {(rows, columns)}")
            yield raw
    except (RuntimeError, NotImplementedError) as error:
        if integer(path, data, "SamplesPerPixel", 1) != 1:
            raise bad_encoding(path, data) from error
        yield from _by_gdcm(path, data, wanted)
    except InputError:
        raise
    except Exception as error:  # see `header`
        raise unreadable(path, reason(error)) from error


def _by_gdcm(path: Path, data: pydicom.Dataset, wanted: list[int] | None) -> Iterator[NDArray[Any]]:
    """Decode with GDCM, and undo what it does to the values besides decoding."""
    try:
        image, said = overheard(lambda: sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise bad_encoding(path, data) from error
    if said:  # such as "Corrupt JPEG data": the rest would be grey
        raise unreadable(path, said)
    values = sitk.GetArrayFromImage(image)
    slope, intercept = scale(path, data)
    values = np.rint((values.astype(float) - intercept) / slope).astype(np.int64)
    if _photometric(path, data) == "MONOCHROME1":
        signed = integer(path, data, "PixelRepresentation", 0) == 1
        values = (-1 if signed else 2 ** integer(path, data, "BitsStored") - 1) - values
    values = values.reshape(-1, *values.shape[-2:])
    yield from (values if wanted is None else values[wanted])


def _with_tables(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True, force=not has_preamble(path))
