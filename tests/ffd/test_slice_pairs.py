import numpy as np
import pytest
from phantom_evaluate import SPACING, picture, register_settings
from pydantic import ValidationError
from real_mr import central_determinant, warp

from ssus2mri.config.deform import FfdSettings
from ssus2mri.ffd.slice_pairs import correlation, register_slices

FFD = register_settings().ffd


def register(moving, fixed, mask):
    """The registration of a single pair."""
    (registration,) = register_slices([moving], [fixed], [mask], spacing_mm=SPACING, settings=FFD)
    return registration


def test_slice_to_itself_needs_no_deformation_at_all():
    image, head = picture()

    registration = register(image, image, head)

    assert registration is not None
    assert not registration.displacement.any()
    assert registration.similarity_before == registration.similarity_after == pytest.approx(1.0)
    assert np.all(registration.determinant == 1)
    assert np.allclose(registration.warped, image, atol=1e-6)


def test_translation_is_recovered_along_the_right_axes():
    fixed, head = picture()
    moving, other = picture(shift_mm=(3.0, -1.5))

    registration = register(moving, fixed, head | other)

    assert registration is not None
    inner = np.zeros_like(head)
    inner[22:42, 24:40] = True
    rows, columns = registration.displacement[:, inner].mean(axis=1)
    assert rows == pytest.approx(3.0, abs=0.5)
    assert columns == pytest.approx(-1.5, abs=0.5)
    assert registration.similarity_after > max(0.98, registration.similarity_before)


def test_known_smooth_warp_is_recovered():
    moving, head = picture()
    y, x = np.indices(moving.shape) * SPACING
    truth = np.stack([2.0 * np.sin(x / 16), 2.0 * np.cos(y / 18)])
    fixed = warp(moving, truth, spacing_mm=SPACING)

    registration = register(moving, fixed, head)

    assert registration is not None
    inner = np.zeros_like(head)
    inner[16:48, 20:44] = True
    error = np.linalg.norm((registration.displacement - truth)[:, inner], axis=0)
    assert np.median(error) < 0.7
    assert np.median(np.linalg.norm(truth[:, inner], axis=0)) > 1.5
    true_det, det = central_determinant(truth, SPACING), registration.determinant
    assert np.allclose(det, central_determinant(registration.displacement, SPACING), atol=0.02)
    assert np.abs(det - true_det)[inner].mean() < np.abs(true_det - 1)[inner].mean()
    warped = warp(moving, registration.displacement, spacing_mm=SPACING)
    assert np.allclose(warped[inner], registration.warped[inner], atol=1e-3)


def test_same_slices_give_the_same_bytes():
    fixed, head = picture()
    noise = np.random.default_rng(0).random(fixed.shape).astype(np.float32) * head

    first, second = (register(noise, fixed, head) for _ in range(2))

    assert first is not None
    assert second is not None
    assert first.displacement.tobytes() == second.displacement.tobytes()
    assert first.warped.tobytes() == second.warped.tobytes()


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_slice_without_contrast_cannot_be_registered(value):
    image, head = picture()
    blank = np.full_like(image, value)

    assert register(blank, image, head) is None
    assert register(image, blank, head) is None
    assert correlation(blank, image, head) == 0.0


def test_empty_mask_cannot_be_registered():
    image, head = picture()

    assert register(image, image, head & False) is None


def test_float16_slices_are_taken():
    image, head = picture()
    half = image.astype(np.float16)

    registration = register(half, half, head)

    assert registration is not None
    assert not registration.displacement.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"smooth_mm": [1.0]}, "entries in each"),
        ({"mesh_mm": [48.0, 24.0, 16.0]}, "divisors"),
        ({"mesh_mm": [48.0, 12.0, 24.0]}, "divisors"),
        ({"resolution_mm": [4.0, 2.0, 0.0]}, "a number from 0.02"),
    ],
)
def test_levels_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        FfdSettings.model_validate({**FFD.model_dump(), **changes})
