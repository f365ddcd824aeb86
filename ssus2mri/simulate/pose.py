"""Poses: seeds, random poses, least-squares fits, and points of regular grids.

Points are arrays ``(3, ...)`` in the order x, y, z (LPS mm); voxel arrays are ``[z, y, x]``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from skimage.transform import SimilarityTransform

from ssus2mri.errors import InputError

Points = NDArray[np.float32]


def generator(seed: int, *names: str) -> np.random.Generator:
    """Make a random generator that depends on nothing but a seed and names."""
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
    """
    axis, direction = (_unit(rng.normal(size=3)) for _ in range(2))
    angle = np.deg2rad(rng.uniform(0, rotation_deg))
    shift = direction * shift_mm * rng.uniform() ** (1 / 3)
    return Pose(Rotation.from_rotvec(angle * axis).as_matrix(), shift)


def fit_similarity(points_from: NDArray, points_to: NDArray) -> sitk.Similarity3DTransform:
    """Fit a similarity transform to corresponding points by least squares.

    Args:
        points_from: ``(3, N)``, mm, N >= 3, not all on one line.
        points_to: ``(3, N)``, mm, the same points after the unknown map.

    Returns:
        The transform that maps ``points_from`` nearest to ``points_to``.

    Raises:
        InputError: the points do not determine a transform.

    Source: Umeyama, IEEE TPAMI 13(4), 1991, Eqs. 40-42; not stated in TMI 2020.
    """
    start = points_from.reshape(3, -1).T.astype(np.float64)
    end = points_to.reshape(3, -1).T.astype(np.float64)
    covariance = (end - end.mean(axis=0)).T @ (start - start.mean(axis=0)) / len(start)
    if len(start) < 3 or np.linalg.svd(covariance, compute_uv=False)[1] < 1e-12:
        raise InputError(
            "points",
            expected="at least three, not on one line",
            found=f"{len(start)} that determine no rotation",
            do="Check that the head lies within the image.",
        )
    fit = SimilarityTransform.from_estimate(start, end)
    fitted = sitk.Similarity3DTransform()
    fitted.SetMatrix(fit.params[:3, :3].ravel().tolist())
    fitted.SetTranslation(fit.translation.tolist())
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
        values = interpolate_along(values, np.arange(size, dtype=np.float32) / step, axis)
    return np.ascontiguousarray(values, dtype=np.float32)


def interpolate_along(
    values: NDArray[np.float32], places: NDArray[np.floating], axis: int
) -> NDArray[np.float32]:
    """Interpolate linearly along an axis.

    Args:
        values: any shape.
        places: ``(N,)``, where to read, in indices of that axis.
        axis: number.

    Returns:
        float32, that axis with N points.
    """
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(values.shape[axis])), 0, 1)
    return np.moveaxis(np.tensordot(weights.astype(np.float32), values, (1, axis)), 0, axis)


def index_to_world(image: sitk.Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix ``(3, 3)`` and origin ``(3,)`` that map indices (x, y, z) to world mm."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return direction * np.array(image.GetSpacing()), np.array(image.GetOrigin())


def world_of(image: sitk.Image) -> Callable[[Points], Points]:
    """Return the map from array indices ``(3, ...)`` z, y, x to world points x, y, z."""
    matrix, origin = index_to_world(image)

    def to_world(indices: Points) -> Points:
        moved = np.tensordot(matrix[:, ::-1].astype(np.float32), indices, 1)
        return moved + _column(origin, indices)

    return to_world


def index_of(image: sitk.Image) -> Callable[[Points], Points]:
    """Return the map from world points ``(3, ...)`` to array indices z, y, x."""
    matrix, origin = index_to_world(image)
    inverse = np.linalg.inv(matrix)[::-1].astype(np.float32)
    return lambda points: np.tensordot(inverse, points - _column(origin, points), 1)


def _column(vector: NDArray, like: NDArray) -> Points:
    return vector.astype(np.float32).reshape(3, *[1] * (like.ndim - 1))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
