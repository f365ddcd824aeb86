"""Smooth invertible deformations that make one subject differ from the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.simulate import AnatomySettings
from ssus2mri.simulate.pose import Points

Field = NDArray[np.float32]
"""Vectors ``(3, Z, Y, X)`` on a lattice, components x, y, z, mm."""

_HALF_MM = 68.0
_STEP_MM = 4.0
_NODES = int(2 * _HALF_MM / _STEP_MM) + 1
_SMALL_MM = 0.4


@dataclass(frozen=True)
class Deformation:
    """Map from a subject's upright head to the canonical one, both centred at 0.

    ``scale (3,)`` along x, y, z comes first, then ``displacement_mm (3, N, N, N)``, components
    x, y, z, on a lattice of 4 mm centred at 0.
    """

    scale: NDArray[np.float64]
    displacement_mm: Field

    def to_canonical(self, points: Points) -> Points:
        """Map points ``(3, ...)`` x, y, z, mm."""
        scaled = points * self.scale.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
        indices = (scaled[::-1] + np.float32(_HALF_MM)) / np.float32(_STEP_MM)
        return scaled + interpolate(self.displacement_mm, indices)


def random_deformation(
    rng: np.random.Generator, settings: AnatomySettings, *, size: float
) -> Deformation:
    """Draw a deformation: exponential of Gaussian-smoothed noise, hence invertible.

    Three parts are added before the exponential: a coarse one that mirrors itself left to right, a
    smaller coarse one that does the opposite, and a finer one. Heads are that way: two of them
    differ more than the halves of one.

    Args:
        rng: source of randomness.
        settings: standard deviation and correlation length of each part, spread of sizes.
        size: mean of the subject's size over that of the canonical head.
    """
    scale = random_size(rng, settings)
    coarse = [_smooth_noise(rng, settings.smoothness_mm) for _ in range(2)]
    # A field and its mirror image are independent but near the midline, hence the root of 2.
    velocity = (coarse[0] + mirrored(coarse[0])) * np.float32(settings.deformation_mm / np.sqrt(2))
    velocity += (coarse[1] - mirrored(coarse[1])) * np.float32(settings.asymmetry_mm / np.sqrt(2))
    velocity += _smooth_noise(rng, settings.detail_smoothness_mm) * np.float32(settings.detail_mm)
    return Deformation(1 / (scale * size), exponential(velocity, (_STEP_MM,) * 3))


def random_size(rng: np.random.Generator, settings: AnatomySettings) -> NDArray[np.float64]:
    """Draw a subject's size over the mean of its age along x, y, z, ``(3,)``."""
    logs = rng.normal(0, settings.size_variation) + rng.normal(0, settings.aspect_variation, 3)
    return np.exp(logs)


def exponential(velocity_mm: Field, step_mm: tuple[float, float, float]) -> Field:
    """Integrate a stationary velocity for unit time by scaling and squaring.

    Args:
        velocity_mm: on any lattice, mm.
        step_mm: of the lattice along z, y, x.

    Returns:
        Displacement on the same lattice, mm.

    Source: Arsigny et al., MICCAI 2006; not stated in TMI 2020.
    """
    step = np.array(step_mm, np.float32).reshape(3, 1, 1, 1)
    nodes = np.indices(velocity_mm.shape[1:], np.float32)
    fastest = max(float(np.abs(velocity_mm).max()), _SMALL_MM)
    squarings = int(np.ceil(np.log2(fastest / _SMALL_MM)))
    displacement = velocity_mm / np.float32(2**squarings)
    for _ in range(squarings):
        displacement = displacement + interpolate(displacement, nodes + displacement[::-1] / step)
    return displacement


def interpolate(field: Field, indices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read a field at lattice indices ``(3, ...)`` z, y, x: linear, its border's value beyond."""
    return np.stack([ndimage.map_coordinates(u, indices, order=1, mode="nearest") for u in field])


def mirrored(field: Field) -> Field:
    """Mirror a field on a lattice centred at 0 about the plane x = 0."""
    signs = np.array([-1, 1, 1], np.float32).reshape(3, 1, 1, 1)
    return signs * field[..., ::-1]


def _smooth_noise(rng: np.random.Generator, smoothness_mm: float) -> Field:
    """Smooth white noise by a Gaussian; its spread is 1 over all draws, not in each."""
    noise = rng.standard_normal((3, _NODES, _NODES, _NODES), dtype=np.float32)
    sigma = smoothness_mm / _STEP_MM
    smooth = np.stack([ndimage.gaussian_filter(part, sigma, mode="wrap") for part in noise])
    return np.asarray(smooth * np.float32((2 * np.sqrt(np.pi) * sigma) ** 1.5), np.float32)
