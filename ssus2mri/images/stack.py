"""Stacks of parallel slices: their order and grid, or what is wrong with them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.grid import Grid, from_affine, require_place
from ssus2mri.images.messages import contradicts

EVEN, EVEN_MM = 0.02, 0.1
"""Deviation of a slice from its even place that is rounding: share of the step, and mm at most."""


def stacked(
    path: Path,
    positions: NDArray[np.float64],
    orientation: NDArray[np.float64],
    spacing_mm: tuple[float, float],
    *,
    size: tuple[int, int],
    names: list[str],
    said_mm: tuple[float, ...] = (),
) -> tuple[list[int], Grid]:
    """Order slices along their normal.

    Args:
        path: file or folder, for messages.
        positions: ``(S, 3)``, world point (LPS) of each slice's first pixel.
        orientation: ``(6,)``, directions of a row (x) and of a column (y).
        spacing_mm: along x and y.
        size: pixels along x and y.
        names: of the slices, for messages.
        said_mm: steps between slices that the file states, where it does.

    Returns:
        The slices' numbers in order, and the grid.

    Raises:
        InputError: fewer than two, at one place, not evenly apart, or not along the normal.
    """
    if len(positions) < 2:
        raise InputError(
            str(path),
            expected="a volume of at least two slices",
            found=f"{len(positions)}",
            do="Give a folder or file with the whole volume. A 2D plane needs `plane` in its row.",
        )
    require_place(path, positions)
    x, y = orientation[:3], orientation[3:]
    with np.errstate(over="ignore"):
        normal = np.cross(x, y)
        lengths = np.linalg.norm([x, y, normal], axis=1)
    if not np.abs(lengths - 1).max() <= 0.01:
        raise contradicts(path, "orientation", f"row {x.tolist()} and column {y.tolist()}")
    normal /= np.linalg.norm(normal)
    depth = positions @ normal
    order = [int(k) for k in np.argsort(depth, kind="stable")]
    steps = np.diff(depth[order])
    step = float(np.median(steps))
    _require_apart(path, steps, step, [names[k] for k in order])
    sorted_positions = positions[order]
    mean = (sorted_positions[-1] - sorted_positions[0]) / (len(order) - 1)
    even = sorted_positions[0] + np.arange(len(order))[:, None] * mean
    off = float(np.linalg.norm(sorted_positions - even, axis=1).max())
    if off > min(EVEN * step, EVEN_MM) + 1e-3:
        raise InputError(
            str(path),
            expected="slices evenly apart",
            found=f"one that lies {off:.3g} mm from its place",
            do="Export the series again, without slices of another stack.",
        )
    aside = float(np.linalg.norm(mean - (mean @ normal) * normal))
    if aside * (len(order) - 1) > min(EVEN_MM, 0.1 * min(spacing_mm)) + 1e-3:
        raise InputError(
            str(path),
            expected="slices stacked along their normal",
            found=f"each moved {aside:.3g} mm sideways (a tilted gantry or a sheared stack)",
            do="Resample it to a grid with right angles.",
        )
    length = float(mean @ normal)
    for said in said_mm:
        if said > 0 and abs(said - length) > 0.05 * length:
            found = f"{said:.4g} mm said and {length:.4g} mm by the positions"
            raise contradicts(path, "distance between slices", found)
    affine = np.column_stack(
        [x * spacing_mm[0], y * spacing_mm[1], normal * length, sorted_positions[0]]
    )
    return order, from_affine(path, (*size, len(order)), affine)


def _require_apart(path: Path, steps: NDArray[np.float64], step: float, names: list[str]) -> None:
    same = np.flatnonzero(steps < max(0.01, 0.05 * step))
    if same.size:
        pairs = ", ".join(f"{names[k]} and {names[k + 1]}" for k in same[:3])
        raise InputError(
            str(path),
            expected="every slice at a place of its own",
            found=f"{same.size} at the place of another ({pairs}): a second time point or copy?",
            do="Leave one volume in the folder, or export one time point.",
        )
    wide = np.flatnonzero(np.abs(steps - step) > max(EVEN * step, 1e-3) + 1e-3)
    if wide.size:
        k = int(wide[0])
        times = steps[k] / step
        missing = f", as if {round(times) - 1} were missing" if times > 1.5 else ""
        raise InputError(
            str(path),
            expected=f"slices evenly apart, {step:.4g} mm",
            found=f"{steps[k]:.4g} mm between {names[k]} and {names[k + 1]}{missing}",
            do="Copy or export the missing slices, or remove those of other series.",
        )
