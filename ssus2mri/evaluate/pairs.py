"""Slice files in, which real slice each synthetic slice is held against out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.slices import PLANES, Header, Slices, read


@dataclass(frozen=True)
class Entry:
    """A slice file without its images: ``plane (S,)`` and ``index (S,)`` as in `Slices`."""

    path: Path
    header: Header
    plane: NDArray[np.uint8]
    index: NDArray[np.int16]


@dataclass(frozen=True)
class Pair:
    """Slice ``number`` of a scan and slice ``reference_number`` of the real MR ``reference``."""

    number: int
    reference: Entry
    reference_number: int


def entry(path: Path) -> Entry:
    """Read what a slice file says of its slices; see `read`."""
    slices = read(path)
    return Entry(path, slices.header, slices.plane, slices.index)


def nearest(scan: Entry, references: Sequence[Entry], *, tolerance_mm: float) -> list[Pair]:
    """Pair every slice of a scan with real MR of the same plane.

    Of the references that have the plane, those nearest in gestational age; of their slices the
    nearest index; of several equals the first by name. This is the choice of the model ``atlas``,
    which therefore deforms by 0 by construction.

    Source: TMI 2020, Sec. IV-B, "a real MR at a similar imaging plane"; which is not stated.

    Args:
        scan: the synthetic slices.
        references: real MR.
        tolerance_mm: a real slice farther away is not taken.

    Returns:
        Pairs in order of the scan's slices; those without a real slice are left out.
    """
    by_name = sorted(references, key=lambda one: one.header.volume)
    found = []
    for number, (plane, index) in enumerate(zip(scan.plane, scan.index, strict=True)):
        same = [reference for reference in by_name if np.any(reference.plane == plane)]
        if not same:
            continue
        ages = [_apart_weeks(reference, scan) for reference in same]
        closest = [r for r, age in zip(same, ages, strict=True) if age == min(ages)]
        distance, pair = min(
            (_nearest_slice(number, int(plane), int(index), reference) for reference in closest),
            key=lambda item: item[0],
        )
        if distance * scan.header.spacing_mm <= tolerance_mm:
            found.append(pair)
    return found


def choose(pairs: Sequence[Pair], scan: Entry, count: int) -> list[Pair]:
    """Choose pairs evenly: over the planes, and along the index within a plane.

    Args:
        pairs: candidates.
        scan: the scan that they are of.
        count: how many to choose; a plane with fewer than its share gives all it has.

    Returns:
        The chosen ones, by plane and index.
    """
    planes = np.unique(scan.plane)
    chosen = []
    for place, plane in enumerate(planes):
        own = sorted(
            (pair for pair in pairs if scan.plane[pair.number] == plane),
            key=lambda pair: int(scan.index[pair.number]),
        )
        share = min(len(own), count // len(planes) + (place < count % len(planes)))
        chosen += [own[int((i + 0.5) * len(own) / share)] for i in range(share)]
    return chosen


def load(pairs: Sequence[Pair]) -> dict[Path, Slices]:
    """Read the references that some pairs name, each once."""
    return {path: read(path) for path in dict.fromkeys(pair.reference.path for pair in pairs)}


def keys(scan: Entry, pair: Pair) -> dict[str, object]:
    """Name a row: `tables.KEYS`."""
    return {
        "run": scan.header.run,
        "volume": scan.header.volume,
        "subject": scan.header.subject,
        "pathology": scan.header.pathology,
        "plane": PLANES[scan.plane[pair.number]],
        "index": int(scan.index[pair.number]),
        "reference": pair.reference.header.volume,
    }


def synthetic_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read what the synthetic files of one run say of themselves.

    Args:
        paths: slice files that `synthesize` wrote.

    Returns:
        An entry a file.

    Raises:
        InputError: a file that is not synthetic, or files of different runs.
    """
    entries = [entry(path) for path in paths]
    for one in entries:
        if not one.header.run or one.header.run != entries[0].header.run:
            raise InputError(
                str(one.path),
                expected=f"synthetic slices of run {entries[0].header.run!r}"
                if one.header.run
                else "synthetic slices",
                found=f"run {one.header.run!r}" if one.header.run else "slices of a real scan",
                do="Give the files that `synthesize` wrote for one run.",
            )
    return entries


def mr_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read what slice files of real MR say of themselves.

    Args:
        paths: slice files that `extract` wrote, at least one.

    Returns:
        An entry a file.

    Raises:
        InputError: no file, or one that is not real MR.
    """
    if not paths:
        raise InputError(
            "--references",
            expected="slice files of at least one real MR",
            found="none",
            do="Put an MR into split train and run `extract`.",
        )
    entries = [entry(path) for path in paths]
    for one in entries:
        if one.header.modality != "mr" or one.header.run:
            found = f"run {one.header.run!r}" if one.header.run else f"{one.header.modality!r}"
            raise InputError(
                str(one.path),
                expected="slices of a real MR",
                found=found,
                do="Give the files that `extract` wrote for volumes of modality mr.",
            )
    return entries


def require_same_grid(one: Entry, other: Entry) -> None:
    """Refuse two slice files that are not on the same atlas grid.

    Args:
        one: a file.
        other: the file that it is held against.

    Raises:
        InputError: different size or spacing.
    """
    a, b = one.header, other.header
    if a.size != b.size or abs(a.spacing_mm - b.spacing_mm) > 1e-6:
        raise InputError(
            str(one.path),
            expected=f"the grid of {other.path} (edge {b.size}, {b.spacing_mm:g} mm)",
            found=f"edge {a.size}, {a.spacing_mm:g} mm",
            do="Run `align` and all after it again with one setting of `atlas`.",
        )


def _apart_weeks(one: Entry, other: Entry) -> np.float32:
    # Single precision, as the model `atlas` has it: else equal distances could differ by rounding.
    return abs(np.float32(one.header.ga_weeks) - np.float32(other.header.ga_weeks))


def _nearest_slice(number: int, plane: int, index: int, reference: Entry) -> tuple[int, Pair]:
    same = np.flatnonzero(reference.plane == plane)
    distances = np.abs(reference.index[same].astype(int) - index)
    first = int(distances.argmin())
    return int(distances[first]), Pair(number, reference, int(same[first]))
