"""What an MR scanner does to a noise-free image: point spread, thick slices, motion, noise.

Arrays are ``[z, y, x]``. What lies outside the intracranial space is unknown to it, not black: near
the border a point spread averages the inside only, as brain extraction after the scan leaves it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.blur import mean_within
from ssus2mri.config.simulate import StackSettings
from ssus2mri.simulate.pose import interpolate_along

Floats = NDArray[np.float32]

FWHM = float(np.sqrt(8 * np.log(2)))
"""Full width at half maximum of a Gaussian, in standard deviations."""
IN_PLANE = 1.2
"""Full width at half maximum within a slice, in pixels (Jiang et al., IEEE TMI 26(7), 2007)."""


@dataclass(frozen=True)
class Stack:
    """One stack of slices, in voxels of the grid that it is cut from.

    ``axis`` of the array that runs through the slices; ``slices (K,)`` their centres on it;
    ``pixel`` and ``slice_`` edge of a pixel and thickness, voxels; ``shift (K, 2)`` voxels and
    ``turn (K,)`` radians, how the head has moved within the plane of each slice.
    """

    axis: int
    slices: NDArray[np.floating]
    pixel: float
    slice_: float
    shift: NDArray[np.float64]
    turn: NDArray[np.float64]


def draw_stack(
    shape: tuple[int, ...], spacing_mm: float, settings: StackSettings, *, rng: np.random.Generator
) -> Stack:
    """Draw orientation, thickness and place of the slices, and the motion between interleaves.

    Args:
        shape: of the grid.
        spacing_mm: edge of its voxels, mm.
        settings: of the stack.
        rng: source of randomness.

    Returns:
        Slices without gaps that cover the grid. The head lies still during an interleave, and
        during the first where its pose says.
    """
    axis = int(rng.integers(3))
    thickness = rng.uniform(*settings.slice_mm) / spacing_mm
    count = int(np.ceil(shape[axis] / thickness)) + 1
    slices = (np.arange(count) - rng.uniform()) * thickness
    shift = rng.normal(0, settings.motion_mm / spacing_mm, (settings.interleaves, 2))
    turn = np.deg2rad(rng.normal(0, settings.motion_deg, settings.interleaves))
    shift[0], turn[0] = 0, 0
    interleave = np.arange(count) % settings.interleaves
    pixel = settings.pixel_mm / spacing_mm
    return Stack(axis, slices, pixel, thickness, shift[interleave], turn[interleave])


def cut(image: Floats, inside: NDArray[np.bool_], stack: Stack) -> Floats:
    """Take the slices of a stack, each of the head as it lies at that moment.

    Args:
        image: noise-free, ``[z, y, x]``.
        inside: the intracranial space, same shape.
        stack: of that grid.

    Returns:
        ``(K, P, Q)`` slices of square pixels.

    Source: the profile of a slice is a Gaussian as wide at half maximum as the slice is thick
    (Kuklisova-Murgasova et al., Med. Image Anal. 16(8), 2012).
    """
    image, inside = np.moveaxis(image, stack.axis, 0), np.moveaxis(inside, stack.axis, 0)
    across = IN_PLANE * stack.pixel
    sigma = np.array([stack.slice_, across, across]) / FWHM
    blurred = mean_within(inside.astype(np.float32), sigma)(image * inside)
    middle = (np.array(image.shape[1:]) - 1) / 2
    rows, columns = (_pixels(size, stack.pixel) for size in image.shape[1:])
    v, u = rows[:, None] - middle[0], columns - middle[1]
    cos, sin = (function(stack.turn)[:, None, None] for function in (np.cos, np.sin))
    moved_v = cos * v - sin * u + middle[0] + stack.shift[:, 0, None, None]
    moved_u = sin * v + cos * u + middle[1] + stack.shift[:, 1, None, None]
    depth = np.broadcast_to(stack.slices[:, None, None], moved_v.shape)
    return ndimage.map_coordinates(blurred, [depth, moved_v, moved_u], order=1, mode="nearest")


def onto_grid(slices: Floats, stack: Stack, shape: tuple[int, ...]) -> Floats:
    """Interpolate slices linearly onto the grid that they were cut from, blind to the motion.

    Args:
        slices: ``(K, P, Q)``, as `cut` gives them.
        stack: of that grid.
        shape: of that grid.

    Returns:
        float32 ``[z, y, x]`` of that shape.
    """
    sizes = [shape[stack.axis], *np.delete(shape, stack.axis).tolist()]
    nodes = [stack.slices, *(_pixels(size, stack.pixel) for size in sizes[1:])]
    for axis, (size, node) in enumerate(zip(sizes, nodes, strict=True)):
        step = node[1] - node[0]
        place = np.clip((np.arange(size) - node[0]) / step, 0, len(node) - 1)
        slices = interpolate_along(slices, place, axis)
    return np.ascontiguousarray(np.moveaxis(slices, 0, stack.axis))


def rician(signal: Floats, sigma: float, *, rng: np.random.Generator) -> Floats:
    """Return the magnitude of a signal with Gaussian noise in both channels.

    Args:
        signal: noise-free, not negative.
        sigma: standard deviation of each channel.
        rng: source of randomness.

    Returns:
        float32, same shape; where the signal is 0 its mean is ``sigma * sqrt(pi / 2)``.

    Source: Gudbjartsson and Patz, MRM 34(6), 1995; not stated in TMI 2020.
    """
    real, imaginary = (rng.standard_normal(signal.shape, np.float32) for _ in range(2))
    scale = np.float32(sigma)
    return np.hypot(signal + scale * real, scale * imaginary)


def _pixels(size: int, pixel: float) -> NDArray[np.floating]:
    """Return the pixels' centres along an edge, voxels; those at the ends lie on or beyond it."""
    count = int(np.ceil((size - 1) / pixel)) + 1
    return (np.arange(count) - (count - 1) / 2) * pixel + (size - 1) / 2
