"""Poses: seeds, random poses, least-squares fits, and points of regular grids.

Points are arrays ``(3, ...)`` in the order x, y, z (LPS mm); voxel arrays are ``[z, y, x]``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import InputError

Points = NDArray[np.float32]


def generator(seed: int, *names: str) -> np.random.Generator:
    """Make a random generator that depends on nothing but a seed and names.

    Args:
        seed: of the cohort.
        names: such as ``"anatomy"`` and a subject.

    Returns:
        The generator.
    """
    text = "/".join([str(seed), *names])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16]))


@dataclass(frozen=True)
class Pose:
    """Where the head lies in the image: image point p -> head point ``rotation @ (p - shift)``.

    ``rotation (3, 3)``; ``shift_mm (3,)`` is where the centre of the head lies.
    """

    rotation: NDArray[np.float64]
    shift_mm: NDArray[np.float64]

    def to_head(self, points: Points) -> Points:
        """Map image points ``(3, ...)`` to points of the upright head centred at 0, mm."""
        moved = points - _column(self.shift_mm, points)
        return np.tensordot(self.rotation.astype(np.float32), moved, 1)


def random_pose(rng: np.random.Generator, *, rotation_deg: float, shift_mm: float) -> Pose:
    """Draw a pose: any axis, angle uniform up to a limit; shift uniform in a ball.

    Args:
        rng: source of randomness.
        rotation_deg: largest angle, degrees.
        shift_mm: largest shift, mm.

    Returns:
        The pose.
    """
    axis, direction = (_unit(rng.normal(size=3)) for _ in range(2))
    angle = np.deg2rad(rng.uniform(0, rotation_deg))
    shift = direction * shift_mm * rng.uniform() ** (1 / 3)
    return Pose(rotation_about(axis, angle), shift)


def rotation_about(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Make a rotation matrix.

    Args:
        axis: unit vector ``(3,)``.
        angle: radians, counter-clockwise when looking against the axis.

    Returns:
        ``(3, 3)`` (Rodrigues' formula).
    """
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def fit_similarity(
    points_from: NDArray, points_to: NDArray, *, rigid: bool = False
) -> sitk.Similarity3DTransform:
    """Fit a similarity transform to corresponding points by least squares, in closed form.

    Args:
        points_from: ``(3, N)``, mm, N >= 3, not all on one line.
        points_to: ``(3, N)``, mm, the same points after the unknown map.
        rigid: keep the scale at 1.

    Returns:
        The transform that maps ``points_from`` nearest to ``points_to``.

    Raises:
        InputError: the points do not determine a transform.

    Source: Umeyama, IEEE TPAMI 13(4), 1991, Eqs. 40-42; not stated in TMI 2020.
    """
    start = points_from.reshape(3, -1).astype(np.float64)
    end = points_to.reshape(3, -1).astype(np.float64)
    mean_from, mean_to = start.mean(1), end.mean(1)
    centred = start - mean_from[:, None]
    covariance = (end - mean_to[:, None]) @ centred.T / start.shape[1]
    u, d, vt = np.linalg.svd(covariance)
    if start.shape[1] < 3 or d[1] < 1e-12:
        raise InputError(
            "points",
            expected="at least three, not on one line",
            found=f"{start.shape[1]} that determine no rotation",
            do="Check that the head lies within the image.",
        )
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = 1.0 if rigid else float((d * sign).sum() / (centred**2).sum(0).mean())
    fitted = sitk.Similarity3DTransform()
    fitted.SetMatrix((scale * rotation).ravel().tolist())
    fitted.SetTranslation((mean_to - scale * rotation @ mean_from).tolist())
    return fitted


def lattice(
    function: Callable[[Points], Points], shape: tuple[int, int, int], *, step: int = 4
) -> Points:
    """Evaluate a smooth map on a grid: exactly at every few points, linearly between.

    Args:
        function: takes grid indices ``(3, ...)`` in the order z, y, x; gives points.
        shape: of the grid.
        step: grid points from one exact value to the next.

    Returns:
        ``(3, *shape)`` float32, what ``function`` gives at every grid point.
    """
    coarse = [np.arange(0, size - 1 + step, step, dtype=np.float32) for size in shape]
    values = function(np.stack(np.meshgrid(*coarse, indexing="ij")))
    return upsample(values, shape, (step,) * 3)


def upsample(
    values: NDArray[np.float32], shape: tuple[int, ...], steps: tuple[int, ...]
) -> NDArray[np.float32]:
    """Interpolate linearly from every few points of a grid to all of them.

    Args:
        values: ``(C, ...)``; along an axis of N points at least ``(N - 1) / step + 1``, rounded up.
        shape: of the grid.
        steps: grid points from one value to the next, for each axis.

    Returns:
        ``(C, *shape)`` float32.
    """
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True), start=1):
        place = np.arange(size, dtype=np.float32)[:, None] / step - np.arange(values.shape[axis])
        weights = np.clip(1 - np.abs(place), 0, 1).astype(np.float32)
        values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return np.ascontiguousarray(values, dtype=np.float32)


def index_to_world(image: sitk.Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give matrix ``(3, 3)`` and origin ``(3,)`` that map indices (x, y, z) to world mm."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return direction * np.array(image.GetSpacing()), np.array(image.GetOrigin())


def world_of(image: sitk.Image) -> Callable[[Points], Points]:
    """Give the map from array indices ``(3, ...)`` z, y, x to world points x, y, z."""
    matrix, origin = index_to_world(image)

    def to_world(indices: Points) -> Points:
        moved = np.tensordot(matrix[:, ::-1].astype(np.float32), indices, 1)
        return moved + _column(origin, indices)

    return to_world


def index_of(image: sitk.Image) -> Callable[[Points], Points]:
    """Give the map from world points ``(3, ...)`` to array indices z, y, x."""
    matrix, origin = index_to_world(image)
    inverse = np.linalg.inv(matrix)[::-1].astype(np.float32)
    return lambda points: np.tensordot(inverse, points - _column(origin, points), 1)


def _column(vector: NDArray, like: NDArray) -> Points:
    return vector.astype(np.float32).reshape(3, *[1] * (like.ndim - 1))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
