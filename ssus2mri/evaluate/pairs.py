"""Pairing: which real MR slice each synthetic slice is compared with."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.evaluate.tables import SEEN
from ssus2mri.nearest import Places, joined, nearest
from ssus2mri.slices import PLANES, Header, Slices, read

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A slice file without its images: ``plane (S,)`` and ``index (S,)`` as in `Slices`."""

    path: Path
    header: Header
    plane: NDArray[np.uint8]
    index: NDArray[np.int16]

    @property
    def places(self) -> Places:
        """Where the slices lie, and the subject's age."""
        return Places(self.plane, self.index, np.full(len(self.plane), self.header.ga_weeks))


@dataclass(frozen=True)
class Pair:
    """Slice ``number`` of a scan and slice ``reference_number`` of the real MR ``reference``."""

    number: int
    reference: Entry
    reference_number: int


def entry(path: Path) -> Entry:
    """Read a slice file, but keep no images; see `read`."""
    return entry_of(path, read(path))


def entry_of(path: Path, slices: Slices) -> Entry:
    """Return the entry of a slice file that is read already."""
    return Entry(path, slices.header, slices.plane, slices.index)


def pair_nearest(
    scan: Entry, references: Sequence[Entry], *, tolerance_mm: float = np.inf
) -> list[Pair]:
    """Pair every slice of a scan with the nearest real MR slice; see `ssus2mri.nearest`.

    It is the choice of the model ``atlas`` too, which therefore deforms by 0 by construction.

    Args:
        scan: the synthetic slices.
        references: real MR; of equally near ones the first by name counts.
        tolerance_mm: a real slice farther away is not taken.

    Returns:
        Pairs in order of the scan's slices; those without a real slice are left out.
    """
    if not references:
        return []
    by_name = sorted(references, key=lambda reference: reference.header.volume)
    rows = [(mr, row) for mr in by_name for row in range(len(mr.plane))]
    nearest_rows = nearest(scan.places, joined([mr.places for mr in by_name]))
    pairs = [
        Pair(number, *rows[row]) for number, row in enumerate(nearest_rows.tolist()) if row >= 0
    ]
    return [pair for pair in pairs if _apart_mm(scan, pair) <= tolerance_mm]


def _apart_mm(scan: Entry, pair: Pair) -> float:
    index = int(pair.reference.index[pair.reference_number])
    return abs(index - int(scan.index[pair.number])) * scan.header.spacing_mm


def choose(pairs: Sequence[Pair], scan: Entry, count: int) -> list[Pair]:
    """Choose pairs evenly: over the planes, and along the index within a plane.

    Args:
        pairs: candidates.
        scan: the scan that they are of.
        count: how many to choose; a plane with fewer than its share contributes all it has.

    Returns:
        The chosen pairs, by plane and index.
    """
    planes = np.unique(scan.plane)
    chosen = []
    for place, plane in enumerate(planes):
        candidates = sorted(
            (pair for pair in pairs if scan.plane[pair.number] == plane),
            key=lambda pair: int(scan.index[pair.number]),
        )
        share = min(len(candidates), count // len(planes) + (place < count % len(planes)))
        chosen += [candidates[int((i + 0.5) * len(candidates) / share)] for i in range(share)]
    return chosen


def load(pairs: Sequence[Pair]) -> dict[Path, Slices]:
    """Read the references of some pairs, each once."""
    return {path: read(path) for path in dict.fromkeys(pair.reference.path for pair in pairs)}


def keys(scan: Entry, pair: Pair) -> dict[str, object]:
    """Return the keys of a pair's row: `tables.KEYS`."""
    return {
        "run": scan.header.run,
        "volume": scan.header.volume,
        "subject": scan.header.subject,
        "pathology": scan.header.pathology,
        "split": scan.header.split,
        "certificate": scan.header.certificate,
        "seen": SEEN if scan.header.seen else "",
        "plane": PLANES[scan.plane[pair.number]],
        "index": int(scan.index[pair.number]),
        "reference": pair.reference.header.volume,
    }


def synthetic_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read the entries of the synthetic files of one run, except scans whose pose is uncertain.

    Raises:
        InputError: a file that is not synthetic, or files of different runs.
    """
    entries = [entry(path) for path in paths]
    for scan in entries:
        run, first = scan.header.run, entries[0].header.run
        if not run or run != first:
            raise InputError(
                str(scan.path),
                expected=f"synthetic slices of run {first!r}" if run else "synthetic slices",
                found=f"run {run!r}" if run else "slices of a real scan",
                do="Pass the files that `synthesize` wrote for one run.",
            )
    return _certain(entries)


def mr_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read the entries of slice files of real MR, except scans whose pose is uncertain.

    Args:
        paths: slice files that `extract` wrote, at least one.

    Returns:
        An entry per file.

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
    for mr in entries:
        header = mr.header
        if header.modality != "mr" or header.run:
            raise InputError(
                str(mr.path),
                expected="slices of a real MR",
                found=f"run {header.run!r}" if header.run else f"{header.modality!r}",
                do="Pass the files that `extract` wrote for volumes of modality mr.",
            )
    return _certain(entries)


def _certain(entries: list[Entry]) -> list[Entry]:
    """Leave out scans whose pose is uncertain: slices would be compared with other anatomy."""
    uncertain = [entry.header.volume for entry in entries if entry.header.uncertain]
    if uncertain:
        logger.warning("not scored, since their pose is uncertain: %s", ", ".join(uncertain))
    return [entry for entry in entries if not entry.header.uncertain]


def require_same_grid(scan: Entry, reference: Entry) -> None:
    """Refuse two slice files that are not on the same atlas grid.

    Raises:
        InputError: different size or spacing.
    """
    a, b = scan.header, reference.header
    if a.size != b.size or abs(a.spacing_mm - b.spacing_mm) > 1e-6:
        raise InputError(
            str(scan.path),
            expected=f"the grid of {reference.path} (edge {b.size}, {b.spacing_mm:g} mm)",
            found=f"edge {a.size}, {a.spacing_mm:g} mm",
            do="Run `align` and all later stages again with the same setting of `atlas`.",
        )


def source_of(scan: Entry, ultrasound: Sequence[Entry]) -> Entry:
    """Return the ultrasound that a scan was synthesised from.

    Returns:
        The one of the scan's volume.

    Raises:
        InputError: none of them, another grid, or other slices.
    """
    sources = {us.header.volume: us for us in ultrasound}
    source = sources.get(scan.header.volume)
    if source is None:
        raise InputError(
            str(scan.path),
            expected=f"the US slice file of {scan.header.volume} among --extracts",
            found=", ".join(sorted(sources)) or "no US slice file",
            do="Add results/extract/{volume}.h5 of this scan.",
        )
    require_same_grid(scan, source)
    same = np.array_equal(scan.plane, source.plane) and np.array_equal(scan.index, source.index)
    if not same:
        raise InputError(
            str(scan.path),
            expected=f"the {len(source.plane)} slices of {source.path}",
            found=f"{len(scan.plane)} slices, not the same planes and indices",
            do="Run `synthesize` again.",
        )
    return source
