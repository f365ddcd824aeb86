"""Implicit shapes against what geometry says."""

import numpy as np
import pytest

from ssus2mri.simulate.head.shapes import (
    Canvas,
    angle_to_arcs,
    common,
    ellipsoid,
    tube,
    union,
    without,
)

RNG = np.random.default_rng(0)
CLOUD = tuple(RNG.uniform(-10, 10, (3, 500)).astype(np.float32))
X, Y, Z = CLOUD


def test_sphere_is_exact_its_centre_too():
    expected = np.sqrt((X - 1) ** 2 + (Y + 2) ** 2 + Z**2) - 4
    assert ellipsoid(CLOUD, (1, -2, 0), (4, 4, 4)) == pytest.approx(expected, abs=1e-3)
    at = tuple(np.full(1, value, np.float32) for value in (1, -2, 0))
    assert ellipsoid(at, (1, -2, 0), (3, 4, 5))[0] == pytest.approx(-3, abs=1e-3)


def test_ellipsoid_is_zero_on_its_surface():
    toward = np.stack(CLOUD) / np.linalg.norm(np.stack(CLOUD), axis=0)
    radii = np.array([[3.0], [7.0], [5.0]])
    points = tuple((toward * radii).astype(np.float32))
    assert np.abs(ellipsoid(points, (0, 0, 0), (3, 7, 5))).max() < 1e-4


def test_tube_is_a_chain_of_cones():
    along = np.array([0.0, 5.0, 10.0, 12.0], np.float32)
    points = (along, np.full(4, 3, np.float32), np.zeros(4, np.float32))
    distances = tube(points, [(0, 0, 0, 1), (10, 0, 0, 2)])
    assert distances == pytest.approx([2, 1.5, 1, np.hypot(2, 3) - 2])
    with pytest.raises(ValueError, match="two knots"):
        tube(points, [(0, 0, 0, 1)])


def test_open_and_full_grids_agree():
    axis = np.linspace(-5, 5, 11, dtype=np.float32)
    canvas = Canvas(np.zeros((11, 11, 11), np.uint8), axis, axis, axis)
    full = tuple(np.meshgrid(axis, axis, axis, indexing="ij")[::-1])
    knots = [(0, 1, 2, 1.0), (3, -1, 0, 2.0), (4, 4, 4, 0.5)]
    for shape in (
        lambda p: tube(p, knots),
        lambda p: ellipsoid(p, (1, 0, -1), (2, 3, 4)),
    ):
        assert np.allclose(np.broadcast_to(shape(canvas.points), full[0].shape), shape(full))


def test_box_holds_the_voxels_between_its_corners():
    axes = [np.arange(n, dtype=np.float32) for n in (4, 5, 6)]
    canvas = Canvas(np.zeros((6, 5, 4), np.uint8), *axes)
    cut, (x, y, z) = canvas.box((0.5, -9, 2.5), (2.5, 2.5, 99))
    canvas.labels[cut] = 1
    assert [part.ravel().tolist() for part in (x, y, z)] == [[1, 2], [0, 1, 2], [3, 4, 5]]
    assert canvas.labels[3:, :3, 1:3].all()
    assert canvas.labels.sum() == 18


def test_angle_to_an_arc_and_beyond_its_ends():
    equator = [(1.0, 0.0, 0.0), (0.0, 2.0, 0.0)]
    up = np.array([np.cos(0.3) * np.cos(0.5), np.cos(0.3) * np.sin(0.5), np.sin(0.3)])
    beside = np.array([np.cos(-0.4), np.sin(-0.4), 0])
    toward = np.stack([up, beside], axis=1).astype(np.float32)
    assert angle_to_arcs(toward, equator) == pytest.approx([0.3, 0.4], abs=1e-5)


def test_sets():
    first, second = (ellipsoid(CLOUD, (x, 0, 0), (5, 5, 5)) for x in (-2, 2))
    a, b = first < 0, second < 0
    assert np.array_equal(union(first, second) < 0, a | b)
    assert np.array_equal(common(first, second) < 0, a & b)
    assert np.array_equal(without(first, second) < 0, a & ~b)
    # A fillet only adds to a union, by a quarter of its size at most.
    added = union(first, second) - union(first, second, blend=2)
    assert added.min() >= -1e-6
    assert added.max() == pytest.approx(0.5, abs=0.05)
