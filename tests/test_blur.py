"""Blur within a mask."""

import numpy as np
import pytest

from ssus2mri.blur import mean_within


def test_the_mean_lets_nothing_in():
    weight = np.zeros(40, np.float32)
    weight[10:30] = 1
    values = np.where(weight > 0, 5.0, 1000.0).astype(np.float32)
    mean = mean_within(weight, 2.0)(values * weight)
    assert mean[10:30] == pytest.approx(5.0, rel=1e-5)
    assert mean.dtype == np.float32


def test_far_from_all_weight_the_mean_is_0():
    weight = np.zeros(100)
    weight[:5] = 1
    assert mean_within(weight, 2.0)(7.0 * weight)[-1] == 0


def test_places_count_by_their_weight():
    weight = np.array([0.0, 1.0, 0.25, 0.0])
    mean = mean_within(weight, 50.0)(weight * np.array([0.0, 1.0, 6.0, 0.0]))
    assert mean[1] == pytest.approx((1 + 0.25 * 6) / 1.25, rel=1e-3)
