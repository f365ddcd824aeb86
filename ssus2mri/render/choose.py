"""Slices in; out, which of them to show, and the real MR to show beside them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ssus2mri.render.gather import plane_name
from ssus2mri.slices import Slices, read

T = TypeVar("T")


def spread(candidates: Sequence[T], count: int) -> list[T]:
    """Take a few of many, evenly, the ends left out.

    Args:
        candidates: in order.
        count: how many to take; all when there are no more.

    Returns:
        Some of them, in order.
    """
    if len(candidates) <= count:
        return list(candidates)
    places = (np.arange(count) + 0.5) * len(candidates) / count
    return [candidates[int(place)] for place in places]


def chosen(slices: Slices, scored: Sequence[set[tuple[str, int]]], count: int) -> list[int]:
    """Choose the slices of a volume to show: of each plane some of the middle half of its range.

    Args:
        slices: the US volume.
        scored: sets of (plane, index) with scores, the most wanted first; a set with too few of a
            plane's slices is passed over.
        count: slices a plane.

    Returns:
        Places in ``slices``, plane by plane, in order of the index.
    """
    found = []
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
        for wanted in scored:
            name = plane_name(plane)
            known = [place for place in middle if (name, int(slices.index[place])) in wanted]
            if len(known) >= min(count, len(middle)):
                middle = known
                break
        found += spread(middle, count)
    return found


class RealMr:
    """Finds the real MR to show beside a US slice whose true MR is not known."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Remember where to look.

        Args:
            paths: slice files of real MR, read when first needed.
        """
        self._paths = paths

    @cached_property
    def _volumes(self) -> list[Slices]:
        return [read(path) for path in self._paths]

    def nearest(self, us: Slices, place: int) -> tuple[NDArray[np.float16], str] | None:
        """Find the real MR slice at the same place, or the nearest one.

        The same subject's test scan comes first, then training scans; among those the nearest
        index of the same plane, then the nearest gestational age.

        Args:
            us: the US volume.
            place: which of its slices.

        Returns:
            Its image ``(H, W)`` in [0, 1] and what it is, or None when no MR has this plane.
        """
        header, best = us.header, None
        for mr in self._volumes:
            own = mr.header.subject == header.subject and mr.header.split == "test"
            if not own and mr.header.split != "train":
                continue
            same = np.flatnonzero(mr.plane == us.plane[place])
            if not len(same):
                continue
            apart = np.abs(mr.index[same].astype(int) - int(us.index[place]))
            number = int(same[np.argmin(apart)])
            weeks = abs(mr.header.ga_weeks - header.ga_weeks)
            key = (not own, int(apart.min()), weeks, mr.header.volume)
            if best is None or key < best[0]:
                best = (key, mr, number)
        if best is None:
            return None
        (unpaired, apart_px, _, _), mr, number = best
        other = f", slice {mr.index[number]}" if apart_px else ""
        kind = "nearest training MR" if unpaired else "MR of the same subject"
        return mr.image[number], f"{kind}: {mr.header.volume}, {mr.header.ga_weeks:g} w{other}"
