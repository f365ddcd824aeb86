"""Push labels aside smoothly, so that a space in the brain grows to a given width.

Arrays are ``[z, y, x]``; velocities live on every few voxels of the labels' grid.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.errors import InputError
from ssus2mri.simulate.deformation import Field, exponential
from ssus2mri.simulate.pose import upsample

Labels = NDArray[np.uint8]

_LATTICE_MM = 2.2
_SOFT_MM = 4.0
_STEPS = 7
_TOLERANCE_MM = 0.5


@dataclass(frozen=True)
class CoarseGrid:
    """Every ``stride``-th voxel of labels of a ``shape`` and a spacing, for smooth fields."""

    shape: tuple[int, ...]
    spacing_zyx: NDArray[np.float64]

    @property
    def stride(self) -> int:
        """Voxels from one node to the next."""
        return max(1, round(_LATTICE_MM / float(self.spacing_zyx.mean())))

    @property
    def step_mm(self) -> tuple[float, float, float]:
        """From one node to the next along z, y, x, mm."""
        z, y, x = (self.spacing_zyx * self.stride).tolist()
        return z, y, x

    def coarse(self, array: NDArray) -> NDArray[np.float32]:
        """Average an array's voxels around every node; the border's nodes may lie beyond it."""
        sizes = [-(-(n - 1) // self.stride) * self.stride + 1 - n for n in self.shape]
        padded = np.pad(array.astype(np.float32), [(0, n) for n in sizes], mode="edge")
        smooth = ndimage.uniform_filter(padded, self.stride)
        return np.asarray(smooth[(slice(None, None, self.stride),) * 3], np.float32)


def outward(
    grid: CoarseGrid, source: NDArray, barrier: NDArray[np.bool_], *, reach_mm: float
) -> Field:
    """Return a velocity away from a source that stops at a barrier; 1 mm at its fastest.

    Args:
        grid: of the labels.
        source: what grows, weighted from 0 to 1, on the labels' grid.
        barrier: what stays where it is.
        reach_mm: distance at which the velocity is highest.

    Returns:
        The gradient of the smoothed source, turned round and slowed down near the barrier.
    """
    step = np.array(grid.step_mm)
    potential = ndimage.gaussian_filter(grid.coarse(source), reach_mm / step)
    away = -np.stack(np.gradient(potential, *grid.step_mm)[::-1])
    free = ndimage.distance_transform_edt(grid.coarse(barrier) < 0.25, step)
    share = np.clip(free / _SOFT_MM, 0, 1)
    away *= share**2 * (3 - 2 * share)
    fastest = float(np.sqrt((away**2).sum(0)).max())
    return np.asarray(away / max(fastest, 1e-9), np.float32)


def push(labels: Labels, grid: CoarseGrid, velocity: Field) -> Labels:
    """Move labels along a velocity for unit time.

    Args:
        labels: any.
        grid: of the labels.
        velocity: mm.

    Returns:
        New labels: at each voxel the one that has come there. Invertible, so whatever surrounds a
        growing space still surrounds it, thinner.
    """
    back = upsample(exponential(-velocity, grid.step_mm), labels.shape, (grid.stride,) * 3)
    spacing = grid.spacing_zyx.astype(np.float32).reshape(3, 1, 1, 1)
    indices = np.indices(labels.shape, np.float32) + back[::-1] / spacing
    return ndimage.map_coordinates(labels, indices, order=0, mode="nearest")


def grow(
    pushed: Callable[[NDArray[np.float64]], Labels],
    measure: Callable[[Labels], NDArray[np.float64]],
    *,
    target_mm: float,
    most_mm: float,
    what: str,
) -> Labels:
    """Push labels until every width measures as asked.

    Args:
        pushed: gives the labels after pushing at some speeds, mm, one for each width; a width
            grows with its own speed and depends on no other.
        measure: gives the widths of labels, mm.
        target_mm: what all of them shall be.
        most_mm: the highest speed to try.
        what: name of the width in a message.

    Returns:
        The labels with the widths nearest to the target that were found.

    Raises:
        InputError: a width is larger already, cannot be reached, or cannot be measured.
    """
    at_low = measure(pushed(np.zeros(1)))
    least = at_low.max()
    low, high = np.zeros(len(at_low)), np.full(len(at_low), most_mm / 8)
    at_high = measure(pushed(high))
    while (at_high < target_mm).any() and high.max() < most_mm:
        short = at_high < target_mm
        low, at_low = np.where(short, high, low), np.where(short, at_high, at_low)
        high = np.where(short, 2 * high, high)
        at_high = measure(pushed(high))
    if not least <= target_mm <= at_high.min():
        raise InputError(
            f"pathology, {what}",
            expected=f"more than {least:.1f} mm, as it is, and what the head has room for",
            found=f"{target_mm:g} mm",
            do="Ask for a size that this head can have.",
        )
    best, error = low, target_mm - at_low
    for _ in range(_STEPS):
        # Where a straight line meets the target, kept off the ends, to which it would cling.
        share = (target_mm - at_low) / np.maximum(at_high - at_low, 1e-6)
        speed = low + (high - low) * np.clip(share, 0.15, 0.85)
        widths = measure(pushed(speed))
        near = np.abs(widths - target_mm) < np.abs(error)
        best, error = np.where(near, speed, best), np.where(near, widths - target_mm, error)
        if np.abs(error).max() < _TOLERANCE_MM:
            break
        narrow = widths < target_mm
        low, at_low = np.where(narrow, speed, low), np.where(narrow, widths, at_low)
        high, at_high = np.where(narrow, high, speed), np.where(narrow, at_high, widths)
    return pushed(best)
