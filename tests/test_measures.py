import numpy as np
import pytest
from phantom_evaluate import picture
from skimage.metrics import structural_similarity

from ssus2mri.measures import mae, psnr, ssim

WHOLE = np.ones((64, 64), bool)


def noisy(image):
    return np.clip(image + 0.1 * np.random.default_rng(0).standard_normal(image.shape), 0, 1)


def test_slice_and_itself():
    image, head = picture()

    assert ssim(image, image, head) == pytest.approx(1.0, abs=1e-12)
    assert psnr(image, image, head, cap_db=100.0) == 100.0
    assert mae(image, image, head) == 0.0


def test_equals_scikit_image_on_the_same_settings():
    image, head = picture()
    other = noisy(image)
    expected = structural_similarity(
        image.astype(float),
        other,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]

    assert ssim(image, other, head) == pytest.approx(expected[head].mean())


def test_what_is_outside_the_mask_does_not_count():
    image, head = picture()
    core = np.zeros_like(head)
    core[26:38, 26:38] = True
    changed = image.copy()
    changed[:8] = 1.0

    assert ssim(image, changed, core) == pytest.approx(1.0)
    assert mae(image, changed, core) == 0.0
    assert psnr(image, changed, core, cap_db=60.0) == 60.0


def test_range_is_one_and_not_that_of_the_data():
    image, head = picture()
    faint, other = 0.05 * image, 0.05 * noisy(image)

    assert ssim(faint, other, head) > ssim(image, noisy(image), head)


def test_psnr_and_mae_of_a_known_error():
    image = np.full((64, 64), 0.5, np.float32)

    assert psnr(image, image + 0.1, WHOLE, cap_db=100.0) == pytest.approx(20.0, abs=1e-4)
    assert mae(image, image - 0.25, WHOLE) == pytest.approx(0.25)
    assert psnr(image, image + 1e-7, WHOLE, cap_db=100.0) == 100.0


def test_mae_of_an_empty_mask_is_unknown():
    image, head = picture()

    assert mae(image, image, head & False) is None


def test_psnr_of_nan_is_not_the_best():
    nothing = np.full((8, 8), np.nan)
    assert np.isnan(psnr(nothing, np.zeros((8, 8)), np.ones((8, 8), bool), cap_db=100.0))
