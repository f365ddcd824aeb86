"""Sulci of the built-in head: each appears at its week, deepens, and is lined by cortex.

The order of appearance is that of fetal MR (Garel et al., *AJNR* 2001, 22:184-9): parieto-occipital
and calcarine, cingulate, central, then precentral and superior temporal, postcentral; by ultrasound
the medial ones are seen some weeks earlier (Toi et al., *Ultrasound Obstet Gynecol* 2004,
24:706-15). The weeks below are ours within that order, as are courses, depths and widths; for two
weeks a sulcus is but a dent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ssus2mri.simulate.head.shapes import Distance, Points, Triple, angle_to_arcs, tube
from ssus2mri.simulate.head.sizes import Sizes

_CENTRE = (9.0, 0.0, 3.0)


class Sulcus(NamedTuple):
    """``course``: points that lie over it, reference mm; depth grows by ``rate`` to ``deepest``."""

    course: list[Triple]
    week: float
    rate_mm: float
    deepest_mm: float


CONVEXITY = {
    "central": Sulcus([(3, 2, 28), (14, -1, 24), (24, -6, 13)], 24.5, 1.3, 9.0),
    "precentral": Sulcus([(8, -8, 26), (16, -9.5, 20), (23, -13, 10)], 26.0, 1.3, 7.0),
    "postcentral": Sulcus([(8, 10, 25), (18, 8, 20), (26, 1, 11)], 26.7, 1.3, 7.0),
    "intraparietal": Sulcus([(18, 10, 19), (16, 17, 17), (11, 24, 15)], 26.5, 1.2, 7.0),
    "superior frontal": Sulcus([(10, -9, 26), (10, -20, 20), (8, -28, 12)], 25.5, 1.1, 6.0),
    "inferior frontal": Sulcus([(22, -13, 12), (19, -21, 8), (13, -28, 6)], 27.0, 1.2, 6.0),
    "superior temporal": Sulcus(
        [(24, -9, -8), (26, 3, -6), (25, 13, 1), (22, 19, 8)], 25.8, 1.2, 7.0
    ),
    "inferior temporal": Sulcus([(22, -4, -14), (23, 7, -11), (20, 18, -5)], 28.3, 1.2, 5.0),
    "collateral": Sulcus([(11, 2, -16), (12, 11, -12), (10, 22, -8)], 25.5, 1.0, 5.0),
    "lateral occipital": Sulcus([(20, 21, 3), (14, 29, 3)], 28.0, 1.2, 5.0),
    "olfactory": Sulcus([(5, -16, -14), (5, -27, -9)], 26.5, 1.0, 3.5),
}
MEDIAL = {
    "parieto-occipital": Sulcus([(0, 12.5, 4.0), (0, 18, 10.5), (0, 23, 17.5)], 21.3, 1.4, 7.0),
    "calcarine": Sulcus([(0, 12.5, 4.0), (0, 21, 1.5), (0, 31, 3.0)], 21.8, 1.2, 6.0),
    "cingulate": Sulcus(
        [(0, -22, -2), (0, -27, 6), (0, -22, 14), (0, -11, 18), (0, 1, 18.5), (0, 9, 20)],
        23.2, 1.0, 5.5,
    ),
}  # fmt: skip


def carve(surface: Distance, hull: Distance, points: Points, sizes: Sizes) -> Distance:
    """Cut the sulci of the age into a hemisphere.

    Args:
        surface: distance to the hemisphere, reference mm.
        hull: the same without any fissure: depth is counted from it.
        points: open grid of both, reference mm.
        sizes: of the head.

    Returns:
        The distance with sulci.
    """
    deepest = sizes.ref(9.0) + 2.5
    index = np.nonzero((hull > -deepest) & (surface < 2.0))
    x, y, z = (part.ravel()[i] for part, i in zip(points, index[::-1], strict=True))
    depth = -hull[index]
    cut = np.full(depth.shape, -1e3, np.float32)
    relative = np.stack([part - c for part, c in zip((x, y, z), _CENTRE, strict=True)])
    radius = np.maximum(np.linalg.norm(relative, axis=0), 1e-3).astype(np.float32)
    toward = (relative / radius).astype(np.float32)
    for sulcus in CONVEXITY.values():
        if (deep := _depth(sulcus, sizes)) > 0:
            course = _curve(sulcus.course) - _CENTRE
            near = _near(toward, course)
            across = angle_to_arcs(toward[:, near], course) * radius[near]
            cut[near] = np.maximum(cut[near], _groove(across, depth[near], deep, sizes))
    flat = (np.zeros(1, np.float32), y, z)
    for sulcus in MEDIAL.values():
        if (deep := _depth(sulcus, sizes)) > 0:
            across = tube(flat, [(*knot, 0.0) for knot in _curve(sulcus.course).tolist()])
            groove = _groove(across, depth, deep, sizes)
            cut = np.maximum(cut, np.where(x < depth + 2.5, groove, -1e3))
    carved = surface.copy()
    carved[index] = np.maximum(carved[index], cut)
    return carved


def _curve(course: list[Triple]) -> NDArray[np.float64]:
    """Return points ``(N, 3)`` along a smooth curve through knots: a sulcus has no corners."""
    if len(course) < 3:
        return np.array(course)
    knots = np.arange(len(course))
    return CubicSpline(knots, course)(np.linspace(0, knots[-1], 3 * len(course) - 2))


def _near(toward: NDArray[np.float32], course: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the directions within 0.3 rad of the cap that holds a course, as indices."""
    ends = course / np.linalg.norm(course, axis=1, keepdims=True)
    middle = ends.mean(axis=0) / np.linalg.norm(ends.mean(axis=0))
    reach = np.arccos(np.clip(ends @ middle, -1, 1).min()) + 0.3
    return np.flatnonzero(middle.astype(np.float32) @ toward > np.cos(reach))


def _depth(sulcus: Sulcus, sizes: Sizes) -> float:
    """Return the depth at the age, reference mm; below half a millimetre there is none."""
    depth = min(sulcus.rate_mm * (sizes.ga_weeks - sulcus.week), sulcus.deepest_mm)
    return sizes.ref(depth) if depth >= 0.5 else 0.0


def _groove(across: Distance, depth: Distance, deep: float, sizes: Sizes) -> Distance:
    """Return the distance inside a groove (positive within): a V, round, wider when shallow."""
    half = sizes.ref(0.6) + 0.5 * np.clip(1 - depth / deep, 0, 1) ** 2
    return np.minimum(half - across, deep - depth)
