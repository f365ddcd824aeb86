"""Multi-frame DICOM files: a volume if the frames have positions in space, else a clip."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images import alike, dicom, dicom_pixels, kretz
from ssus2mri.images.messages import contradicts, lacks
from ssus2mri.images.stack import stacked
from ssus2mri.images.stored import Stored

# In patient space, or (Enhanced US Volume) in a space of the volume's own.
_PLACES = (
    ("PlanePositionSequence", "ImagePositionPatient"),
    ("PlanePositionVolumeSequence", "ImagePositionVolume"),
)
_AXES = (
    ("PlaneOrientationSequence", "ImageOrientationPatient"),
    ("PlaneOrientationVolumeSequence", "ImageOrientationVolume"),
)


def read(path: Path, data: pydicom.Dataset) -> Stored:
    """Read the geometry of a multi-frame file from its functional groups.

    Raises:
        InputError: a clip, one frame only, or frames that do not make one even stack.
    """
    payload = kretz.within(data)
    if payload is not None:
        return kretz.read(path, *payload)
    count = dicom.integer(path, data, "NumberOfFrames", 1)
    frames = data.get("PerFrameFunctionalGroupsSequence")
    if not frames:
        found = "one 2D image" if count == 1 else f"a clip: {count} frames without a place in space"
        raise InputError(
            str(path),
            expected="a volume, whose frames have positions",
            found=found,
            do="Export a 3D volume, or give `plane` (and `frame` of a clip) in the row.",
        )
    if len(frames) != count:
        found = f"NumberOfFrames {count} and {len(frames)} descriptions of frames"
        raise contradicts(path, "number of frames", found)
    dicom_pixels.require_grey(path, data)
    shared = dicom.item(data, "SharedFunctionalGroupsSequence") or pydicom.Dataset()
    groups = [_Frame(path, shared, frame) for frame in frames]
    positions = np.array([frame.first(_PLACES, 3) for frame in groups])
    orientations = np.array([frame.first(_AXES, 6) for frame in groups])
    measures = (("PixelMeasuresSequence", "PixelSpacing"),)
    spacings = np.array([frame.first(measures, 2) for frame in groups])
    for values, what in ((orientations, "orientation"), (spacings, "pixel spacing")):
        odd = np.flatnonzero(np.abs(values - np.median(values, axis=0)).max(axis=1) > 2e-3)
        if odd.size:
            found = f"another in {odd.size} of {count} frames, from frame {odd[0] + 1} on"
            raise InputError(
                str(path), expected=f"frames of one {what}", found=found, do="Export one stack."
            )
    kinds = [frame.text("ImageDataTypeSequence", "DataType") for frame in groups]
    times = [frame.text("FrameContentSequence", "TemporalPositionIndex") for frame in groups]
    scaled = [frame.is_scaled() for frame in groups]
    alike.require_one(path, kinds, "kind of data (tissue, flow)")
    alike.require_one(path, times, "time point")
    alike.require_one(path, scaled, "way to scale values (with slope or without)")
    edges = (float(spacings[0][1]), float(spacings[0][0]))
    outside = dicom.numbers(path, data, "PixelSpacing", 2)
    if outside is not None and not np.allclose(outside, spacings[0], rtol=0.01):
        found = f"PixelSpacing {outside.tolist()} mm, and {spacings[0].tolist()} mm of the frames"
        raise contradicts(path, "pixel spacing", found)
    dicom.require_same_aspect(path, data, edges)
    said = [frame.optional("PixelMeasuresSequence", "SpacingBetweenSlices") for frame in groups]
    order, grid = stacked(
        path,
        positions,
        orientations[0],
        edges,
        size=(dicom.integer(path, data, "Columns"), dicom.integer(path, data, "Rows")),
        names=[f"frame {k + 1}" for k in range(count)],
        said_mm=tuple({float(v) for v in said if v is not None}),
    )
    scales = [frame.scale(data) for frame in groups]

    def blocks() -> Iterator[NDArray[Any]]:
        for k, frame in zip(order, dicom_pixels.frames(path, data, order), strict=True):
            slope, intercept = scales[k]
            yield frame.ravel() * slope + intercept

    return Stored(path, grid, blocks)


class _Frame:
    """What the file says about a frame, or else about all frames."""

    def __init__(self, path: Path, shared: pydicom.Dataset, own: pydicom.Dataset) -> None:
        self._path, self._places = path, (own, shared)

    def _item(self, sequence: str) -> pydicom.Dataset | None:
        for place in self._places:
            inner = dicom.item(place, sequence)
            if inner is not None:
                return inner
        return None

    def optional(self, sequence: str, keyword: str) -> float | None:
        inner = self._item(sequence)
        value = None if inner is None else dicom.numbers(self._path, inner, keyword, 1)
        return None if value is None else float(value[0])

    def first(self, names: tuple[tuple[str, str], ...], count: int) -> NDArray[np.float64]:
        for sequence, keyword in names:
            inner = self._item(sequence)
            values = None if inner is None else dicom.numbers(self._path, inner, keyword, count)
            if values is not None:
                return values
        raise lacks(self._path, names[0][1], "Export it as a 3D volume.")

    def scale(self, data: pydicom.Dataset) -> tuple[float, float]:
        inner = self._item("PixelValueTransformationSequence")
        return dicom.scale(self._path, data if inner is None else inner)

    def is_scaled(self) -> bool:
        return self._item("PixelValueTransformationSequence") is not None

    def text(self, sequence: str, keyword: str) -> str:
        inner = self._item(sequence)
        return "" if inner is None else str(inner.get(keyword, ""))
