"""The choice of slices to show, and of the real MR to show beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.evaluate.pairs import Entry, Pair, load, pair_nearest
from ssus2mri.render.names import plane_name
from ssus2mri.slices import Slices

T = TypeVar("T")
Reference = tuple[NDArray[np.float16], str]  # an image and what it is


def spread(candidates: Sequence[T], count: int) -> list[T]:
    """Choose some candidates evenly, the ends left out.

    Args:
        candidates: in order.
        count: how many to choose; all if there are no more.
    """
    if len(candidates) <= count:
        return list(candidates)
    places = (np.arange(count) + 0.5) * len(candidates) / count
    return [candidates[int(place)] for place in places]


def choose_slices(slices: Slices, scored: Sequence[set[tuple[str, int]]], count: int) -> list[int]:
    """Choose the slices of a volume to show, in each plane from the middle half of its range.

    Args:
        slices: the US volume.
        scored: sets of (plane, index) with scores, the preferred one first; a set with too few
            slices of a plane is passed over.
        count: slices per plane.

    Returns:
        Places in ``slices``, plane by plane, in order of the index.
    """
    chosen = []
    for plane in np.unique(slices.plane):
        places = np.flatnonzero(slices.plane == plane)
        places = places[np.argsort(slices.index[places], kind="stable")]
        index = slices.index[places].astype(int)
        low, high = index.min(), index.max()
        quarter = (high - low) / 4
        middle = [
            int(place)
            for place, value in zip(places, index, strict=True)
            if low + quarter <= value <= high - quarter
        ] or [int(places[len(places) // 2])]
        name = plane_name(plane)
        for keys in scored:
            with_scores = [place for place in middle if (name, int(slices.index[place])) in keys]
            if len(with_scores) >= min(count, len(middle)):
                middle = with_scores
                break
        chosen += spread(middle, count)
    return chosen


def real_mr(us: Slices, places: Sequence[int], mr: Sequence[Entry]) -> list[Reference | None]:
    """Find the real MR to show beside US slices whose true MR is unknown.

    A test scan of the same subject comes first, then training scans, of which the nearest slice is
    taken, as in `ssus2mri.evaluate.register`.

    Returns:
        For each slice an image ``(H, W)`` in [0, 1] and what it is, or None where no MR has this
        plane.
    """
    header = us.header
    scan = Entry(Path(), header, us.plane[places], us.index[places])
    training = [reference for reference in mr if reference.header.split == "train"]
    same_subject = [
        reference
        for reference in mr
        if reference.header.subject == header.subject and reference.header.split == "test"
    ]
    pairs = {
        pair.number: pair
        for references in (training, same_subject)
        for pair in pair_nearest(scan, references)
    }
    slices = load(list(pairs.values()))
    return [
        (
            slices[pair.reference.path].image[pair.reference_number],
            _description(scan, pair),
        )
        if (pair := pairs.get(number))
        else None
        for number in range(len(places))
    ]


def synthetic_at(synthetic: Slices, us: Slices, places: Sequence[int]) -> NDArray[np.float16]:
    """Return the synthetic images of US slices: see `rows_at`."""
    return synthetic.image[rows_at(synthetic, us, places)]


def rows_at(synthetic: Slices, us: Slices, places: Sequence[int]) -> list[int]:
    """Find the synthetic slices of US slices.

    Returns:
        Their rows in ``synthetic``.

    Raises:
        InputError: the run has no such slice.
    """
    own = zip(synthetic.plane.tolist(), synthetic.index.tolist(), strict=True)
    rows = {key: row for row, key in enumerate(own)}
    wanted = [(int(us.plane[place]), int(us.index[place])) for place in places]
    for plane, index in wanted:
        if (plane, index) not in rows:
            raise InputError(
                f"synthetic {us.header.volume} of run {synthetic.header.run}",
                expected=f"{plane_name(plane)} slice {index}",
                found="no such slice",
                do="Run `synthesize` again.",
            )
    return [rows[key] for key in wanted]


def _description(scan: Entry, pair: Pair) -> str:
    reference = pair.reference
    training = reference.header.split == "train"
    kind = "nearest training MR" if training else "MR of the same subject"
    index = reference.index[pair.reference_number]
    place = f", slice {index}" if index != scan.index[pair.number] else ""
    return f"{kind}: {reference.header.volume}, {reference.header.ga_weeks:g} w{place}"
