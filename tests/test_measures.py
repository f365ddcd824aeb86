import numpy as np
import pytest
from phantom_evaluate import picture
from skimage.metrics import structural_similarity

from ssus2mri.measures import dice, mae, ms_ssim, nmi, psnr, ssim

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
    assert np.isnan(nmi(nothing, np.zeros((8, 8)), np.ones((8, 8), bool), bins=8))


WEIGHTS = (0.0448, 0.2856, 0.3001)


def test_ms_ssim_of_a_slice_and_itself_and_of_its_negative():
    image, head = picture()

    assert ms_ssim(image, image, head, weights=WEIGHTS) == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(image, (1 - image) * head, head, weights=WEIGHTS) == 0.0


def test_ms_ssim_of_one_scale_is_ssim():
    image, head = picture()

    value = ms_ssim(image, noisy(image), head, weights=(0.3,))
    assert value == pytest.approx(ssim(image, noisy(image), head))


def test_ms_ssim_is_forgiving_of_fine_noise():
    image, head = picture()

    assert ms_ssim(image, noisy(image), head, weights=WEIGHTS) > ssim(image, noisy(image), head)


def test_ms_ssim_of_a_slice_too_small_for_its_scales_is_unknown():
    image, head = picture(size=32)

    assert ms_ssim(image, image, head, weights=WEIGHTS) is None


def test_mutual_information_is_blind_to_a_change_of_contrast():
    image = np.repeat(np.arange(8) / 8, 8).reshape(8, 8)
    whole = np.ones((8, 8), bool)

    assert nmi(image, 1 - image, whole, bins=8) == pytest.approx(1.0)
    assert nmi(image, image.T, whole, bins=8) == pytest.approx(0.0, abs=1e-12)
    assert nmi(image, np.full((8, 8), 0.5), whole, bins=8) == 0.0


def test_dice_of_known_overlaps():
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:2] = True, True

    assert dice(left, left) == 1.0
    assert dice(left, top) == 0.5
    assert dice(left, ~left) == 0.0
    assert dice(left & False, left & False) is None
