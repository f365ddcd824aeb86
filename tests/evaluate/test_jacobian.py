import numpy as np
import pytest
import SimpleITK as sitk

from ssus2mri.evaluate.jacobian import determinant, measure

SPACING = 0.7
MASK = np.ones((20, 30), bool)


def grid():
    return np.stack(np.meshgrid(np.arange(20.0), np.arange(30.0), indexing="ij")) * SPACING


def test_identity_scores_exactly_zero():
    deformation = measure(
        determinant(np.zeros((2, 20, 30)), SPACING), MASK, scale=0.3, min_determinant=0.01
    )

    assert (
        deformation.abs_log_det,
        deformation.abs_det_minus_1,
        deformation.folding_fraction,
        deformation.score,
    ) == (0,) * 4


def test_translation_leaves_areas_alone():
    displacement = np.zeros((2, 20, 30)) + np.array([3.0, -5.0])[:, None, None]

    assert np.all(determinant(displacement, SPACING) == 1.0)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3, 2.0])
def test_scaling_by_s_gives_s_squared(factor):
    determinants = determinant((factor - 1) * grid(), SPACING)

    assert np.allclose(determinants, factor**2)
    deformation = measure(determinants, MASK, scale=0.3, min_determinant=0.01)
    assert deformation.abs_log_det == pytest.approx(2 * abs(np.log(factor)), abs=1e-12)
    assert deformation.score == pytest.approx(1 - np.exp(-2 * abs(np.log(factor)) / 0.3))


def test_shear_and_rotation_leave_areas_alone():
    y, x = grid()
    turn = np.deg2rad(20)
    rotated = np.stack(
        [y * (np.cos(turn) - 1) - x * np.sin(turn), y * np.sin(turn) + x * (np.cos(turn) - 1)]
    )

    assert np.allclose(determinant(np.stack([0.4 * x, 0 * y]), SPACING), 1.0)
    assert np.allclose(determinant(rotated, SPACING), 1.0)


def test_mirror_folds_everywhere_and_its_logarithm_is_finite():
    y, x = grid()
    deformation = measure(
        determinant(np.stack([0 * y, -2 * x]), SPACING), MASK, scale=0.3, min_determinant=0.01
    )

    assert deformation.folding_fraction == 1.0
    assert deformation.abs_log_det == pytest.approx(-np.log(0.01))
    assert 0.99 < deformation.score < 1.0


def test_agrees_with_simpleitk_away_from_the_border():
    y, x = grid()
    displacement = np.stack([1.5 * np.sin(x / 4) * np.cos(y / 5), 1.2 * np.cos(x / 3 + y / 6)])
    field = sitk.GetImageFromArray(np.moveaxis(displacement[::-1], 0, -1), isVector=True)
    field.SetSpacing((SPACING, SPACING))
    library = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))

    ours = determinant(displacement, SPACING)

    assert np.allclose(ours[1:-1, 1:-1], library[1:-1, 1:-1], atol=1e-5)


def test_only_the_mask_counts():
    determinants = np.ones((20, 30))
    determinants[:, 15:] = 4.0
    left = MASK.copy()
    left[:, 15:] = False

    assert measure(determinants, left, scale=0.3, min_determinant=0.01).score == 0.0
