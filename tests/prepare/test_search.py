"""The search for a pose: its features, its starts, and the way back from near the right one."""

import numpy as np
import SimpleITK as sitk
from phantom_align import SETTINGS, labelled_head, template_of

from ssus2mri.prepare import contrast, search
from ssus2mri.prepare.similarity import overlay

LABELS = labelled_head()
TEMPLATE = template_of(LABELS)


def test_refine_comes_back():
    head = LABELS > 0
    compared = contrast.features(TEMPLATE, head, 3.0, modality="us", settings=SETTINGS)
    start = overlay(head, head, SETTINGS)
    off = start.moved(start.parameters + np.array([2.0, -1.0, 3.0, 1.0, 2.0, -1.0, 1.0]))
    up, top = search.refine(compared, compared, off, 0.0, SETTINGS)
    assert top > 0.999
    assert np.abs(up.parameters).max() < 0.1


def test_features_ignore_gain():
    louder = sitk.Cast(TEMPLATE * 7.0 + 40.0, sitk.sitkFloat32)
    plain, loud = (
        contrast.features(image, LABELS > 0, 3.0, modality="us", settings=SETTINGS)
        for image in (TEMPLATE, louder)
    )
    assert np.allclose(plain.values, loud.values, atol=1e-3)


def test_rotations_fill_the_ball():
    vectors = np.degrees(search.rotations(45.0, 12.0))
    assert np.linalg.norm(vectors, axis=1).max() <= 45.0
    assert (vectors == 0).all(axis=1).sum() == 1
    probes = np.random.default_rng(0).normal(size=(50, 3))
    probes *= 30.0 / np.linalg.norm(probes, axis=1, keepdims=True)
    nearest = np.linalg.norm(probes[:, None] - vectors, axis=2).min(axis=1)
    assert nearest.max() <= 12.0 * np.sqrt(3) / 2
