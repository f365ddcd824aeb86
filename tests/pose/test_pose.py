"""The pose network: its geometry is exact, and the shipped weights place unseen heads."""

import numpy as np
import pytest
import torch
from phantom_simulate import small_settings
from scipy.spatial.transform import Rotation

from ssus2mri.images import geometry
from ssus2mri.pose.cube import directions, normalise, sample
from ssus2mri.pose.estimate import _groups
from ssus2mri.pose.locate import locate
from ssus2mri.pose.network import CUBE, PoseNetwork, orthonormal
from ssus2mri.pose.placement import Placement, ball_radius_mm, middle, transform_between
from ssus2mri.pose.weights import WEIGHTS, load_networks
from ssus2mri.prepare.align import head_of
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.cohort import simulate


def test_two_vectors_become_a_rotation() -> None:
    values = torch.tensor(np.random.default_rng(0).normal(size=(20, 6)))
    rotations = orthonormal(values)
    assert torch.allclose(rotations @ rotations.transpose(1, 2), torch.eye(3).double(), atol=1e-9)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(20).double())
    assert torch.allclose(orthonormal(rotations[:, :2].reshape(-1, 6)), rotations)


def test_the_network_takes_a_batch() -> None:
    rotation, shift, log_size = PoseNetwork().eval()(torch.rand(2, 1, CUBE, CUBE, CUBE))
    assert (rotation.shape, shift.shape, log_size.shape) == ((2, 3, 3), (2, 3), (2,))


def test_the_cube_of_the_right_placement_is_upright() -> None:
    """A bright ball at the left of a turned head lies at the left of its cube."""
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
    placement = Placement(turn, np.array([4.0, -3.0, 6.0]), 20.0)
    left = np.array([0.8, 0.0, 0.0])  # of the upright frame, head radii
    at_mm = placement.centre_mm + placement.radius_mm * turn.T @ left
    size, spacing = 60, 1.5
    z, y, x = (np.indices([size] * 3) - (size - 1) / 2) * spacing
    away = np.sqrt((x - at_mm[0]) ** 2 + (y - at_mm[1]) ** 2 + (z - at_mm[2]) ** 2)
    volume = torch.tensor((away < 4.0).astype(np.float32))[None, None]
    middle_index = torch.full((3, 1), (size - 1) / 2)
    to_index = torch.cat([torch.eye(3) / spacing, middle_index], dim=1)[None]
    cube = sample(
        volume,
        to_index,
        torch.tensor(turn, dtype=torch.float32)[None],
        torch.tensor(placement.centre_mm, dtype=torch.float32)[None],
        torch.tensor([placement.radius_mm]),
    )[0, 0]
    seen = (directions() * cube[..., None]).sum((0, 1, 2)) / cube.sum()
    assert seen.numpy() == pytest.approx(left, abs=0.02)


def test_grey_values_are_scaled_whatever_the_gain() -> None:
    cubes = torch.rand(1, 1, CUBE, CUBE, CUBE) ** 2
    assert torch.allclose(normalise(cubes), normalise(7 * cubes), atol=1e-5)
    black = normalise(torch.zeros(1, 1, CUBE, CUBE, CUBE))
    assert torch.isfinite(black).all()


def test_transform_lays_one_head_over_the_other() -> None:
    turn, atlas_turn = (Rotation.from_rotvec(v).as_matrix() for v in ([0.3, 2.0, 0.1], [0.1, 0, 0]))
    image = Placement(turn, np.array([1.0, 2.0, 3.0]), 30.0)
    atlas = Placement(atlas_turn, np.array([-5.0, 0.0, 7.0]), 36.0)
    direction = np.array([0.2, -0.5, 0.6])
    from_mm = image.centre_mm + image.radius_mm * turn.T @ direction
    to_mm = atlas.centre_mm + atlas.radius_mm * atlas_turn.T @ direction
    transform = transform_between(image, atlas, scaled=True)
    assert transform.TransformPoint(from_mm.tolist()) == pytest.approx(to_mm.tolist())
    rigid = transform_between(image, atlas, scaled=False)
    assert np.linalg.det(geometry.matrix(rigid)) == pytest.approx(1.0)


def test_rotations_are_grouped_the_largest_group_first() -> None:
    rng = np.random.default_rng(2)
    near = [Rotation.from_rotvec(rng.normal(0, 0.05, 3)).as_matrix() for _ in range(5)]
    far = [Rotation.from_rotvec([a, 0.0, 0.0]).as_matrix() for a in (1.0, 2.0, 3.0)]
    groups = _groups(np.array([*far, *near]))
    assert groups[0].tolist() == [False] * 3 + [True] * 5
    assert sum(group.astype(int) for group in groups).tolist() == [1] * 8


@pytest.mark.parametrize("number", [0, 1])
def test_shipped_weights_place_an_unseen_head(number: int) -> None:
    settings = small_settings().model_copy(
        update={"rotation_deg": 180.0, "size": 80, "spacing_mm": 1.4}
    )
    anatomy = built_in(23.0, settings.anatomy)
    name = f"unseen-{number}"
    scan = simulate(
        name, subject=name, modality="us", ga_weeks=23.0, anatomy=anatomy, settings=settings
    )
    centre_mm, volume_mm3 = middle(head_of(scan.labels, "us"))
    location = locate(
        scan.image, centre_mm + np.array([2.0, -1.0, 2.0]), ball_radius_mm(volume_mm3)
    )
    turn = location.placement.rotation @ geometry.rotation(scan.pose).T
    off = Rotation.from_matrix(turn).magnitude()
    assert np.degrees(off) < 10
    assert np.linalg.norm(location.placement.centre_mm - centre_mm) < 3
    assert location.placement.radius_mm == pytest.approx(ball_radius_mm(volume_mm3), rel=0.05)
    assert location.confidence > 0.5


def test_noise_is_not_placed_with_confidence() -> None:
    noise = np.random.default_rng(0).integers(1, 255, [60] * 3).astype(np.uint8)
    image = geometry.from_array(noise, geometry.grid(60, 1.5, (0.0, 0.0, 0.0)))
    assert locate(image, np.zeros(3), 30.0).confidence < 0.5


def test_weights_are_small_and_complete() -> None:
    assert WEIGHTS.stat().st_size <= 5_000_000
    assert load_networks().calibration.any()
