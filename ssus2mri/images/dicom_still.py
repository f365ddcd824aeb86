"""DICOM stills and frames of clips: their grey values and the size of their pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images import dicom, dicom_pixels
from ssus2mri.images.grey import grey
from ssus2mri.images.messages import contradicts, rounded
from ssus2mri.images.plane import SAME

_CM, _TWO_D = 3, 1


def pixels(path: Path, frame: int | None = None) -> tuple[NDArray[Any], tuple[float, float] | None]:
    """Read the frame of a DICOM file.

    Args:
        path: the file.
        frame: of a clip, from 1; None: a still.

    Returns:
        Grey values ``(H, W)``; the edges of a pixel along x and y, mm, None where the file does
        not say.

    Raises:
        InputError: unreadable, in colour, a clip without ``frame``, or a calibration that
            contradicts itself.
    """
    data = dicom.header(path)
    if "Rows" not in data:
        raise InputError(
            str(path), expected="a DICOM image", found="none in the file", do="Correct the path."
        )
    count = dicom.integer(path, data, "NumberOfFrames", 1)
    if (frame is None and count > 1) or (frame is not None and not 1 <= frame <= count):
        raise InputError(
            str(path),
            expected="a still, or a clip and column `frame` (1 to the number of frames)",
            found=f"{count} frame(s), `frame` {'empty' if frame is None else frame}",
            do="Correct `frame`.",
        )
    number = (frame or 1) - 1
    values = grey(path, next(iter(dicom_pixels.frames(path, data, [number]))))
    slope, intercept = dicom.scale(path, data)
    if slope < 0:
        raise contradicts(path, "meaning of bright and dark", f"a RescaleSlope of {slope:g}")
    if (slope, intercept) != (1.0, 0.0):
        values = values * slope + intercept
    return values, calibration(path, data)


def calibration(path: Path, data: pydicom.Dataset) -> tuple[float, float] | None:
    """Find how large a pixel is.

    Returns:
        Its edges along x and y, mm, by the ultrasound regions or PixelSpacing; or None.

    Raises:
        InputError: the two, or two regions, contradict each other.
    """
    said: dict[str, tuple[float, float]] = {}
    for number, region in enumerate(data.get("SequenceOfUltrasoundRegions") or []):
        units = [region.get(f"PhysicalUnits{axis}Direction") for axis in "XY"]
        if units != [_CM, _CM] or region.get("RegionSpatialFormat", _TWO_D) != _TWO_D:
            continue  # a trace over time or a spectrum
        deltas = [dicom.numbers(path, region, f"PhysicalDelta{axis}", 1) for axis in "XY"]
        if deltas[0] is not None and deltas[1] is not None:
            x, y = (abs(10 * float(delta[0])) for delta in deltas if delta is not None)
            said[f"ultrasound region {number + 1}"] = (x, y)
    spacing = dicom.numbers(path, data, "PixelSpacing", 2)
    if spacing is None:
        measures = dicom.item(
            dicom.item(data, "SharedFunctionalGroupsSequence") or pydicom.Dataset(),
            "PixelMeasuresSequence",
        )
        if measures is not None:
            spacing = dicom.numbers(path, measures, "PixelSpacing", 2)
    if spacing is not None:
        said["PixelSpacing"] = (float(spacing[1]), float(spacing[0]))
    for name, edges in said.items():
        if min(edges) <= 0:
            raise contradicts(path, "size of a pixel", f"{rounded(edges)} mm ({name})")
    sizes = list(said.values())
    if not all(np.allclose(sizes[0], other, rtol=SAME, atol=0) for other in sizes[1:]):
        found = "; ".join(f"{rounded(edges)} mm ({name})" for name, edges in said.items())
        raise contradicts(path, "size of a pixel", found)
    dicom.require_same_aspect(path, data, sizes[0] if sizes else None)
    return sizes[0] if sizes else None
