"""A planted midline is found, and a head without one stays where the network put it."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from ssus2mri.pose.midplane import (
    Midplane,
    load_midplane,
    moved,
    pattern_points,
    straighten,
)
from ssus2mri.pose.placement import Placement

RADIUS_MM, SPACING_MM, SIZE = 36.0, 1.2, 110
POSE = Placement(Rotation.from_rotvec([0.4, -0.8, 1.1]).as_matrix(), np.array([2.0, -3, 1]), 36.0)
TO_INDEX = torch.cat(
    [torch.eye(3) / SPACING_MM, torch.full((3, 1), (SIZE - 1) / 2)], dim=1
)[None]  # fmt: skip


def arc() -> torch.Tensor:
    """Weights of a pattern: an arc in front of, over and behind a dark middle."""
    _, y, z = pattern_points().unbind(-1)
    away = torch.sqrt(y**2 + (1.4 * z) ** 2)
    weights = ((away - 0.8).abs() < 0.2) & (z > -0.1)
    return weights.float() / weights.sum()


MIDPLANE = Midplane(arc(), (0.0, 1.0), 0.002)


def scan(*, sheet: bool) -> torch.Tensor:
    """Speckle in a head that lies as in `POSE`, with a bright sheet between the hemispheres."""
    rng = np.random.default_rng(3)
    index = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij")[::-1], axis=-1)
    world = (index - (SIZE - 1) / 2) * SPACING_MM
    x, y, z = np.moveaxis((world - POSE.centre_mm) @ POSE.rotation.T / POSE.radius_mm, -1, 0)
    grey = np.where(x**2 + (y / 1.2) ** 2 + z**2 < 1, rng.uniform(20, 40, x.shape), 5.0)
    if sheet:
        grey += 120 * (np.abs(x) < 0.03) * (z > -0.1) * (y**2 + (1.4 * z) ** 2 < 1)
    return torch.from_numpy(grey.astype(np.float32))[None]


def lean_deg(placement: Placement) -> np.ndarray:
    """Roll and yaw of the true middle plane in a placement, degrees."""
    normal = placement.rotation @ POSE.rotation[0]
    return np.degrees(np.arcsin([-normal[2], normal[1]]))


@pytest.mark.parametrize("off", [(0.0, 0.0, 0.0), (7.0, -5.0, 0.06), (-9.0, 3.0, -0.05)])
def test_a_planted_midline_is_found(off: tuple[float, ...]) -> None:
    start = moved(POSE, np.array(off))
    assert lean_deg(start) == pytest.approx([-off[0], -off[1]], abs=0.6)
    straight, likeness = straighten(scan(sheet=True), TO_INDEX, start, 6.0, MIDPLANE)
    assert np.abs(lean_deg(straight)).max() < 1
    aside = POSE.rotation[0] @ (straight.centre_mm - POSE.centre_mm) / RADIUS_MM
    assert abs(aside) < 0.02
    assert likeness > 0.2
    assert straight.radius_mm == start.radius_mm


def test_a_head_without_midline_stays_where_it_is() -> None:
    start = moved(POSE, np.array([4.0, -3.0, 0.03]))
    straight, likeness = straighten(scan(sheet=False), TO_INDEX, start, 1.0, MIDPLANE)
    turn = straight.rotation @ start.rotation.T
    assert np.degrees(Rotation.from_matrix(turn).magnitude()) < 2.5
    assert likeness < 0.1


def test_an_empty_volume_stays_where_it_is() -> None:
    straight, likeness = straighten(torch.zeros(1, 60, 60, 60), TO_INDEX, POSE, 3.0, MIDPLANE)
    assert np.allclose(straight.rotation, POSE.rotation)
    assert np.allclose(straight.centre_mm, POSE.centre_mm)
    assert likeness == 0.0


def test_a_certain_network_is_turned_less() -> None:
    start = moved(POSE, np.array([9.0, 0.0, 0.0]))
    weak = Midplane(MIDPLANE.pattern, MIDPLANE.spread, 0.05)
    sure, unsure = (
        straighten(scan(sheet=True), TO_INDEX, start, spread_deg, weak)[0]
        for spread_deg in (0.5, 12.0)
    )
    assert abs(lean_deg(unsure)[0]) < abs(lean_deg(sure)[0])


def test_the_shipped_pattern_is_whole() -> None:
    midplane = load_midplane()
    assert midplane.pattern.shape == pattern_points().shape[:2]
    assert float(midplane.pattern.abs().sum()) == pytest.approx(1.0, abs=0.01)
    assert midplane.heat > 0
    assert midplane.spread[1] > 0
