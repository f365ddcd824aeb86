"""What all slices of a DICOM series must have in common, and how slices that differ are named."""

import logging
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from ssus2mri.errors import InputError
from ssus2mri.images import dicom
from ssus2mri.images.messages import contradicts

logger = logging.getLogger(__name__)
Headers = list[tuple[Path, pydicom.Dataset]]
_SHARED = {
    "Modality": "modality",
    "PatientID": "patient",
    "StudyInstanceUID": "study",
    "FrameOfReferenceUID": "frame of reference",
    "TemporalPositionIdentifier": "time point",
    "EchoNumbers": "echo",
    "EchoTime": "echo time",
}
"""Elements that are the same in all slices, in words; their values are not shown, to tell nobody's
name."""
LEAST_TILT_DEG = 0.5


def require_one_scan(folder: Path, headers: Headers) -> None:
    """Refuse slices of several patients, places, times or ways to scale values.

    Raises:
        InputError: slices that differ, by name; or a tilted gantry.
    """
    for keyword, what in _SHARED.items():
        _require_usual(folder, headers, [str(data.get(keyword, "")) for _, data in headers], what)
    scaled = ["RescaleSlope" in data for _, data in headers]
    _require_usual(folder, headers, scaled, "way to scale values (RescaleSlope)")
    for path, data in headers:
        tilt = dicom.numbers(path, data, "GantryDetectorTilt", 1)
        if tilt is not None and abs(tilt[0]) > LEAST_TILT_DEG:
            raise InputError(
                str(path),
                expected="slices stacked along their normal",
                found=f"a gantry tilted by {tilt[0]:g} degrees",
                do="Resample the scan to a grid with right angles.",
            )


def require_close(
    folder: Path, headers: Headers, values: Sequence[Any], tolerance: float, what: str
) -> None:
    """Refuse slices whose numbers differ from the median of all.

    Raises:
        InputError: slices that differ, by name.
    """
    table = np.array(values, dtype=float)
    usual = np.median(table, axis=0)
    _require_none(folder, headers, np.abs(table - usual).max(axis=1) > tolerance, what)


def require_none_left_out(folder: Path, headers: Headers, order: list[int], step_mm: float) -> None:
    """Refuse a series of which every second, third ... slice is missing.

    That is so where the numbers of the slices, and the distances between them in thicknesses, both
    jump by the same factor: a gap between slices changes only the latter.

    Raises:
        InputError: slices are missing.
    """
    whole = dicom.numbers(*headers[0], "ImagesInAcquisition", 1)
    if whole is not None and whole[0] > len(order):
        logger.warning("%s: %d of the %d images of the acquisition", folder, len(order), whole[0])
    numbers = [dicom.numbers(*headers[k], "InstanceNumber", 1) for k in order]
    thick = dicom.numbers(*headers[0], "SliceThickness", 1)
    if thick is None or thick[0] <= 0 or any(number is None for number in numbers):
        return
    jumps = np.abs(np.diff(np.array(numbers, dtype=float).ravel()))
    factor = round(step_mm / float(thick[0]))
    if factor > 1 and (jumps == factor).all() and abs(step_mm / factor / thick[0] - 1) < 0.02:
        found = f"slices {thick[0]:g} mm thick and {step_mm:g} mm apart, numbered by {factor}s"
        raise InputError(
            str(folder),
            expected="every slice of the series",
            found=f"{found}: the others are missing",
            do="Copy or export the missing slices.",
        )


def require_one(path: Path, values: Sequence[Hashable], what: str) -> None:
    """Refuse frames of a file that differ in what all must have in common.

    Raises:
        InputError: more than one value.
    """
    different = len(set(values))
    if different > 1:
        raise contradicts(path, what, f"{different} among {len(values)} frames")


def _require_usual(folder: Path, headers: Headers, values: Sequence[Any], what: str) -> None:
    usual = Counter(values).most_common(1)[0][0]
    _require_none(folder, headers, [value != usual for value in values], what)


def _require_none(folder: Path, headers: Headers, odd: Sequence[Any], what: str) -> None:
    names = [path.name for (path, _), differs in zip(headers, odd, strict=True) if differs]
    if names:
        raise InputError(
            str(folder),
            expected=f"slices of one {what}",
            found=f"another in {len(names)} of {len(headers)}: {', '.join(names[:3])}"
            + (" ..." if len(names) > 3 else "")
            + (" (a localiser?)" if what == "orientation" else ""),
            do="Leave one stack in the folder.",
        )
