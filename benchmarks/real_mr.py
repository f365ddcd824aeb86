"""Pairs of real MR slices and known deformations, for benchmarks of registration."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from ssus2mri.images import geometry, volume
from ssus2mri.prepare.intensity import scaled

SIZE, SPACING_MM = 160, 0.6
MIDDLE = (50, 110)
"""Indices between which every plane crosses the brain."""
PERCENTILES = [0.5, 99.5]
SQUARINGS = 6
"""Times that a field is composed with itself."""
APART = 8
"""Slices by which a pair of kind `apart` differs at most."""

Floats = NDArray[np.float64]
Brains = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]


class Pair(NamedTuple):
    """``(H, W)`` each; ``kind`` says how the moving slice differs from the fixed one."""

    moving: NDArray[np.float32]
    fixed: NDArray[np.float32]
    mask: NDArray[np.bool_]
    kind: str


def brains(folder: Path) -> Brains:
    """Read the MR atlases of a folder on the grid of the atlas: [0, 1], and the mask of each."""
    scans = {}
    for path in sorted(folder.glob("*_t2w.nii.gz")):
        image = volume.read(path)
        middle = [(edge - 1) / 2 for edge in image.GetSize()]
        grid = geometry.grid(
            SIZE, SPACING_MM, image.TransformContinuousIndexToPhysicalPoint(middle)
        )
        mask = volume.read_mask(path.with_name(path.name.replace("_t2w", "_mask")))
        array, inside = (
            sitk.GetArrayFromImage(sitk.Resample(source, grid, sitk.Transform(), how, 0.0))
            for source, how in ((image, sitk.sitkLinear), (mask, sitk.sitkNearestNeighbor))
        )
        brain = inside > 0
        unit, _, _ = scaled(array, brain, PERCENTILES)
        scans[path.name.partition("_")[0]] = unit, brain
    return scans


def random_slice(rng: np.random.Generator, shown: Brains, name: str) -> tuple[int, int]:
    """Choose an axis and an index at which the brain covers a tenth of the slice."""
    while True:
        axis, index = int(rng.integers(3)), int(rng.integers(*MIDDLE))
        if np.take(shown[name][1], index, axis).mean() >= 0.1:
            return axis, index


def pairs(shown: Brains, count: int, rng: np.random.Generator) -> Iterator[Pair]:
    """Yield slices of two atlases: at one place, some slices apart, noisy, blurred, in turns."""
    for number in range(count):
        kind = ("atlases", "apart", "noisy", "blurred")[number % 4]
        a, b = rng.choice(sorted(shown), 2, replace=False)
        axis, index = random_slice(rng, shown, a)
        fixed, mask = (np.take(array, index, axis) for array in shown[a])
        other = index + int(rng.integers(-APART, APART + 1)) * (kind == "apart")
        moving = np.take(shown[b][0], other, axis)
        if kind == "noisy":
            noise = rng.standard_normal(moving.shape)
            moving = np.clip(moving + rng.uniform(0.05, 0.5) * noise, 0, 1)
        if kind == "blurred":
            moving = gaussian_filter(moving, rng.uniform(1, 5))
        yield Pair((moving * mask).astype(np.float32), fixed.astype(np.float32), mask, kind)


def planted(
    rng: np.random.Generator,
    mask: NDArray[np.bool_],
    *,
    smooth_mm: float,
    strength: float,
    spacing_mm: float = SPACING_MM,
) -> Floats:
    """Draw a smooth invertible field ``(2, H, W)``, mm: exponential of Gaussian-smoothed noise.

    Args:
        rng: source of randomness.
        mask: ``(H, W)``, where its mean |log det J| is ``strength``, nearly.
        smooth_mm: standard deviation of the Gaussian.
        strength: see ``mask``.
        spacing_mm: edge of a pixel, mm.
    """
    noise = rng.standard_normal((2, *mask.shape))
    velocity = gaussian_filter(noise, (0, *[smooth_mm / spacing_mm] * 2), mode="nearest")
    velocity /= velocity.std()
    scale = 1.0
    for _ in range(3):
        field = _exponential(velocity * scale, spacing_mm)
        scale *= strength / abs_log_det(central_determinant(field, spacing_mm), mask)
    return _exponential(velocity * scale, spacing_mm)


def _exponential(velocity_mm: Floats, spacing_mm: float) -> Floats:
    field = velocity_mm / 2**SQUARINGS
    for _ in range(SQUARINGS):
        moved = [warp(part, field, spacing_mm=spacing_mm, mode="nearest") for part in field]
        field = field + np.stack(moved)
    return field


def warp(
    image: NDArray, field: Floats, *, spacing_mm: float = SPACING_MM, mode: str = "constant"
) -> NDArray:
    """Return the image at ``x + u(x)``."""
    return map_coordinates(image, np.indices(image.shape) + field / spacing_mm, order=1, mode=mode)


def central_determinant(field: Floats, spacing_mm: float = SPACING_MM) -> Floats:
    """Return the Jacobian determinant of ``x + u(x)`` by central differences, ``(H, W)``."""
    (yy, yx), (xy, xx) = (np.gradient(part, spacing_mm) for part in field)
    return (1 + yy) * (1 + xx) - yx * xy


def abs_log_det(determinants: Floats, mask: NDArray[np.bool_]) -> float:
    """Return the mean |log det J| in the mask; a determinant counts as 0.01 at least."""
    return float(np.abs(np.log(np.maximum(determinants[mask], 0.01))).mean())
