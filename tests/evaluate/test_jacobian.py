import numpy as np
import pytest

from ssus2mri.evaluate.jacobian import measure

MASK = np.ones((20, 30), bool)
SETTINGS = {"scale": 0.3, "min_determinant": 0.01}


def test_no_deformation_scores_exactly_zero():
    deformation = measure(np.ones((20, 30)), MASK, **SETTINGS)

    assert (
        deformation.abs_log_det,
        deformation.abs_det_minus_1,
        deformation.folding_fraction,
        deformation.score,
    ) == (0,) * 4


@pytest.mark.parametrize("factor", [0.25, 1.0, 1.69, 4.0])
def test_growth_and_shrinkage_count_by_their_logarithm(factor):
    deformation = measure(np.full((20, 30), factor), MASK, **SETTINGS)

    assert deformation.abs_log_det == pytest.approx(abs(np.log(factor)), abs=1e-12)
    assert deformation.abs_det_minus_1 == pytest.approx(abs(factor - 1))
    assert deformation.score == pytest.approx(1 - np.exp(-abs(np.log(factor)) / 0.3))


def test_mirror_folds_everywhere_and_its_logarithm_is_finite():
    deformation = measure(np.full((20, 30), -1.0), MASK, **SETTINGS)

    assert deformation.folding_fraction == 1.0
    assert deformation.abs_log_det == pytest.approx(-np.log(0.01))
    assert 0.99 < deformation.score < 1.0


def test_only_the_mask_counts():
    determinants = np.ones((20, 30))
    determinants[:, 15:] = 4.0
    left = MASK.copy()
    left[:, 15:] = False

    assert measure(determinants, left, **SETTINGS).score == 0.0
