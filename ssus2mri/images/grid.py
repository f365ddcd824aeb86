"""Where the voxels of an image lie in the world (LPS, mm), and whether that is plausible.

No reader of this package takes a default for geometry: what a file lacks is refused.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.messages import bad_spacing, rounded

LEAST_MM, MOST_MM = 0.02, 20.0
"""Edges of a voxel or pixel that a scan of a fetal head can have."""
LEAST_EXTENT_MM, MOST_EXTENT_MM = 20.0, 1000.0
"""Longest edge of a volume that holds a fetal head."""
LEAST_DEPTH_MM = 10.0
"""Shortest edge of one."""
MOST_PLACE_MM = 5000.0
"""Distance of the first voxel from the origin of the world that a scan can have."""
MOST_VOXELS = 2**28
SKEW = 2e-3
"""Largest cosine between two axes that is rounding and no shear."""


@dataclass(frozen=True)
class Grid:
    """Size (voxels), spacing, origin, and axes (columns of ``direction``), x first, LPS mm."""

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[tuple[float, ...], ...]

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.size, dtype=np.int64))

    def corners(self) -> NDArray[np.float64]:
        """Return the world points of the outermost voxels' centres, ``(2^D, D)``."""
        index = np.array(list(product(*((0, n - 1) for n in self.size))), dtype=float)
        step = np.array(self.direction) * np.array(self.spacing_mm)
        points: NDArray[np.float64] = index @ step.T + np.array(self.origin_mm)
        return points


def from_affine(path: Path, size: tuple[int, ...], affine: NDArray[np.float64]) -> Grid:
    """Make a grid from the matrix that takes indices to world points.

    Args:
        path: for messages.
        size: voxels along x, y (, z).
        affine: ``(D, D + 1)``, LPS mm: a column for each axis' step, then the origin.

    Raises:
        InputError: not finite, steps of impossible length, an impossible position, or axes that are
            not at right angles.
    """
    steps, origin = affine[:, :-1], affine[:, -1]
    with np.errstate(all="ignore"):
        spacing = np.linalg.norm(steps, axis=0)
    if not np.isfinite(spacing).all() or spacing.min() <= 0:
        raise bad_spacing(path, tuple(spacing.tolist()))
    require_place(path, origin)
    axes = steps / spacing
    cosines = np.abs(axes.T @ axes - np.eye(len(axes)))
    if cosines.max() > SKEW:
        raise InputError(
            str(path),
            expected="axes at right angles",
            found=f"a sheared grid (cosine {cosines.max():.3f} between two axes)",
            do="Resample the image to an unsheared grid.",
        )
    left, _, right = np.linalg.svd(axes)  # the nearest exact rotation: rounding is taken out
    direction = left @ right
    grid = Grid(
        size,
        tuple(spacing.tolist()),
        tuple(origin.tolist()),
        tuple(tuple(row) for row in direction.tolist()),
    )
    require_plausible(path, grid)
    return grid


def require_place(path: Path, points: NDArray[np.float64]) -> None:
    """Refuse positions that no scanner has.

    Raises:
        InputError: not finite, or too far from the origin of the world.
    """
    if not np.abs(points).max() <= MOST_PLACE_MM:  # nor NaN
        worst = points.reshape(-1, points.shape[-1])
        raise InputError(
            str(path),
            expected=f"a position within {MOST_PLACE_MM:g} mm of the scanner's middle",
            found=f"{rounded(tuple(worst[np.abs(worst).max(axis=1).argmax()].tolist()))} mm",
            do="Correct the position in the image's header, which must be in mm.",
        )


def require_plausible(path: Path, grid: Grid) -> None:
    """Refuse a grid that no scan of a fetal head has.

    Raises:
        InputError: voxels or an extent of impossible size, or more voxels than are taken.
    """
    if not all(LEAST_MM <= edge <= MOST_MM for edge in grid.spacing_mm):
        raise bad_spacing(path, grid.spacing_mm)
    extent = tuple(n * edge for n, edge in zip(grid.size, grid.spacing_mm, strict=True))
    flat = len(grid.size) == 2
    least, depth = (0.0, 0.0) if flat else (LEAST_EXTENT_MM, LEAST_DEPTH_MM)
    if not least <= max(extent) <= MOST_EXTENT_MM or min(extent) < depth:
        raise InputError(
            str(path),
            expected=f"an extent of {LEAST_EXTENT_MM:g} to {MOST_EXTENT_MM:g} mm, at least"
            f" {depth:g} mm along every axis",
            found=f"{grid.size} voxels of {rounded(grid.spacing_mm)} mm, {rounded(extent)} mm",
            do="Correct the spacing, which must be in mm.",
        )
    if grid.count > MOST_VOXELS:
        raise InputError(
            str(path),
            expected=f"at most {MOST_VOXELS} voxels",
            found=f"{grid.count}, of size {grid.size}",
            do="Cut the image to the head, or resample it to 0.5 mm.",
        )


def require_same(path: Path, grid: Grid, like: Grid, *, what: str) -> None:
    """Refuse a mask or labels that lie elsewhere than their image.

    Raises:
        InputError: another size, or a corner more than a tenth of a voxel off.
    """
    do = f"Resample the {what} to the image."
    if grid.size != like.size:
        raise InputError(
            str(path),
            expected=f"{what} on the image's grid {like.size}",
            found=f"grid {grid.size}",
            do=do,
        )
    off = float(np.linalg.norm(grid.corners() - like.corners(), axis=1).max())
    if off > 0.1 * min(like.spacing_mm):
        raise InputError(
            str(path),
            expected=f"{what} on the image's grid: origin {rounded(like.origin_mm)}, spacing"
            f" {rounded(like.spacing_mm)}",
            found=f"origin {rounded(grid.origin_mm)}, spacing {rounded(grid.spacing_mm)} or another"
            f" direction, {off:.3g} mm off",
            do=do,
        )
