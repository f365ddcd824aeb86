"""The probe: where it stands, and the grid of its beams.

A curved array sees a plane whose beams spread from a virtual apex, the centre of the array's
curvature. A motor swings that plane about another axis, nearer to the array's surface, parallel to
the array (as in mechanically swept 3D probes: Fenster et al., Phys Med Biol 46, 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssus2mri.config.ultrasound import SIDES, TransducerSettings, UltrasoundSettings
from ssus2mri.simulate.pose import Points, Pose

_PITCH = 1.5
_FINE = 2.0
# Beam and lateral direction in the head's frame (LPS) of a probe on each side.
_SIDES = {
    "right": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "left": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "front": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    "back": ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0)),
    "top": ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
}


@dataclass(frozen=True)
class Fan:
    """Beams of a curved array swept over an angle.

    Beam indices are (depth, lateral, elevation); depth runs from the array's surface outwards.
    ``surface_mm`` is the middle of that surface. Rows of ``axes`` are the central beam, the lateral
    and the elevation direction, as unit vectors of the image world.
    """

    surface_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    radius_mm: float
    pivot_mm: float
    step_mm: float
    lateral_rad: float
    elevation_rad: float
    shape: tuple[int, int, int]

    @property
    def apex_mm(self) -> NDArray[np.float64]:
        """The centre of the array's curvature in the middle of the sweep, ``(3,)``."""
        return self.surface_mm - self.radius_mm * self.axes[0]

    @property
    def depth_mm(self) -> NDArray[np.float32]:
        """Depth below the array, ``(D, 1, 1)``, mm."""
        depth = self.step_mm * np.arange(self.shape[0], dtype=np.float32)
        return depth[:, None, None]

    @property
    def lateral_mm(self) -> NDArray[np.float32]:
        """Distance of neighbouring beams in plane at every depth, ``(D, 1, 1)``, mm."""
        return np.float32(self.lateral_rad) * (self.depth_mm + np.float32(self.radius_mm))

    @property
    def elevation_mm(self) -> NDArray[np.float32]:
        """Distance of neighbouring planes at every depth, ``(D, 1, 1)``, mm."""
        return np.float32(self.elevation_rad) * (self.depth_mm + np.float32(self.pivot_mm))

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance of beam samples along each axis in the middle of the depth range, ``(3,)``."""
        middle = self.shape[0] // 2
        across = (part[middle].item() for part in (self.lateral_mm, self.elevation_mm))
        return np.array([self.step_mm, *across])

    def points(self, indices: NDArray[np.float32]) -> Points:
        """Map beam indices ``(3, ...)`` to image points ``(3, ...)`` x, y, z, mm."""
        _, lateral, elevation = (
            (indices[axis] - (size - 1) / 2) * step
            for axis, (size, step) in enumerate(
                zip(self.shape, (1.0, self.lateral_rad, self.elevation_rad), strict=True)
            )
        )
        reach = self.radius_mm + self.step_mm * indices[0]
        arm = self.pivot_mm + reach * np.cos(lateral) - self.radius_mm
        local = np.stack(
            [
                arm * np.cos(elevation) - self.pivot_mm,
                reach * np.sin(lateral),
                arm * np.sin(elevation),
            ]
        )
        moved = np.tensordot(self.axes.T.astype(np.float32), local.astype(np.float32), 1)
        return moved + self.surface_mm.astype(np.float32).reshape(3, *[1] * (local.ndim - 1))

    def indices(self, points: Points) -> NDArray[np.float32]:
        """Map image points to beam indices; the inverse of `points`."""
        origin = self.surface_mm.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
        forward, side, up = np.tensordot(self.axes.astype(np.float32), points - origin, 1)
        forward += np.float32(self.pivot_mm)
        ahead = np.hypot(forward, up) + np.float32(self.radius_mm - self.pivot_mm)
        return np.stack(
            [
                (np.hypot(ahead, side) - self.radius_mm) / self.step_mm,
                np.arctan2(side, ahead) / self.lateral_rad + (self.shape[1] - 1) / 2,
                np.arctan2(up, forward) / self.elevation_rad + (self.shape[2] - 1) / 2,
            ]
        ).astype(np.float32)


def random_fan(
    rng: np.random.Generator, pose: Pose, settings: UltrasoundSettings, *, spacing_mm: float
) -> Fan:
    """Put the probe beside the head.

    Args:
        rng: draws side, tilt, distance, offset and depth.
        pose: of the head in the image.
        settings: probe.
        spacing_mm: edge of the image's voxels; samples along a beam lie closer, to resolve the
            pulse, and beams a little farther apart, since the point spread is wider across them.

    Returns:
        The fan, in image coordinates.
    """
    probe = settings.probe
    shares = np.array([probe.sides[side] for side in SIDES])
    beam, lateral = _SIDES[SIDES[rng.choice(len(SIDES), p=shares / shares.sum())]]
    straight = np.array([beam, lateral, np.cross(beam, lateral)])
    turn = np.eye(3)
    for axis, angle in zip(straight, np.deg2rad(rng.normal(0, probe.tilt_deg, 3)), strict=True):
        turn = Rotation.from_rotvec(angle * axis).as_matrix() @ turn
    axes = straight @ turn.T @ pose.rotation  # rows turned from the head's frame into the image's
    away = rng.uniform(*probe.distance_mm)
    beside = rng.normal(0, probe.offset_mm, 2)
    return Fan(
        surface_mm=pose.shift_mm - np.array([away, *beside]) @ axes,
        axes=axes,
        **_grid(probe, away, rng.uniform(*probe.depth_mm), spacing_mm),
    )


def views(probe: TransducerSettings) -> list[tuple[float, NDArray[np.float32]]]:
    """Return the share of scans and the beam's direction in the head of each side in use."""
    total = sum(probe.sides.values())
    return [
        (probe.sides[side] / total, np.array(_SIDES[side][0], np.float32))
        for side in probe.used_sides
    ]


def _grid(probe: TransducerSettings, away: float, depth_mm: float, spacing_mm: float) -> dict:
    lateral = _PITCH * spacing_mm / (probe.radius_mm + away)
    elevation = _PITCH * spacing_mm / (probe.pivot_mm + away)
    counts = [
        int(2 * np.deg2rad(half) / step) + 1
        for half, step in ((probe.lateral_deg, lateral), (probe.elevation_deg, elevation))
    ]
    step = spacing_mm / _FINE
    return {
        "radius_mm": probe.radius_mm,
        "pivot_mm": probe.pivot_mm,
        "step_mm": step,
        "lateral_rad": lateral,
        "elevation_rad": elevation,
        "shape": (int(depth_mm / step) + 1, *counts),
    }
