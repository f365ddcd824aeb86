"""2D planes: pixels of a picture or DICOM still, and how large they are in truth."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images import dicom
from ssus2mri.images.grey import grey
from ssus2mri.images.grid import Grid, require_plausible
from ssus2mri.images.messages import contradicts, lacks, rounded

SAME = 0.01
"""Relative difference between two statements of a pixel's size that is rounding."""
_CM, _TWO_D = 3, 1
_AXES = ((1.0, 0.0), (0.0, 1.0))


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
    values = grey(path, next(iter(dicom.frames(path, data, [number]))))
    slope, intercept = dicom.scale(path, data)
    if slope < 0:
        raise contradicts(path, "meaning of bright and dark", f"a RescaleSlope of {slope:g}")
    if (slope, intercept) != (1.0, 0.0):
        values = values * slope + intercept
    return values, calibration(path, data)


def calibration(path: Path, data: pydicom.Dataset) -> tuple[float, float] | None:
    """Find how large a pixel is.

    Args:
        path: for messages.
        data: header of a DICOM file.

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
    aspect = dicom.numbers(path, data, "PixelAspectRatio", 2)
    if aspect is not None and not sizes and aspect.min() > 0 and aspect[0] != aspect[1]:
        found = f"a PixelAspectRatio of {aspect[0]:g}:{aspect[1]:g} and no size"
        raise contradicts(path, "size of a pixel", found)
    return sizes[0] if sizes else None


def square(
    path: Path,
    values: NDArray[Any],
    said_mm: tuple[float, float] | None,
    pixel_mm: float | None,
    *,
    nearest: bool = False,
) -> sitk.Image:
    """Give a plane square pixels of the right size.

    Args:
        path: for messages.
        values: ``(H, W)``.
        said_mm: edges of a pixel by the file, along x and y; None: it does not say.
        pixel_mm: edge by the table; None: it does not say.
        nearest: whether the values are a mask.

    Returns:
        2D image of origin 0; pixels that are no squares are resampled to their shorter edge.

    Raises:
        InputError: neither says the size, or they contradict each other.
    """
    if said_mm is None and pixel_mm is None:
        raise lacks(path, "the size of a pixel", "Give `pixel_mm` in its row, measured in mm.")
    both = said_mm is not None and pixel_mm is not None
    if both and not np.allclose(said_mm, pixel_mm, rtol=SAME, atol=0):  # type: ignore[arg-type]
        found = f"{rounded(said_mm or ())} mm in the file and {pixel_mm:g} mm in the table"
        raise contradicts(path, "size of a pixel (`pixel_mm`)", found)
    edges = (pixel_mm, pixel_mm) if pixel_mm is not None else said_mm
    assert edges is not None
    grid = Grid(values.shape[::-1], edges, (0.0, 0.0), _AXES)
    require_plausible(path, grid)
    image = sitk.GetImageFromArray(values if nearest else values.astype(np.float32))
    image.SetSpacing(edges)
    if abs(edges[0] / edges[1] - 1) <= SAME:
        return image
    edge = min(edges)
    extent = [(n - 1) * e for n, e in zip(grid.size, edges, strict=True)]
    like = sitk.Image([int(np.floor(e / edge + 1e-6)) + 1 for e in extent], image.GetPixelID())
    like.SetSpacing((edge, edge))
    how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    return sitk.Resample(image, like, sitk.Transform(2, sitk.sitkIdentity), how, 0.0)
