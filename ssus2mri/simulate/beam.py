"""The probe: where it stands, and the grid of its beams."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.simulate import UltrasoundSettings
from ssus2mri.simulate.pose import Points, Pose, rotation_about

_PITCH = 1.3


@dataclass(frozen=True)
class Fan:
    """Beams of a curved array swept over an angle.

    Beam indices are (depth, lateral, elevation). The virtual apex lies ``radius_mm`` behind the
    array; depth runs from the array outwards. Rows of ``axes`` are the central beam, the lateral
    and the elevation direction, as unit vectors of the image world.
    """

    apex_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    radius_mm: float
    step_mm: float
    step_rad: float
    shape: tuple[int, int, int]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance of beam samples along each axis in the middle of the depth range, ``(3,)``."""
        across = self.step_rad * (self.radius_mm + self.step_mm * self.shape[0] / 2)
        return np.array([self.step_mm, across, across])

    def points(self, indices: NDArray[np.float32]) -> Points:
        """Map beam indices ``(3, ...)`` to image points ``(3, ...)`` x, y, z, mm."""
        depth, lateral, elevation = self._polar(indices)
        # A sweep about the apex: lateral turns within the plane, elevation turns the plane.
        forward = depth * np.cos(lateral)
        local = np.stack(
            [forward * np.cos(elevation), depth * np.sin(lateral), forward * np.sin(elevation)]
        )
        moved = np.tensordot(self.axes.T.astype(np.float32), local, 1)
        return moved + self.apex_mm.astype(np.float32).reshape(3, *[1] * (local.ndim - 1))

    def indices(self, points: Points) -> NDArray[np.float32]:
        """Map image points to beam indices; the inverse of `points`."""
        origin = self.apex_mm.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
        forward, side, up = np.tensordot(self.axes.astype(np.float32), points - origin, 1)
        plane = np.hypot(forward, up)
        depth, lateral = np.hypot(plane, side), np.arctan2(side, plane)
        elevation = np.arctan2(up, forward)
        centre = [(n - 1) / 2 for n in self.shape]
        return np.stack(
            [
                (depth - self.radius_mm) / self.step_mm,
                lateral / self.step_rad + centre[1],
                elevation / self.step_rad + centre[2],
            ]
        ).astype(np.float32)

    def range_mm(self) -> NDArray[np.float32]:
        """Distance from the apex of every depth, ``(D, 1, 1)``, mm."""
        depth = self.radius_mm + self.step_mm * np.arange(self.shape[0], dtype=np.float32)
        return depth[:, None, None]

    def _polar(self, indices: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
        centre = [(n - 1) / 2 for n in self.shape]
        return (
            self.radius_mm + self.step_mm * indices[0],
            (indices[1] - centre[1]) * self.step_rad,
            (indices[2] - centre[2]) * self.step_rad,
        )


def random_fan(
    rng: np.random.Generator, pose: Pose, settings: UltrasoundSettings, *, spacing_mm: float
) -> Fan:
    """Put the probe beside the head.

    Args:
        rng: source of randomness.
        pose: of the head in the image.
        settings: probe.
        spacing_mm: edge of the image's voxels; samples along a beam are as far apart, beams a
            little farther, since the point spread is wider across the beam.

    Returns:
        The fan, in image coordinates.
    """
    side = rng.choice([-1.0, 1.0])
    tilt = np.deg2rad(rng.normal(0, settings.probe_tilt_deg, 3))
    turn = rotation_about(np.array([0.0, 1.0, 0.0]), tilt[0]) @ rotation_about(
        np.array([0.0, 0.0, 1.0]), tilt[1]
    )
    beam = turn @ np.array([side, 0.0, 0.0])
    lateral = turn @ rotation_about(np.array([1.0, 0.0, 0.0]), tilt[2]) @ np.array([0.0, 1.0, 0.0])
    head_axes = np.stack([beam, lateral, np.cross(beam, lateral)])
    axes = head_axes @ pose.rotation  # rows turned from the head's frame into the image's
    away = settings.probe_distance_mm + rng.normal(0, settings.probe_distance_std_mm)
    middle = settings.probe_radius_mm + away
    step_rad = _PITCH * spacing_mm / middle
    counts = [
        int(2 * np.deg2rad(half) / step_rad) + 1
        for half in (settings.lateral_deg, settings.elevation_deg)
    ]
    depth = int(2 * away / spacing_mm)
    return Fan(
        apex_mm=pose.shift_mm - middle * axes[0],
        axes=axes,
        radius_mm=settings.probe_radius_mm,
        step_mm=spacing_mm,
        step_rad=step_rad,
        shape=(depth, counts[0], counts[1]),
    )
