"""The nearest real MR slice: the one rule by which every slice of a scan gets its reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Places:
    """Where slices lie and how old their subjects are: plane, index and weeks, ``(S,)`` each."""

    plane: NDArray[np.integer]
    index: NDArray[np.number]
    ga_weeks: NDArray[np.floating]


def joined(parts: Sequence[Places]) -> Places:
    """Return the places of several volumes, at least one, one after the other."""
    return Places(
        plane=np.concatenate([places.plane for places in parts]),
        index=np.concatenate([places.index for places in parts]),
        ga_weeks=np.concatenate([places.ga_weeks for places in parts]),
    )


def nearest(scan: Places, references: Places) -> NDArray[np.intp]:
    """Find the reference slice of every slice of a scan.

    Of the references in the same plane, those nearest in gestational age; of these the nearest
    index; of equals the first.

    Source: TMI 2020, Sec. IV-B, "a real MR at a similar imaging plane"; which is not stated.

    Args:
        scan: ``N`` slices.
        references: ``S`` slices of real MR.

    Returns:
        ``(N,)``, rows of ``references``; -1 where it has no slice of the plane.
    """
    if not len(references.plane):
        return np.full(len(scan.plane), -1)
    same = references.plane == scan.plane[:, None]
    # Single precision, as model files hold ages: else equal differences could differ by rounding.
    apart = references.ga_weeks.astype(np.float32) - scan.ga_weeks.astype(np.float32)[:, None]
    weeks = np.where(same, np.abs(apart), np.inf)
    candidates = same & (weeks <= weeks.min(axis=1, keepdims=True))
    steps = np.abs(references.index.astype(float) - scan.index.astype(float)[:, None])
    rows = np.where(candidates, steps, np.inf).argmin(axis=1)
    return np.where(same.any(axis=1), rows, -1)
