"""Smooth invertible deformations that make one subject differ from the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.simulate.pose import Points

_HALF_MM = 68.0
_STEP_MM = 4.0
_NODES = int(2 * _HALF_MM / _STEP_MM) + 1
_SQUARINGS = 6


@dataclass(frozen=True)
class Deformation:
    """Map from a subject's upright head to the canonical one, both centred at 0.

    ``scale (3,)`` along x, y, z comes first, then ``displacement_mm (3, N, N, N)``, components
    x, y, z, on a lattice of 4 mm centred at 0.
    """

    scale: NDArray[np.float64]
    displacement_mm: NDArray[np.float32]

    def to_canonical(self, points: Points) -> Points:
        """Map points ``(3, ...)`` x, y, z, mm."""
        scaled = points * self.scale.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
        return scaled + _displacement(self.displacement_mm, scaled)

    def jacobian(self) -> NDArray[np.float32]:
        """Determinant of the map's derivative on the lattice ``(N, N, N)``; positive."""
        rows = [np.stack(np.gradient(u, _STEP_MM)[::-1]) for u in self.displacement_mm]
        matrix = np.moveaxis(np.stack(rows), (0, 1), (-2, -1)) + np.eye(3)
        return (np.linalg.det(matrix) * self.scale.prod()).astype(np.float32)


def random_deformation(
    rng: np.random.Generator,
    *,
    deformation_mm: float,
    smoothness_mm: float,
    size_variation: float,
    aspect_variation: float,
) -> Deformation:
    """Draw a deformation: exponential of Gaussian-smoothed noise, hence invertible.

    Args:
        rng: source of randomness.
        deformation_mm: standard deviation of each component, mm.
        smoothness_mm: standard deviation of the smoothing kernel, mm.
        size_variation: standard deviation of the log of the overall size.
        aspect_variation: standard deviation of the log of each axis' size.

    Returns:
        The deformation.
    """
    logs = rng.normal(0, size_variation) + rng.normal(0, aspect_variation, 3)
    noise = rng.standard_normal((3, _NODES, _NODES, _NODES), dtype=np.float32)
    sigma = smoothness_mm / _STEP_MM
    smooth = np.stack([ndimage.gaussian_filter(part, sigma, mode="wrap") for part in noise])
    # Known spread of smoothed white noise, not this sample's: a subject may be deformed little.
    spread = (2 * np.sqrt(np.pi) * max(sigma, 0.3)) ** -1.5
    velocity = smooth * np.float32(deformation_mm / spread)
    return Deformation(np.exp(-logs), exponential(velocity))


def exponential(velocity_mm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Integrate a stationary velocity for unit time by scaling and squaring.

    Args:
        velocity_mm: ``(3, N, N, N)`` on the lattice of `Deformation`, mm.

    Returns:
        Displacement on the same lattice, mm.

    Source: Arsigny et al., MICCAI 2006; not stated in TMI 2020.
    """
    axis = np.linspace(-_HALF_MM, _HALF_MM, _NODES, dtype=np.float32)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.stack([x, y, z])
    displacement = velocity_mm / np.float32(2**_SQUARINGS)
    for _ in range(_SQUARINGS):
        displacement = displacement + _displacement(displacement, points + displacement)
    return displacement


def _displacement(field: NDArray[np.float32], points: Points) -> Points:
    indices = (points[::-1] + np.float32(_HALF_MM)) / np.float32(_STEP_MM)
    return np.stack(
        [ndimage.map_coordinates(part, indices, order=1, mode="nearest") for part in field]
    )
