"""The segmenter: classes, network, weights, and slices put together."""

import numpy as np
import pytest
import torch
from phantom_evaluate import header, slices
from phantom_segment import ByIntensity, coded

from ssus2mri.segment.classes import CLASSES, TISSUES, class_of
from ssus2mri.segment.network import SPACING_MM, SegmentNetwork
from ssus2mri.segment.segment import chances, segment
from ssus2mri.segment.weights import load_network, write_network
from ssus2mri.slices import Slices
from ssus2mri.tissues import ATLAS_LABELS, Tissue


def test_classes_are_the_labels_of_the_atlases_and_a_bleed():
    assert [int(tissue) for tissue in CLASSES[:-1]] == list(ATLAS_LABELS)
    assert len(TISSUES) == 8
    labels = np.array([Tissue.CORTEX, Tissue.CAVUM, Tissue.SKULL, Tissue.BLEED, Tissue.CYST])
    assert [CLASSES[k] for k in class_of(labels)] == [
        *(Tissue.CORTEX, Tissue.VENTRICLES, Tissue.BACKGROUND, Tissue.BLEED, Tissue.VENTRICLES)
    ]


def test_network_scores_every_pixel():
    network = SegmentNetwork().eval()
    assert network(torch.zeros(2, 1, 24, 40)).shape == (2, len(CLASSES), 24, 40)
    assert sum(p.numel() for p in network.parameters()) < 300_000


@pytest.mark.parametrize(("size", "spacing_mm"), [(60, SPACING_MM), (64, 1.5), (50, 0.6)])
def test_chances_of_slices_of_any_size(size, spacing_mm):
    images = np.full((3, size, size), 0.3, np.float16)
    images[:, :10] = 0
    chance = chances(images, spacing_mm, ByIntensity())

    assert chance.shape == (3, len(CLASSES), size, size)
    assert chance.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (chance[:, 0, :10] == 1).all()  # the background is known
    assert (chance[:, :, 20:].argmax(axis=1) == 3).all()


def test_volume_is_the_mean_of_the_planes():
    size = 8
    truth = np.random.default_rng(0).integers(1, 9, (size,) * 3).astype(np.uint8)
    image = coded(truth)
    image[4] = coded(np.full((size, size), 2))  # what one plane sees there, two others do not
    places = [(plane, index) for plane in range(3) for index in range(size)]
    cut = [
        image[index] if plane == 0 else np.moveaxis(coded(truth), plane, 0)[index]
        for plane, index in places
    ]
    volume = Slices(
        header("v", spacing_mm=SPACING_MM, size=size),
        np.array(cut, np.float16),
        np.array([plane for plane, _ in places], np.uint8),
        np.array([index for _, index in places], np.int16),
        np.ones((len(places), size, size), bool),
    )

    assert (segment(volume, ByIntensity()) == truth).all()


def test_where_no_slice_passes_there_is_background():
    volume = slices("v", places=((0, 30), (0, 31)))
    classes = segment(volume, ByIntensity())

    assert classes.shape == (64, 64, 64)
    assert classes[30].any()
    assert not classes[32].any()


def test_single_slice_is_a_plane():
    assert segment(slices("v", places=((0, 30),)), ByIntensity()).shape == (64, 64)


def test_weights_survive_their_file(tmp_path):
    network = SegmentNetwork().eval()
    write_network(tmp_path / "net.safetensors", network.state_dict(), {"commit": "none"})
    same = load_network(tmp_path / "net.safetensors")

    seen = torch.rand(1, 1, 32, 32)
    assert torch.allclose(network(seen), same(seen), atol=0.02)
    assert not same.training


def test_shipped_network_tells_fluid_from_tissue():
    """A disc of white matter with a bright hole, in a ring of fluid: as in any axial slice."""
    axis = (np.arange(96) - 47.5) * SPACING_MM
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(y / 1.2, x)
    image = np.select([radius < 5, radius < 22, radius < 24, radius < 28], [0.9, 0.5, 0.25, 0.85])
    chance = chances(image[None].astype(np.float32), SPACING_MM, load_network())[0]
    classes = chance.argmax(axis=0)

    assert (classes[radius < 4] == Tissue.VENTRICLES).mean() > 0.8
    assert (classes[(radius > 8) & (radius < 20)] == Tissue.WHITE_MATTER).mean() > 0.8
    assert (classes[(radius > 25) & (radius < 27)] == Tissue.EXTRA_AXIAL_CSF).mean() > 0.8
