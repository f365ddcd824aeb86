"""Compare the look of two sets of head planes by measures of single planes.

All measures are of an aligned plane (anterior up) whose side of the probe is known, in grey levels
as displayed (0 to 255): those are compressed logarithmically, so differences are decibels. What
lies outside the field of view or under a black box counts nowhere. ``brain`` is the head less a
rim that the skull's echo fills. None of this is stated in the source; the measures are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

RIM_MM = 5.0
"""Skull and its echo, within the head's border; the brain begins here."""
SKULL_MM = (-1.0, RIM_MM)
"""Depth below the head's border where the skull's echo is looked for."""
GREY_EDGES = np.arange(0, 257, 8)
FREQUENCY_EDGES = np.linspace(0.05, 0.8, 16)
"""Cycles/mm; pixels of 0.6 mm end at 0.83."""
SECTORS, DEPTHS, STRIPS = 12, 12, 10
SHADE_MM = 1.5
"""Blur before a place counts as dark: about a speckle."""
SHADE = 0.5
"""Of the brain's median grey; darker is shadow."""
LEAST_PIXELS = 10
"""A bin with fewer pixels says nothing."""


@dataclass(frozen=True)
class Plane:
    """One aligned axial plane, arrays ``[y, x]``, y anterior to posterior.

    ``image`` grey, 0 to 255; ``head`` within the skull's outer border; ``seen`` within the field of
    view; ``up (x, y)`` unit vector from the head to the probe; ``spacing_mm`` edge of a pixel.
    """

    image: NDArray[np.float32]
    head: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    up: Floats
    spacing_mm: float

    @cached_property
    def depth_mm(self) -> Floats:
        """Depth below the head's border, negative outside."""
        inside = ndimage.distance_transform_edt(self.head, self.spacing_mm)
        outside = ndimage.distance_transform_edt(~self.head, self.spacing_mm)
        return np.asarray(inside - outside, np.float64)

    @property
    def brain(self) -> NDArray[np.bool_]:
        """Head without skull, where it is seen."""
        return (self.depth_mm > RIM_MM) & self.seen

    @cached_property
    def place_mm(self) -> tuple[Floats, Floats]:
        """Distance from the head's centre away from the probe, and across, anterior positive."""
        centre = np.argwhere(self.head).mean(axis=0)
        y, x = np.indices(self.head.shape) - centre[:, None, None]
        across = np.array([-self.up[1], self.up[0]])
        if across[1] > 0:
            across = -across
        away = -(x * self.up[0] + y * self.up[1])
        return away * self.spacing_mm, (x * across[0] + y * across[1]) * self.spacing_mm


def grey_levels(plane: Plane) -> Floats:
    """Return the share of the head's pixels in each class of 8 grey levels."""
    counts, _ = np.histogram(plane.image[plane.head & plane.seen], GREY_EDGES)
    return counts / counts.sum()


def spectrum(plane: Plane) -> Floats:
    """Return the radial power spectral density of the brain, dB of grey^2 mm^2.

    The brain's mean is taken off and its edge tapered over 6 mm (a cosine), so that neither skull
    nor border adds power. The density is that of the texture, whatever the brain's size.
    """
    weight = np.sin(np.pi / 2 * np.clip((plane.depth_mm - RIM_MM) / 6.0, 0, 1)) * plane.seen
    mean = (plane.image * weight).sum() / weight.sum()
    power = np.abs(np.fft.fft2((plane.image - mean) * weight)) ** 2
    density = power * plane.spacing_mm**2 / (weight**2).sum()
    axes = [np.fft.fftfreq(n, plane.spacing_mm) for n in density.shape]
    frequency = np.hypot(axes[0][:, None], axes[1][None, :])
    means = _by_bin(density, np.digitize(frequency, FREQUENCY_EDGES) - 1, FREQUENCY_EDGES.size - 1)
    return np.asarray(10 * np.log10(np.maximum(means, 1e-9)))


def skull_contrast(plane: Plane) -> Floats:
    """Return skull less brain in sectors of 30 degrees around the head, grey levels.

    Skull: the 90th percentile from 1 mm outside to 5 mm inside the head's border. Brain: its
    median. Sector 0 faces the probe, then the numbers go round over the anterior side.
    """
    away, across = plane.place_mm
    angle = np.arctan2(across, -away)
    sector = np.rint(angle / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    ring = (plane.depth_mm > SKULL_MM[0]) & (plane.depth_mm < SKULL_MM[1]) & plane.seen
    sector[~ring] = -1
    skull = _by_bin(plane.image, sector, SECTORS, lambda values: np.percentile(values, 90))
    return skull - np.median(plane.image[plane.brain])


def depth_profile(plane: Plane) -> Floats:
    """Return the median grey of slabs from near to far, less the brain's.

    The brain's extent along the beam at the head's centre is cut into 12 slabs of equal thickness.
    """
    slab = _portion(plane, plane.place_mm[0], DEPTHS)
    medians = _by_bin(plane.image, slab, DEPTHS, np.median)
    return medians - np.median(plane.image[plane.brain])


def hemispheres(plane: Plane) -> Floats:
    """Return the mean grey of the nearer hemisphere less that of the farther one."""
    near, far = _by_bin(plane.image, _portion(plane, plane.place_mm[0], 2), 2)
    return np.array([near - far])


def shadow(plane: Plane) -> Floats:
    """Return the share of the brain in shadow: of ten strips, posterior first, and of all.

    Dark is what stays below half of the brain's median grey after a blur of 1.5 mm: anechoic fluid
    counts too, in both sets alike.
    """
    sigma = SHADE_MM / plane.spacing_mm
    brain = plane.brain
    weight = ndimage.gaussian_filter(brain.astype(np.float64), sigma)
    local = ndimage.gaussian_filter(np.where(brain, plane.image, 0.0), sigma)
    dark = local < SHADE * np.median(plane.image[brain]) * weight
    strips = _by_bin(dark, _portion(plane, plane.place_mm[1], STRIPS), STRIPS)
    return np.append(strips, dark[brain].mean())


class Measure(NamedTuple):
    """``compute`` returns a row of bins for a plane; ``bins`` names them."""

    name: str
    unit: str
    compute: Callable[[Plane], Floats]
    bins: list[str]


MEASURES = (
    Measure("grey levels", "%", lambda plane: 100 * grey_levels(plane),
            [f"{low}-{low + 7}" for low in GREY_EDGES[:-1]]),
    Measure("power spectrum", "dB", spectrum,
            [f"{low:.2f}/mm" for low in FREQUENCY_EDGES[:-1]]),
    Measure("skull to brain", "grey", skull_contrast,
            [f"{round(360 / SECTORS * k)} deg" for k in range(SECTORS)]),
    Measure("near to far, profile", "grey", depth_profile,
            [f"slab {k + 1}" for k in range(DEPTHS)]),
    Measure("near less far", "grey", hemispheres, ["hemisphere"]),
    Measure("shadow", "%", lambda plane: 100 * shadow(plane),
            [*(f"strip {k + 1}" for k in range(STRIPS)), "all"]),
)  # fmt: skip


class Comparison(NamedTuple):
    """Each ``(bins,)``: median of the simulated, 10th and 90th percentile of the real ones."""

    median: Floats
    low: Floats
    high: Floats

    @property
    def within(self) -> NDArray[np.bool_]:
        """Where the simulated median lies in the real range, its ends included."""
        return (self.median >= self.low) & (self.median <= self.high)

    @property
    def share(self) -> float:
        """Share of bins within."""
        return float(self.within.mean())


def compare(simulated: list[Plane], real: list[Plane], measure: Measure) -> Comparison:
    """Compare two sets of planes by a measure; a bin that a plane lacks (NaN) is left out there.

    Args:
        simulated: at least one.
        real: at least one.
        measure: one of `MEASURES`.

    Returns:
        The comparison.
    """
    ours, theirs = (
        np.array([measure.compute(plane) for plane in set_]) for set_ in (simulated, real)
    )
    low, high = np.nanpercentile(theirs, [10, 90], axis=0)
    return Comparison(np.nanmedian(ours, axis=0), low, high)


def _portion(plane: Plane, along: Floats, count: int) -> NDArray[np.int_]:
    """Return the number of the slab, of ``count``, across an axis of the brain; -1 outside."""
    inside = plane.depth_mm > RIM_MM
    low, high = along[inside].min(), along[inside].max()
    number = np.clip((along - low) / (high - low) * count, 0, count - 1).astype(int)
    return np.where(inside & plane.seen, number, -1)


def _by_bin(
    values: NDArray,
    number: NDArray[np.int_],
    count: int,
    summary: Callable[[NDArray], float] = np.mean,
) -> Floats:
    """Summarise the values of each bin; NaN where it has too few."""
    bins = [values[number == k] for k in range(count)]
    return np.array([summary(b) if b.size >= LEAST_PIXELS else np.nan for b in bins])
