"""Where the probe stands, and the geometry of its beams."""

import numpy as np
import pytest
from phantom_ultrasound import (
    ULTRASOUND,
    probe,
    quiet,
)
from scipy.spatial.transform import Rotation

from ssus2mri.config.ultrasound import SIDES
from ssus2mri.simulate.pose import Pose
from ssus2mri.simulate.sound.beam import random_fan

RNG = np.random.default_rng
UPRIGHT = Pose(np.eye(3), np.zeros(3))


def _fan(seed=0, pose=UPRIGHT, **changes):
    return random_fan(RNG(seed), pose, quiet(**probe(**changes)), spacing_mm=2.0)


def test_points_and_indices_are_inverse():
    turned = Pose(
        Rotation.from_rotvec(0.7 * np.array([0.0, 0.6, 0.8])).as_matrix(),
        np.array([5.0, -3.0, 8.0]),
    )
    fan = _fan(3, turned)
    indices = RNG(0).uniform(0, np.array(fan.shape)[:, None] - 1, (3, 500)).astype(np.float32)
    assert fan.indices(fan.points(indices)) == pytest.approx(indices, abs=2e-3)
    assert fan.axes @ fan.axes.T == pytest.approx(np.eye(3), abs=1e-9)


def test_beams_leave_the_apex_in_plane_and_planes_swing_about_the_pivot():
    fan = _fan(radius_mm=45.0, pivot_mm=30.0)
    middle = [(n - 1) / 2 for n in fan.shape]
    lateral = np.array([[20.0] * 5, np.linspace(0, fan.shape[1] - 1, 5), [middle[2]] * 5])
    away = fan.points(lateral.astype(np.float32)) - fan.apex_mm[:, None]
    assert np.linalg.norm(away, axis=0) == pytest.approx(45 + 20 * fan.step_mm, rel=1e-5)
    swing = np.array([[20.0] * 5, [middle[1]] * 5, np.linspace(0, fan.shape[2] - 1, 5)])
    away = fan.points(swing.astype(np.float32)) - (fan.surface_mm - 30 * fan.axes[0])[:, None]
    assert np.linalg.norm(away, axis=0) == pytest.approx(30 + 20 * fan.step_mm, rel=1e-5)
    assert fan.axes[1] @ away == pytest.approx(np.zeros(5), abs=1e-3)


def test_distances_between_beams_are_what_the_fan_says():
    fan = _fan(offset_mm=0.0)
    middle = np.array([40.0, *[(n - 1) / 2 for n in fan.shape[1:]]], np.float32)
    for axis, name in ((1, "lateral_mm"), (2, "elevation_mm")):
        step = np.eye(3, dtype=np.float32)[axis]
        distance = np.linalg.norm(fan.points(middle + step) - fan.points(middle))
        assert distance == pytest.approx(getattr(fan, name)[40].item(), rel=1e-3)


@pytest.mark.parametrize("side", SIDES)
def test_probe_stands_on_its_side_of_the_head_and_looks_at_it(side):
    sides = dict.fromkeys(SIDES, 0.0) | {side: 1.0}
    fan = _fan(sides=sides, tilt_deg=0.0, offset_mm=0.0)
    towards = {"right": (0, -1), "left": (0, 1), "front": (1, -1), "back": (1, 1), "top": (2, 1)}
    axis, sign = towards[side]
    low, high = ULTRASOUND.probe.distance_mm
    assert low <= sign * fan.surface_mm[axis] <= high
    assert np.delete(fan.surface_mm, axis) == pytest.approx(np.zeros(2), abs=1e-6)
    assert fan.axes[0] == pytest.approx(-fan.surface_mm / np.linalg.norm(fan.surface_mm), abs=1e-6)
    assert fan.indices(np.zeros((3, 1), np.float32))[1:, 0] == pytest.approx(
        [(n - 1) / 2 for n in fan.shape[1:]], abs=0.01
    )


def test_probe_follows_the_head_and_differs_between_scans():
    turn = Rotation.from_rotvec([0.0, 0.0, 0.5]).as_matrix()
    shift = np.array([4.0, 5.0, 6.0])
    first, moved, other = _fan(1), _fan(1, Pose(turn, shift)), _fan(2)
    assert moved.surface_mm == pytest.approx(turn.T @ first.surface_mm + shift)
    assert moved.axes == pytest.approx(first.axes @ turn)
    assert not np.allclose(first.surface_mm, other.surface_mm)
    assert first.shape[0] != other.shape[0]
