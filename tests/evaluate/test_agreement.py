"""The share of a scan's contrast that tissues explain, on known answers."""

import numpy as np
import pytest
from conftest import configured
from phantom_evaluate import slices

from ssus2mri.config.evaluate import SegmentSettings
from ssus2mri.evaluate.agreement import agreement, explained, tissues_scan

SETTINGS = configured(SegmentSettings, "segment").contrast
INSIDE = np.ones((40, 40), bool)
STRIPES = np.repeat(np.arange(40) // 4 % 2, 40).reshape(40, 40).astype(np.uint8)
BLURS = {"fine_px": 1.0, "coarse_px": 5.0}


def test_tissues_that_the_scan_shows():
    assert explained(STRIPES * 0.5, STRIPES, INSIDE, **BLURS) > 0.8


def test_neither_gain_nor_contrast_counts():
    scan = 0.9 - 0.2 * STRIPES
    shares = [explained(image, STRIPES, INSIDE, **BLURS) for image in (scan, STRIPES)]
    assert shares[0] == pytest.approx(shares[1])


def test_tissues_explain_no_noise_and_no_constant_scan():
    noise = np.random.default_rng(0).normal(size=(40, 40))

    assert explained(noise, STRIPES, INSIDE, **BLURS) < 0.05
    assert explained(STRIPES * 0.0, STRIPES, INSIDE, **BLURS) == 0


def test_a_plane_and_a_volume():
    volume = slices("a", places=((0, 30), (1, 31), (2, 32)))
    plane = slices("b", places=((0, 30),))

    shown = (volume.image[0] > 0.5).astype(np.uint8)
    assert tissues_scan(plane, shown, SETTINGS) > 0.2
    assert tissues_scan(volume, np.zeros((64,) * 3, np.uint8), SETTINGS) == pytest.approx(0)


def test_agreement_is_lowered_only_below_what_other_subjects_have():
    assert agreement(0.3, 0.8, 0.5) == 0.3
    assert agreement(0.3, 0.25, 0.5) == 0.075
    assert agreement(None, 0.8, 0.5) is agreement(0.3, None, 0.5) is None


def test_slices_too_small_say_nothing():
    plane = slices("b", places=((0, 30),))
    small = SETTINGS.model_copy(update={"least_mm2": 1e6})

    assert tissues_scan(plane, np.zeros((64, 64), np.uint8), small) is None
