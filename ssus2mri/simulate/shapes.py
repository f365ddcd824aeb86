"""Implicit shapes: signed distances in mm, negative inside; points are ``(3, ...)`` x, y, z."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Distance = NDArray[np.float32]
Triple = tuple[float, float, float]


def ellipsoid(points: NDArray[np.float32], centre: Triple, radii: Triple) -> Distance:
    """Distance to an ellipsoid, first order; exact on its surface."""
    inner: NDArray[np.float32] = np.zeros(points.shape[1:], np.float32)
    outer = np.zeros_like(inner)
    for part, c, r in zip(points, centre, radii, strict=True):
        scaled = (part - np.float32(c)) / np.float32(r)
        inner += scaled * scaled
        outer += (scaled / np.float32(r)) ** 2
    length = np.sqrt(inner)
    return length * (length - 1) / np.sqrt(outer + np.float32(1e-9))


def tube(points: NDArray[np.float32], knots: list[tuple[float, float, float, float]]) -> Distance:
    """Distance to a chain of cones through knots ``(x, y, z, radius)``."""
    best: NDArray[np.float32] | None = None
    for first, last in pairwise(knots):
        start = np.array(first, np.float32)
        along = np.array(last, np.float32) - start
        relative = [part - c for part, c in zip(points, start, strict=False)]
        length2 = np.float32((along[:3] ** 2).sum())
        place = sum(r * a for r, a in zip(relative, along, strict=False)) / length2
        place = np.clip(place, 0, 1)
        square = sum((r - place * a) ** 2 for r, a in zip(relative, along, strict=False))
        distance = np.sqrt(square) - (start[3] + place * along[3])
        best = distance if best is None else np.minimum(best, distance)
    if best is None:
        raise ValueError("a tube needs two knots")
    return best


def union(first: Distance, *others: Distance, blend_mm: float = 0.0) -> Distance:
    """Join shapes, with a fillet of the given size."""
    result = first
    for other in others:
        if blend_mm:
            near = np.clip(0.5 + 0.5 * (other - result) / np.float32(blend_mm), 0, 1)
            result = other + (result - other) * near - np.float32(blend_mm) * near * (1 - near)
        else:
            result = np.minimum(result, other)
    return result


def without(shape: Distance, hole: Distance, *, blend_mm: float = 0.0) -> Distance:
    """Cut a hole into a shape, its rim rounded."""
    return -union(-shape, hole, blend_mm=blend_mm)
