from math import erf, sqrt

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import small_settings
from pydantic import ValidationError
from scipy import ndimage

from ssus2mri.blur import mean_within
from ssus2mri.config.simulate import MrSettings, StackSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.mri import acquire, bias_field, contrast, layers
from ssus2mri.simulate.scanner import Stack, cut, draw_stack, onto_grid, rician
from ssus2mri.tissues import INTRACRANIAL, Tissue

SETTINGS = small_settings().mr
STILL = SETTINGS.stack.model_copy(update={"motion_mm": 0.0, "motion_deg": 0.0})


def anatomy(labels: np.ndarray, spacing_mm: float = 0.5) -> Anatomy:
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing([spacing_mm] * 3)
    return Anatomy(image, np.zeros(3))


def changed(**values: object) -> MrSettings:
    return SETTINGS.model_copy(update=values)


def ball(size: int = 48) -> np.ndarray:
    """A bright ball of two tissues, 0 around it."""
    z, y, x = np.meshgrid(*[np.arange(size) - (size - 1) / 2] * 3, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    image = np.where(radius < 0.4 * size, 1800.0, 0.0) + 700.0 * (radius < 0.2 * size)
    return image.astype(np.float32)


@pytest.mark.parametrize("tissue", INTRACRANIAL)
def test_a_tissue_away_from_borders_has_its_own_intensity(tissue):
    labels = np.full((24, 24, 24), Tissue.SKULL)
    labels[4:-4, 4:-4, 4:-4] = tissue
    image = contrast(anatomy(labels), SETTINGS, ga_weeks=23, rng=None)
    assert image[12, 12, 12] == pytest.approx(SETTINGS.intensity[tissue.name.lower()], rel=1e-4)
    assert not image[labels == Tissue.SKULL].any()


def test_partial_volume_at_a_plane_border_is_the_mixture():
    labels = np.full((12, 12, 40), Tissue.DEEP_GREY)
    labels[..., 20:] = Tissue.VENTRICLES
    image = contrast(anatomy(labels), changed(blur_mm=1.0), ga_weeks=23, rng=None)[6, 6, 14:26]
    grey, fluid = (SETTINGS.intensity[name] for name in ("deep_grey", "ventricles"))
    # In the middle of the block the skull, 3 mm away, takes 1 % in y and in z each at most.
    middle = contrast(
        anatomy(np.full((12, 12, 40), Tissue.DEEP_GREY)),
        changed(blur_mm=1.0),
        ga_weeks=23,
        rng=None,
    )
    inside = middle[6, 6, 20] / grey
    # 1 mm is 2 voxels; the border lies between voxels 19 and 20.
    share = np.array([0.5 * (1 + erf((x - 19.5) / 2 / sqrt(2))) for x in range(14, 26)])
    np.testing.assert_allclose(image, inside * (grey + share * (fluid - grey)), atol=5)


def test_the_skull_gives_no_signal():
    labels = np.full((16, 16, 16), Tissue.EXTRA_AXIAL_CSF)
    labels[8:] = Tissue.SKULL
    image = contrast(anatomy(labels), changed(blur_mm=1.0), ga_weeks=23, rng=None)
    assert image[7, 8, 8] == pytest.approx(0.6 * SETTINGS.intensity["extra_axial_csf"], rel=0.02)


def wall() -> np.ndarray:
    """Ventricle, 12 mm of white matter, cortex, one behind the other."""
    labels = np.full((8, 8, 40), Tissue.WHITE_MATTER)
    labels[..., :8], labels[..., 32:] = Tissue.VENTRICLES, Tissue.CORTEX
    return labels


def profile(ga_weeks: float) -> np.ndarray:
    """Layers across the `wall`, from ventricle to cortex."""
    return layers(wall(), np.full(3, 0.5), SETTINGS.layers, ga_weeks=ga_weeks)[4, 4, 8:32]


def test_layers_lie_where_they_should_at_23_weeks():
    shares = profile(23)
    subplate, germinal = SETTINGS.layers.subplate, SETTINGS.layers.germinal
    # The centre of the voxel at a border lies 0.25 mm from it.
    assert shares[-1] == pytest.approx(
        subplate.contrast * np.exp(-0.5 * (0.25 / subplate.depth_mm) ** 2), abs=1e-3
    )
    assert shares[0] == pytest.approx(
        -germinal.contrast * np.exp(-0.5 * (0.25 / germinal.depth_mm) ** 2), abs=1e-3
    )
    assert abs(shares[12]) < 0.02  # the intermediate zone
    everywhere = layers(wall(), np.full(3, 0.5), SETTINGS.layers, ga_weeks=23)
    assert not everywhere[wall() != Tissue.WHITE_MATTER].any()


def test_layers_fade_with_age():
    subplate = [profile(weeks)[-1] for weeks in (18, 20, 23, 26, 30, 32)]
    germinal = [-profile(weeks)[0] for weeks in (18, 20, 23, 26, 30, 34)]
    for contrasts in (subplate, germinal):
        assert all(np.diff(contrasts) < 0)
        assert contrasts[-1] == pytest.approx(0, abs=1e-6)
    assert not profile(40).any()


def test_texture_has_its_spread_and_belongs_to_the_subject():
    labels = np.full((40, 40, 40), Tissue.DEEP_GREY)
    settings = changed(blur_mm=0.0)
    first, again, other = (
        contrast(anatomy(labels), settings, ga_weeks=23, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    spread = first.std() / SETTINGS.intensity["deep_grey"]
    assert spread == pytest.approx(SETTINGS.texture, rel=0.15)


def test_rician_noise():
    rng = np.random.default_rng(0)
    none, high = (rician(np.full(100_000, level, np.float32), 50.0, rng=rng) for level in (0, 2000))
    assert none.min() >= 0
    assert none.mean() == pytest.approx(50 * np.sqrt(np.pi / 2), rel=0.01)
    assert none.std() == pytest.approx(50 * np.sqrt(2 - np.pi / 2), rel=0.01)
    assert high.mean() == pytest.approx(2000 + 50**2 / (2 * 2000), abs=1)
    assert high.std() == pytest.approx(50, rel=0.01)


def test_bias_field_is_smooth_and_of_the_set_spread():
    field = bias_field((48, 48, 48), 2.0, SETTINGS, rng=np.random.default_rng(0))
    assert np.log(field).std() == pytest.approx(SETTINGS.bias, rel=1e-3)
    assert abs(np.log(field).mean()) < 1e-5
    # Within 4 mm, a small part of the correlation length, it hardly changes.
    assert np.abs(field[2:] - field[:-2]).max() < 0.5 * SETTINGS.bias


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_point_spread_of_a_stack_is_as_wide_as_its_slices_are_thick(axis):
    point = np.zeros((61, 61, 61), np.float32)
    point[30, 30, 30] = 1000
    # Slices 8 voxels thick at every voxel show the profile; pixels of 3 voxels.
    stack = Stack(axis, np.arange(61.0), 3.0, 8.0, np.zeros((61, 2)), np.zeros(61))
    slices = cut(point, np.ones(point.shape, bool), stack)
    through, across, along = (slices.sum(tuple({0, 1, 2} - {k})) for k in range(3))
    assert through[[26, 34]] / through[30] == pytest.approx(0.5, rel=0.01)
    # At a pixel's distance a Gaussian 1.2 pixels wide at half maximum has fallen to 2^-(4 / 1.44).
    for line in (across, along):
        assert len(line) == 21
        assert line[[9, 11]] / line[10] == pytest.approx(2 ** -(4 / 1.44), rel=0.01)


def test_a_stack_is_blurred_through_its_slices_only():
    truth = ball()
    inside = truth > 0
    stack = draw_stack(truth.shape, 1.0, STILL, rng=np.random.default_rng(4))
    image = onto_grid(cut(truth, inside, stack), stack, truth.shape)
    edge = [np.abs(np.diff(image, axis=k)[np.diff(inside, axis=k) == 0]).max() for k in range(3)]
    in_plane = [edge[k] for k in range(3) if k != stack.axis]
    within = mean_within(inside.astype(np.float32), 1.0)(truth)
    assert edge[stack.axis] < 0.75 * min(in_plane)
    assert np.corrcoef(image[inside], within[inside])[0, 1] > 0.9


def test_a_stack_keeps_what_does_not_change():
    flat = np.full((30, 36, 33), 1234, np.float32)
    for seed in range(4):
        stack = draw_stack(flat.shape, 0.8, SETTINGS.stack, rng=np.random.default_rng(seed))
        image = onto_grid(cut(flat, flat > 0, stack), stack, flat.shape)
        assert image.shape == flat.shape
        np.testing.assert_allclose(image, flat, rtol=1e-4)


def test_motion_moves_all_interleaves_but_the_first_in_plane():
    truth = ball()
    inside = np.ones(truth.shape, bool)
    moving = SETTINGS.stack.model_copy(update={"motion_mm": 3.0, "motion_deg": 0.0})
    moved, still = (
        draw_stack(truth.shape, 1.0, settings, rng=np.random.default_rng(7))
        for settings in (moving, STILL)
    )
    assert not still.shift.any()
    assert not still.turn.any()
    assert np.array_equal(moved.slices, still.slices)
    slices, reference = (cut(truth, inside, stack) for stack in (moved, still))
    assert np.array_equal(slices[::2], reference[::2])
    middle = int(np.abs(moved.slices - 23.5).argmin()) // 2 * 2 + 1
    before, after = (np.array(ndimage.center_of_mass(part[middle])) for part in (reference, slices))
    # A head that is sampled farther on appears farther back.
    np.testing.assert_allclose(after - before, -moved.shift[middle] / moved.pixel, atol=0.1)


def test_turns_rotate_about_the_middle():
    image = np.zeros((8, 41, 41), np.float32)
    image[:, 20, 32] = 1000
    turning = SETTINGS.stack.model_copy(
        update={"motion_mm": 0.0, "motion_deg": 20.0, "pixel_mm": 1.0, "slice_mm": [2.0, 2.0]}
    )
    stack = next(
        s
        for s in (
            draw_stack((8, 41, 41), 1.0, turning, rng=np.random.default_rng(k)) for k in range(50)
        )
        if s.axis == 0
    )
    place = np.array(ndimage.center_of_mass(cut(image, np.ones(image.shape, bool), stack)[1])) - 20
    assert np.hypot(*place) == pytest.approx(12, abs=0.1)
    assert np.arctan2(place[0], place[1]) == pytest.approx(stack.turn[1], abs=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_scan_of_either_kind_is_of_the_truth_and_its_seed_alone(share):
    truth, settings = ball(), changed(stacked_share=share)
    first, again, other = (
        acquire(truth, 1.0, settings, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first > 0, truth > 0)
    assert first.dtype == np.float32
    inside = truth > 0
    assert first[inside].mean() == pytest.approx(truth[inside].mean(), rel=0.1)
    assert np.corrcoef(first[inside], truth[inside])[0, 1] > 0.8


def test_signal_to_noise_is_within_its_range():
    truth = np.full((24, 24, 24), SETTINGS.intensity["white_matter"], np.float32)
    settings = changed(stacked_share=0.0, bias=0.0, snr=[10.0, 30.0])
    ratios = []
    for seed in range(20):
        image = acquire(truth, 1.0, settings, rng=np.random.default_rng(seed))
        ratios.append(image.mean() / image.std())
    assert 10 * 0.97 < min(ratios) < 13
    assert 27 < max(ratios) < 30 * 1.03


def test_share_of_stacks():
    truth = ball(16)
    settings = changed(stacked_share=0.3, snr=[1e4, 1e4], bias=0.0)
    sharp = mean_within(np.float32(truth > 0), SETTINGS.residual_mm)(truth)
    kinds = [
        np.abs(acquire(truth, 1.0, settings, rng=np.random.default_rng(k)) - sharp)[truth > 0].max()
        > 20
        for k in range(200)
    ]
    assert 0.2 < np.mean(kinds) < 0.4


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"snr": [40.0, 20.0]}, "snr"),
        ({"snr": [0.0, 20.0]}, "snr"),
        ({"stacked_share": 1.5}, "stacked_share"),
        ({"noise": 0.03}, "noise"),
        ({"intensity": {"white_matter": 1.0}}, "intensity"),
        ({"layers": {**SETTINGS.layers.model_dump(), "germinal": {"contrast": 0.2}}}, "depth_mm"),
    ],
)
def test_bad_settings_are_refused(values, key):
    with pytest.raises(ValidationError, match=key):
        MrSettings.model_validate({**SETTINGS.model_dump(), **values})


@pytest.mark.parametrize("values", [{"slice_mm": [4.0]}, {"interleaves": 0}, {"pixel_mm": 0.0}])
def test_bad_stacks_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        StackSettings.model_validate({**STILL.model_dump(), **values})
