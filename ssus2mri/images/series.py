"""DICOM series: every file of a folder is examined before any is read."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images import alike, dicom, dicom_pixels, frames, kretz
from ssus2mri.images.alike import Headers
from ssus2mri.images.files import members
from ssus2mri.images.messages import lacks, unreadable
from ssus2mri.images.stack import stacked
from ssus2mri.images.stored import Stored

MOST_FILES = 2048
"""A folder of more is no series of slices: it is not worth looking at each."""


def read(folder: Path) -> Stored:
    """Read the headers of a folder with one volume, as a series or as one multi-frame file.

    Raises:
        InputError: a file that cannot be read, none or several series, slices that differ in
            orientation, size or spacing, or that do not make an even stack.
    """
    headers = _headers(folder)
    if not headers:
        raise _not_one(folder, "0 series", "Correct the path.")
    several = [path for path, data in headers if _is_whole(path, data)]
    if several:
        if len(headers) > 1:
            found = f"{len(headers)} files, and {several[0].name} holds many frames by itself"
            raise _not_one(folder, found, "Give the path of the one file.")
        return frames.read(*headers[0])
    series = Counter(str(data.get("SeriesInstanceUID", "")) for _, data in headers)
    if len(series) != 1:
        raise _not_one(folder, f"{len(series)} series", "Put each series into a folder of its own.")
    return _stack(folder, headers)


def _headers(folder: Path) -> Headers:
    headers = []
    paths = members(folder)
    if len(paths) > MOST_FILES:
        found = f"{len(paths)} files, more than the {MOST_FILES} slices that a scan can have"
        raise _not_one(folder, found, "Put the series into a folder of its own.")
    for path in paths:
        try:
            data = dicom.header(path)
        except InputError as error:
            raise InputError(
                str(folder),
                expected=f"{len(paths)} files that can all be read",
                found=f"{path.name}, which cannot: {str(error).partition('found ')[2][:200]}",
                do="Copy the folder again, and leave nothing else in it.",
            ) from error
        kind = getattr(data.get("SOPClassUID"), "name", "")
        if "Rows" in data or kretz.within(data) is not None:
            headers.append((path, data))
        elif not kind or "Image" in kind or "Volume" in kind:
            raise unreadable(path, "a DICOM file without an image")
    return headers


def _is_whole(path: Path, data: pydicom.Dataset) -> bool:
    return (
        kretz.within(data) is not None
        or dicom.integer(path, data, "NumberOfFrames", 1) > 1
        or "PerFrameFunctionalGroupsSequence" in data
    )


def _stack(folder: Path, headers: Headers) -> Stored:
    positions = [dicom.numbers(p, d, "ImagePositionPatient", 3) for p, d in headers]
    orientations = [dicom.numbers(p, d, "ImageOrientationPatient", 6) for p, d in headers]
    spacings = [dicom.numbers(p, d, "PixelSpacing", 2) for p, d in headers]
    for values, what in (
        (positions, "ImagePositionPatient"),
        (orientations, "ImageOrientationPatient"),
        (spacings, "PixelSpacing"),
    ):
        missing = [path.name for (path, _), v in zip(headers, values, strict=True) if v is None]
        if missing:
            do = (
                f"{len(missing)} of {len(headers)} files ({missing[0]}, ...) have none: such frames"
                " are no volume. Export it as a 3D volume."
            )
            raise lacks(folder, what, do)
    sizes = [
        np.array([dicom.integer(p, d, name) for name in ("Columns", "Rows")]) for p, d in headers
    ]
    alike.require_close(folder, headers, orientations, 2e-3, "orientation")
    alike.require_close(folder, headers, sizes, 0.5, "size")
    alike.require_close(folder, headers, spacings, 1e-3, "pixel spacing")
    alike.require_one_scan(folder, headers)
    apart = {
        float(v[0])
        for p, d in headers
        if (v := dicom.numbers(p, d, "SpacingBetweenSlices", 1)) is not None
    }
    thick = dicom.numbers(*headers[0], "SliceThickness", 1)
    # Some scanners write the gap instead of the distance: that is no contradiction.
    said = () if _is_gap(apart, thick, positions) else tuple(sorted(apart))
    first_orientation, first_spacing = orientations[0], spacings[0]
    assert first_orientation is not None
    assert first_spacing is not None
    edges = (float(first_spacing[1]), float(first_spacing[0]))
    for path, data in headers:
        dicom_pixels.require_grey(path, data)
        dicom.require_same_aspect(path, data, edges)
    order, grid = stacked(
        folder,
        np.array(positions, dtype=float),
        first_orientation,
        edges,
        size=(int(sizes[0][0]), int(sizes[0][1])),
        names=[path.name for path, _ in headers],
        said_mm=said,
    )
    alike.require_none_left_out(folder, headers, order, grid.spacing_mm[2])
    return Stored(folder, grid, _blocks([headers[k] for k in order]))


def _is_gap(apart: set[float], thick: NDArray[np.float64] | None, positions: list[Any]) -> bool:
    if thick is None or len(apart) != 1 or len(positions) < 2:
        return False
    reach = np.ptp(np.array(positions, dtype=float), axis=0)
    step = float(np.linalg.norm(reach)) / (len(positions) - 1)
    return abs(thick[0] + next(iter(apart)) - step) < 0.05 * step


def _blocks(headers: Headers) -> Callable[[], Iterator[NDArray[Any]]]:
    def blocks() -> Iterator[NDArray[Any]]:
        for path, data in headers:
            slope, intercept = dicom.scale(path, data)
            for frame in dicom_pixels.frames(path, data):
                flat = frame.ravel()
                yield flat if (slope, intercept) == (1.0, 0.0) else flat * slope + intercept

    return blocks


def _not_one(folder: Path, found: str, do: str) -> InputError:
    return InputError(str(folder), expected="a folder with one DICOM series", found=found, do=do)
