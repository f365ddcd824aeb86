"""An image in a file: its grid is known, and its voxels are read on demand.

Voxels come in blocks, x fastest, so that a whole table of images can be looked at in little memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.grid import Grid
from ssus2mri.images.messages import not_finite

sitk.ProcessObject.SetGlobalWarningDisplay(False)
Blocks = Callable[[], Iterator[NDArray[Any]]]
LEVELS, _SAMPLE = 64, 2**16


@dataclass(frozen=True)
class Stored:
    """``blocks()`` gives the values anew each time, flat, in the unit that the file means."""

    path: Path
    grid: Grid
    blocks: Blocks


def array(stored: Stored, dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """Read all voxels, ``[z, y, x]`` or ``[y, x]``, as a type.

    Raises:
        InputError: a voxel that is not finite, or the file cannot be read to its end.
    """
    flat = np.empty(stored.grid.count, dtype)
    at = 0
    for block in stored.blocks():
        flat[at : at + block.size] = finite(stored.path, block)
        at += block.size
    if at != flat.size:
        raise AssertionError(f"{stored.path}: {at} of {flat.size} voxels")
    return flat.reshape(stored.grid.size[::-1])


def image(stored: Stored, dtype: type[np.generic] = np.float32) -> sitk.Image:
    """Read an image whole; see `array`."""
    return placed(array(stored, dtype), stored.grid)


def placed(values: NDArray[Any], grid: Grid) -> sitk.Image:
    """Put an array ``[z, y, x]`` (or ``[y, x]``) into the world."""
    result = sitk.GetImageFromArray(values)
    result.SetSpacing(grid.spacing_mm)
    result.SetOrigin(grid.origin_mm)
    result.SetDirection([value for row in grid.direction for value in row])
    return result


def grid_of(result: sitk.Image) -> Grid:
    """Return the grid of an image in memory."""
    n = result.GetDimension()
    rows = np.array(result.GetDirection()).reshape(n, n).tolist()
    direction = tuple(tuple(row) for row in rows)
    return Grid(result.GetSize(), result.GetSpacing(), result.GetOrigin(), direction)


def finite(path: Path, block: NDArray[Any]) -> NDArray[Any]:
    """Return a block back, as float32 at most; refuse NaN, infinity, and numbers too large."""
    if block.dtype.kind == "f":
        with np.errstate(over="ignore"):
            block = block.astype(np.float32, copy=False)
        good = np.isfinite(block)
        if not good.all():
            raise not_finite(path, int((~good).sum()))
    return block


@dataclass(frozen=True)
class Facts:
    """What the voxels of an image are like.

    ``content`` is a number that does not depend on their order: the same picture has it in every
    format and orientation. ``levels`` are some of the values that occur, at most `LEVELS` or so.
    """

    low: float
    high: float
    content: int
    levels: frozenset[float]


def examine(stored: Stored) -> Facts:
    """Look at every voxel of an image, block by block.

    Raises:
        InputError: unreadable, not finite, or the same value everywhere.
    """
    low, high, content = np.inf, -np.inf, 0
    levels: set[float] = set()
    for block in stored.blocks():
        values = finite(stored.path, block).astype(np.float32, copy=False)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        content = (content + _mixed(values)) % 2**64
        if len(levels) < LEVELS:
            sample = values[:: max(1, values.size // _SAMPLE)]
            levels.update(np.unique(sample)[:LEVELS].tolist())
    require_contrast(stored.path, low, high)
    return Facts(low, high, content, frozenset(levels))


def require_contrast(path: Path, low: float, high: float) -> None:
    """Refuse an image of one value."""
    if not high > low:
        raise InputError(
            str(path),
            expected="an image with contrast",
            found=f"the same value {low:g} everywhere",
            do="Export the image again.",
        )


def _mixed(values: NDArray[np.float32]) -> int:
    """Return the sum of a mixed number of each value: equal sets have equal sums."""
    bits = (values + np.float32(0)).view(np.uint32).astype(np.uint64)  # +0: no negative zero
    bits *= np.uint64(0x9E3779B97F4A7C15)
    bits ^= bits >> np.uint64(29)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    return int(bits.sum(dtype=np.uint64))
