"""Implicit shapes: distances in the unit of the points, negative inside.

Points are three arrays x, y, z that broadcast against each other: full grids, or the open grid of a
box (see `Canvas`), which keeps what depends on one axis one-dimensional.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

Distance = NDArray[np.float32]
Points = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Triple = tuple[float, float, float]
Knot = tuple[float, float, float, float]


@dataclass(frozen=True)
class Canvas:
    """Labels ``[z, y, x]`` with the coordinates of their axes, each ascending."""

    labels: NDArray[np.uint8]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]

    @property
    def points(self) -> Points:
        """Open grid of all voxels."""
        return self.x[None, None, :], self.y[None, :, None], self.z[:, None, None]

    def box(self, low: Triple, high: Triple) -> tuple[tuple[slice, slice, slice], Points]:
        """Cut out the voxels between two corners ``(x, y, z)``.

        Returns:
            The box as slices ``[z, y, x]``, and the open grid of its voxels.
        """
        cut = [
            slice(*np.searchsorted(axis, (first, last)).tolist())
            for axis, first, last in zip((self.x, self.y, self.z), low, high, strict=True)
        ]
        x, y, z = (axis[part] for axis, part in zip((self.x, self.y, self.z), cut, strict=True))
        return (cut[2], cut[1], cut[0]), (x[None, None, :], y[None, :, None], z[:, None, None])


def ellipsoid(
    points: Points, centre: Sequence[SupportsFloat], radii: Sequence[SupportsFloat]
) -> Distance:
    """Return the distance to an ellipsoid, first order; exact on its surface, and for a sphere."""
    scaled = [
        (part - np.float32(c)) / np.float32(r)
        for part, c, r in zip(points, centre, radii, strict=True)
    ]
    squares = [part * part for part in scaled]
    # What keeps the centre finite makes its distance that of the nearest surface.
    tiny = np.float32(1e-8)
    length = np.sqrt(squares[0] + squares[1] + squares[2] + tiny)
    steep = [part / np.float32(r) ** 2 for part, r in zip(squares, radii, strict=True)]
    least = np.float32(min(float(r) for r in radii))
    slope = np.sqrt(steep[0] + steep[1] + steep[2] + tiny / least**2)
    return length * (length - 1) / slope


def tube(points: Points, knots: Sequence[Knot]) -> Distance:
    """Return the distance to a chain of cones through knots ``(x, y, z, radius)``."""
    best: Distance | None = None
    for first, last in pairwise(knots):
        start = np.array(first, np.float32)
        along = np.array(last, np.float32) - start
        relative = [part - c for part, c in zip(points, start, strict=False)]
        length2 = np.float32((along[:3] ** 2).sum())
        parts = [r * (a / length2) for r, a in zip(relative, along, strict=False)]
        place = np.clip(parts[0] + parts[1] + parts[2], 0, 1)
        across = [r - place * a for r, a in zip(relative, along, strict=False)]
        square = sum(part * part for part in across)
        distance = np.sqrt(square) - (start[3] + place * along[3])
        best = distance if best is None else np.minimum(best, distance)
    if best is None:
        raise ValueError("a tube needs two knots")
    return best


def angle_to_arcs(directions: NDArray[np.float32], knots: ArrayLike) -> Distance:
    """Return the angle between directions and a chain of great-circle arcs.

    Args:
        directions: ``(3, N)`` unit vectors.
        knots: points that the arcs lie in the direction of, any length.

    Returns:
        ``(N,)`` radians.
    """
    ends = np.array(knots, np.float32)
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    cosine = np.clip(ends @ directions, -1, 1)
    best: Distance = np.arccos(cosine.max(axis=0))
    for first, last in pairwise(ends):
        normal = np.cross(first, last)
        normal /= np.linalg.norm(normal)
        between = (np.cross(normal, first) @ directions > 0) & (
            np.cross(last, normal) @ directions > 0
        )
        across = np.arcsin(np.clip(np.abs(normal @ directions), 0, 1))
        best = np.where(between, np.minimum(best, across), best)
    return best


def union(first: Distance, *distances: Distance, blend: float = 0.0) -> Distance:
    """Join shapes, with a fillet of the given size."""
    result = first
    for other in distances:
        if blend:
            near = np.clip(0.5 + 0.5 * (other - result) / np.float32(blend), 0, 1)
            result = other + (result - other) * near - np.float32(blend) * near * (1 - near)
        else:
            result = np.minimum(result, other)
    return result


def common(first: Distance, *distances: Distance, blend: float = 0.0) -> Distance:
    """Keep what lies in all shapes, the edges rounded."""
    return -union(-first, *(-other for other in distances), blend=blend)


def without(shape: Distance, hole: Distance, *, blend: float = 0.0) -> Distance:
    """Cut a hole into a shape, its rim rounded."""
    return common(shape, -hole, blend=blend)
