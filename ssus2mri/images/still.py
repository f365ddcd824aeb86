"""PNG and TIFF pictures, however they store grey: higher is always brighter."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from ssus2mri.errors import InputError
from ssus2mri.images.grey import grey
from ssus2mri.images.grid import LEAST_MM, MOST_MM
from ssus2mri.images.messages import contradicts, reason, unreadable
from ssus2mri.images.quiet import overheard
from ssus2mri.images.text import MM

MOST_PIXELS = 2**25
_INCH_MM = 25.4
_OF_PRINTERS = (72, 75, 90, 96, 100, 120, 144, 150, 192, 200, 240, 300, 350, 360, 400, 600, 1200)
"""Dots an inch that programs write whatever the picture shows."""
_DESCRIPTION, _ORIENTATION, _RESOLUTION = 270, 274, 282
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def resolution_mm(path: Path) -> float | None:
    """Return the edge of a pixel by a picture's resolution, where that may be meant.

    Returns:
        mm; None: there is no resolution, one of screens and printers, or one that no scan has.
    """
    try:
        with Image.open(path) as picture:
            dpi = float((picture.info.get("dpi") or (0.0, 0.0))[0])
            tags = getattr(picture, "tag_v2", {})
            unit = re.search(r"^unit=(.+)$", str(tags.get(_DESCRIPTION, "")), re.MULTILINE)
            if unit and unit.group(1).strip().lower() in MM:  # as ImageJ says it
                return MM[unit.group(1).strip().lower()] / float(tags[_RESOLUTION])
    except Exception:  # said by `read`
        return None
    usual = any(abs(dpi - printer_dpi) < 0.5 for printer_dpi in _OF_PRINTERS)
    edge_mm = _INCH_MM / dpi if dpi > 0 else 0.0
    return None if usual or not LEAST_MM <= edge_mm <= MOST_MM else edge_mm


def read(path: Path, frame: int | None = None) -> NDArray[Any]:
    """Read a picture.

    Args:
        path: a PNG or TIFF file; the content tells which.
        frame: page of a TIFF, from 1; None: it has one.

    Returns:
        Grey values, ``(H, W)``.

    Raises:
        InputError: unreadable, in colour, turned, of several pages, or of pixels that are no
            squares.
    """
    with path.open("rb") as file:
        magic = file.read(8)
    try:
        if magic.startswith(b"\x89PNG"):
            return grey(path, _png(path, frame))
        if magic[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return grey(path, _tiff(path, frame))
    except InputError:
        raise
    except Exception as error:  # a damaged file makes the libraries raise almost anything
        raise unreadable(path, reason(error)) from error
    raise unreadable(path, "neither PNG nor TIFF")


def _png(path: Path, frame: int | None) -> NDArray[Any]:
    with Image.open(path) as picture:
        _require(path, picture.size, picture.info.get("aspect"))
        dpi = picture.info.get("dpi")
        _require(path, picture.size, dpi)
        if getattr(picture, "n_frames", 1) > 1 or frame is not None:
            raise _pages(path, getattr(picture, "n_frames", 1))
        if picture.getexif().get(_ORIENTATION, 1) != 1:
            raise _turned(path)
        with path.open("rb") as file:
            depth, kind = file.read(26)[24:26]
        if depth == 16 and kind != 0:  # Pillow would keep 8 bits of them
            return _heard(path, lambda: sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
        if depth == 16 and "transparency" in picture.info:
            values = np.asarray(picture)
            return np.where(values == picture.info["transparency"], 0, values)
        picture.load()
        if picture.mode == "P" or "transparency" in picture.info:
            transparent = "transparency" in picture.info
            return np.asarray(picture.convert("RGBA" if transparent else "RGB"))
        if picture.mode not in ("1", "L", "LA", "I;16", "I;16B", "I", "RGB", "RGBA"):
            raise unreadable(path, f"pixels of mode {picture.mode}")
        values = np.asarray(picture)
        return values.astype(np.uint8) if picture.mode == "1" else values


def _tiff(path: Path, frame: int | None) -> NDArray[Any]:
    import tifffile  # costs more to load than a PNG to read

    with tifffile.TiffFile(path) as file:
        pages = file.pages
        if (len(pages) > 1) != (frame is not None) or (frame or 1) > len(pages):
            raise _pages(path, len(pages))
        page = pages[(frame or 1) - 1]
        if not isinstance(page, tifffile.TiffPage):
            page = page.aspage()
        _require(path, (page.imagewidth, page.imagelength), _resolution(page))
        if page.imagedepth != 1:
            raise unreadable(path, f"a TIFF of {page.imagedepth} layers")
        orientation = page.tags.get(_ORIENTATION)
        if orientation is not None and int(orientation.value) != 1:
            raise _turned(path)
        try:
            values = page.asarray()
        except (ValueError, RuntimeError, ImportError) as error:
            if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
                raise unreadable(path, reason(error)) from error
            return _heard(
                path, lambda: _by_pillow(path, (frame or 1) - 1)
            )  # LZW, JPEG: tifffile has no decoder
        kind = tifffile.PHOTOMETRIC(page.photometric).name
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)
        if values.dtype.kind not in "uif":
            raise unreadable(path, f"pixels of type {values.dtype}")
        if kind == "MINISWHITE":
            return _inverted(path, values, int(page.bitspersample))
        if kind == "PALETTE":
            return np.moveaxis(np.asarray(page.colormap)[:, values], 0, -1)
        if kind == "RGB":
            channels_first = page.planarconfig == 2
            return np.moveaxis(values, 0, -1) if channels_first else values
        if kind != "MINISBLACK":
            raise unreadable(path, f"PhotometricInterpretation {kind}")
        if values.ndim == 3 and page.planarconfig == 2:
            values = np.moveaxis(values, 0, -1)
        return values


def _inverted(path: Path, values: NDArray[Any], bits: int) -> NDArray[Any]:
    if values.dtype.kind != "u":
        found = f"0 is white, and values of type {values.dtype}"
        raise contradicts(path, "meaning of bright and dark", found)
    if values.ndim != 2:
        raise unreadable(path, "0 is white, with more than one value a pixel")
    inverted: NDArray[Any] = (2**bits - 1) - values.astype(np.int64)
    return inverted


def _heard(path: Path, decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    values, said = overheard(decode)
    if said:
        raise unreadable(path, said)
    return values


def _by_pillow(path: Path, page: int) -> NDArray[Any]:
    with Image.open(path) as picture:
        picture.seek(page)
        if picture.mode not in ("1", "L", "LA", "RGB", "RGBA", "P", "I;16", "I;16B", "F"):
            raise unreadable(path, f"pixels of mode {picture.mode}")
        if picture.mode in ("1", "P"):
            return np.asarray(picture.convert("RGB" if picture.mode == "P" else "L"))
        return np.asarray(picture)


def _resolution(page: Any) -> tuple[float, float] | None:
    try:
        across, down = (page.tags[name].value for name in ("XResolution", "YResolution"))
        return float(across[0] / across[1]), float(down[0] / down[1])
    except (KeyError, ZeroDivisionError):
        return None


def _require(path: Path, size: tuple[int, int], resolution: Any) -> None:
    """Refuse a picture that is too large, or whose pixels are said to be no squares."""
    if size[0] * size[1] > MOST_PIXELS:
        raise unreadable(path, f"{size[0]} x {size[1]} pixels are no scan")
    if resolution and min(resolution) > 0 and abs(resolution[0] / resolution[1] - 1) > 0.01:
        raise InputError(
            str(path),
            expected="square pixels",
            found=f"a resolution of {resolution[0]:.4g} across and {resolution[1]:.4g} down",
            do="Resample the picture to square pixels.",
        )


def _pages(path: Path, count: int) -> InputError:
    return InputError(
        str(path),
        expected="one picture, or a TIFF with several and column `frame` (from 1)",
        found=f"{count} picture(s)",
        do="Correct `frame`, or save the one picture by itself.",
    )


def _turned(path: Path) -> InputError:
    return InputError(
        str(path),
        expected="pixels in the order in which they are to be shown",
        found="a tag that says the picture is rotated or mirrored",
        do="Save it rotated, without the tag.",
    )
