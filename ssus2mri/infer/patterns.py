"""Squares stamped into ultrasound, and how much of them a synthesis preserves."""

import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.evaluate import PATTERNS, ProbeSettings
from ssus2mri.slices import Slices

Mask = NDArray[np.bool_]


def draw_squares(
    head: Mask, count: int, *, spacing_mm: float, settings: ProbeSettings, rng: np.random.Generator
) -> list[Mask]:
    """Draw squares within a head, apart from each other and from its border.

    Source: TMI 2020, Sec. IV-E.a and Fig. 7: "a square pattern", single or multiple, at random;
    sizes and distances are not stated in the source.

    Args:
        head: ``(H, W)``.
        count: of squares.
        spacing_mm: edge of a pixel.
        settings: section ``probe``.
        rng: source of randomness.

    Returns:
        A mask ``(H, W)`` of each square; fewer than ``count`` where no more fit.
    """
    depth_mm = ndimage.distance_transform_edt(np.pad(head, 1))[1:-1, 1:-1] * spacing_mm
    free = np.ones_like(head)
    squares: list[Mask] = []
    for _ in range(count):
        half = max(0, round((rng.uniform(*settings.size_mm) / spacing_mm - 1) / 2))
        reach_mm = np.sqrt(2) * (half + 0.5) * spacing_mm
        centres = np.argwhere(_apart(free, half) & (depth_mm >= settings.margin_mm + reach_mm))
        if not len(centres):
            continue
        row, column = centres[rng.integers(len(centres))]
        square = np.zeros_like(head)
        square[row - half : row + half + 1, column - half : column + half + 1] = True
        squares.append(square)
        gap = int(np.ceil(settings.apart_mm / spacing_mm))
        free &= ~ndimage.binary_dilation(square, np.ones((2 * gap + 1,) * 2))
    return squares


def draw_patterns(us: Slices, pattern: str, rows: list[int], settings: ProbeSettings) -> list[Mask]:
    """Draw the pattern of some slices: the same for every run.

    Returns:
        The squares of each slice together, ``(H, W)``; nothing set where none fits.
    """
    volume, kind = zlib.crc32(us.header.volume.encode()), PATTERNS.index(pattern)
    masks = []
    for row in rows:
        place = int(us.plane[row]), int(us.index[row])
        rng = np.random.default_rng([settings.seed, volume, *place, kind])
        count = 1 if pattern == "single" else int(rng.integers(2, settings.most_squares + 1))
        squares = draw_squares(
            us.head[row], count, spacing_mm=us.header.spacing_mm, settings=settings, rng=rng
        )
        masks.append(np.any(squares, axis=0) if squares else np.zeros_like(us.head[row]))
    return masks


def stamp(us: Slices, rows: list[int], masks: list[Mask], intensity: float) -> Slices:
    """Return ultrasound with patterns in some of its slices; all others are as before."""
    image = us.image.copy()
    for row, mask in zip(rows, masks, strict=True):
        image[row][mask] = intensity
    return replace(us, image=image)


def recover(plain: NDArray[np.floating], stamped: NDArray[np.floating], threshold: float) -> Mask:
    """Return where the synthesis of the stamped slice differs from that of the plain one.

    Source: TMI 2020, Table III, compares "the original pattern" with "the patterns preserved"; how
    these are found is not stated. Ours: a difference above a threshold.

    Args:
        plain: ``(H, W)`` in [0, 1].
        stamped: the same, of the slice with its pattern.
        threshold: smallest absolute difference that counts.

    Returns:
        ``(H, W)``.
    """
    return np.abs(stamped.astype(np.float64) - plain.astype(np.float64)) >= threshold


def _apart(free: Mask, half: int) -> Mask:
    """Return centres of squares that cover nothing taken, nor leave the slice."""
    return ndimage.binary_erosion(free, np.ones((2 * half + 1,) * 2), border_value=0)
