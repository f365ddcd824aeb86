"""From slices to maps and back onto the scan's grid: what a network says arrives at its place."""

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume
from phantom_prediction import SIZE, SPACING_MM, network, prepared, saying

from ssus2mri.images import geometry
from ssus2mri.prediction.predict import trust_of
from ssus2mri.prediction.synthesise import (
    fine_labels,
    labels_onto_scan,
    onto_scan,
    synthesise,
)
from ssus2mri.tissues import SHOWN, Tissue


def ball(radius_px: float = 9.0) -> np.ndarray:
    middle = (SIZE - 1) / 2
    return (np.linalg.norm(np.indices((SIZE,) * 3) - middle, axis=0) < radius_px).astype(float)


def test_the_planes_agree_on_what_each_of_them_sees():
    net = network(saying(Tissue.CEREBELLUM, mr=0.25))
    maps = synthesise(prepared(ball()), net, 23.0)
    assert np.array_equal(maps.labels == Tissue.CEREBELLUM, ball() > 0)
    assert set(np.unique(maps.labels)) == {Tissue.BACKGROUND, Tissue.CEREBELLUM}
    assert np.allclose(maps.mr, np.where(ball() > 0, 0.25, 0))
    assert np.allclose(maps.spread[ball() > 0], 2.0)  # exp(0) by the calibration's factor


def test_neighbours_are_the_slices_before_and_after():
    seen = []

    def infer(us, *rest):
        seen.append(us)
        return saying(Tissue.CORTEX)(us, *rest)

    us = ball() * np.arange(1, SIZE + 1).reshape(-1, 1, 1) / SIZE
    synthesise(prepared(us), network(infer, neighbours=1), 23.0)
    first = seen[0][1].amax((1, 2))  # axial, three slices
    assert np.allclose(np.diff(first[first > 0]), 1 / SIZE)


@pytest.mark.parametrize(("times", "expected"), [(0.5, Tissue.CORTEX), (2.0, Tissue.BLEED)])
def test_a_lesion_must_be_likelier_than_in_training(times, expected):
    net = network(saying(Tissue.CORTEX))
    odds = net.sections["predict"].lesion_odds

    def infer(*arguments):
        synthesis = saying(Tissue.CORTEX)(*arguments)
        cortex = synthesis.tissue[:, SHOWN.index(Tissue.CORTEX)]
        synthesis.tissue[:, SHOWN.index(Tissue.BLEED)] = cortex + np.log(times / odds)
        return synthesis

    maps = synthesise(prepared(ball()), network(infer), 23.0)
    assert set(np.unique(maps.labels[ball() > 0])) == {expected}
    assert np.allclose(maps.tissue.sum(axis=0), 1, atol=2e-3)


def test_a_network_without_tissues_gives_mr_in_the_found_head_alone():
    maps = synthesise(prepared(ball()), network(saying(Tissue.CORTEX), tissues=False), 23.0)
    assert maps.tissue is maps.spread is None
    assert np.allclose(maps.mr, 0.5 * ball())
    assert not trust_of(maps, 0.1).any()


def test_a_plane_is_one_slice():
    us = ball()[16:17]
    net = network(saying(Tissue.DEEP_GREY))
    shown = prepared(us, sitk.Similarity2DTransform(), index=16)
    maps = synthesise(shown, net, 23.0)
    fine = fine_labels(maps, shown, net)
    assert fine.GetSize() == (4 * SIZE, 4 * SIZE, 1)
    scan = sitk.Image(40, 40, sitk.sitkFloat32)
    scan.SetOrigin((-20.0, -20.0))
    labels = labels_onto_scan(fine, shown, scan)
    y, x = np.indices((40, 40)) - 20.0
    inside = np.hypot(x, y)
    assert (labels[inside < 15] == Tissue.DEEP_GREY).all()
    assert (labels[inside > 20] == Tissue.BACKGROUND).all()


def test_a_landmark_comes_back_to_its_place_in_an_oblique_scan():
    scan = sitk.Cast(blob_volume(), sitk.sitkFloat32)
    to_atlas = sitk.Similarity3DTransform()
    to_atlas.SetRotation((0.0, 0.6, 0.8), 0.4)
    to_atlas.SetScale(1.2)
    to_atlas.SetTranslation((3.0, -9.0, -20.0))
    net = network(saying(Tissue.CYST))
    place = scan.TransformContinuousIndexToPhysicalPoint((12.0, 14.0, 10.0))
    there = np.array(net.atlas.labels.TransformPhysicalPointToContinuousIndex(
        to_atlas.TransformPoint(place)))[::-1]  # fmt: skip
    lattice = np.indices((SIZE,) * 3) - there.reshape(3, 1, 1, 1)
    blob = (np.linalg.norm(lattice, axis=0) < 3.0).astype(float)
    shown = prepared(blob, to_atlas)
    maps = synthesise(shown, net, 23.0)
    for values in (
        onto_scan(maps.mr, shown, net, scan),
        labels_onto_scan(fine_labels(maps, shown, net), shown, scan),
    ):
        centre = np.array([axis.mean() for axis in np.nonzero(values > 0.2)])[::-1]
        back = scan.TransformContinuousIndexToPhysicalPoint(centre.tolist())
        assert np.linalg.norm(np.array(back) - place) < SPACING_MM / 1.2


@pytest.mark.parametrize(("spread", "expected"), [(0.1, 0.632), (1e-9, 1.0), (10.0, 0.00995)])
def test_trust_is_the_probability_of_an_error_within_the_tolerance(spread, expected):
    maps = synthesise(prepared(ball()), network(saying(Tissue.CORTEX)), 23.0)
    maps = type(maps)(maps.mr, maps.tissue, np.full(maps.mr.shape, spread, np.float32))
    trust = trust_of(maps, 0.1)
    assert np.allclose(trust[ball() > 0], expected, atol=1e-3)
    assert not trust[ball() == 0].any()


def test_geometry_of_the_fine_labels_is_that_of_the_atlas():
    net = network(saying(Tissue.CORTEX))
    shown = prepared(ball())
    fine = fine_labels(synthesise(shown, net, 23.0), shown, net)
    centre = np.array([axis.mean() for axis in np.nonzero(sitk.GetArrayFromImage(fine))])[::-1]
    assert np.allclose(fine.TransformContinuousIndexToPhysicalPoint(centre.tolist()), 0, atol=1e-6)
    assert geometry.matrix(shown.to_atlas).shape == (3, 3)
