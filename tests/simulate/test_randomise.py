"""The randomised scanner: within its ranges, drawn from the scan's seed, and off by default."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import small_settings

from ssus2mri.config.randomise import RandomiseSettings
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.cohort import simulate
from ssus2mri.simulate.randomise import burn_boxes, draw_scanner
from ssus2mri.simulate.sound.display import persist

SETTINGS = small_settings(32)
SOUND = (
    *("specular_db", "bone_exponent", "reverberation_db", "haze_db", "noise_db"),
    *("grey_exponent", "smoothing_mm", "persistence", "gain_db"),
)


def scanners():
    return [
        draw_scanner(
            SETTINGS.ultrasound, SETTINGS.randomise, hc_mm=210.0, rng=np.random.default_rng(seed)
        )
        for seed in range(60)
    ]


@pytest.mark.parametrize("name", SOUND)
def test_every_range_is_used_and_kept(name: str) -> None:
    low, high = getattr(SETTINGS.randomise, name)
    values = np.array([getattr(scanner, name) for scanner in scanners()])
    assert values.min() >= low
    assert values.max() <= high
    assert np.ptp(values) > 0.8 * (high - low)


def test_the_probe_stands_outside_the_head_and_shows_all_of_it() -> None:
    for scanner in scanners():
        probe = scanner.probe
        (side,) = probe.used_sides
        skull_mm = {"front": 38.0, "back": 38.0, "top": 28.0}.get(side, 29.0)
        gap_mm = probe.distance_mm[0] - skull_mm
        low, high = SETTINGS.randomise.gap_mm
        assert low - 3 < gap_mm < high + 3
        assert probe.hidden_mm < gap_mm + 3
        assert probe.depth_mm[0] > probe.distance_mm[0] + skull_mm - 3
        type(probe).model_validate(probe.model_dump())  # the sweep turns behind the array


def test_another_range_is_refused() -> None:
    values = SETTINGS.randomise.model_dump()
    with pytest.raises(ValueError, match="the smaller first"):
        RandomiseSettings(**values | {"gap_mm": (20.0, 10.0)})
    with pytest.raises(ValueError, match="one share"):
        RandomiseSettings(**values | {"sides": {"left": 1.0}})


@pytest.mark.slow
def test_a_share_of_scans_is_by_a_random_scanner() -> None:
    anatomy = built_in(23.0, SETTINGS.anatomy)

    def scan(share: float, volume: str = "v") -> np.ndarray:
        randomise = SETTINGS.randomise.model_copy(update={"share": share})
        settings = SETTINGS.model_copy(update={"randomise": randomise})
        result = simulate(
            volume, subject="s", modality="us", ga_weeks=23.0, anatomy=anatomy, settings=settings
        )
        return sitk.GetArrayFromImage(result.image)

    usual = scan(0.0)
    assert np.array_equal(scan(1.0), scan(1.0))
    assert not np.array_equal(scan(1.0), usual)
    assert any(np.array_equal(scan(0.5, name), scan(0.0, name)) for name in "abcdef")
    assert any(np.array_equal(scan(0.5, name), scan(1.0, name)) for name in "abcdef")


def test_persistence_keeps_the_mean_and_smooths_across_planes() -> None:
    shown = np.random.default_rng(0).uniform(0, 255, (4, 5, 400)).astype(np.float32)
    blended = persist(shown, 0.5)
    assert blended.shape == shown.shape
    assert blended[..., 20:].mean() == pytest.approx(shown[..., 20:].mean(), rel=0.02)
    # White noise through y = (1 - p) x + p y' keeps (1 - p) / (1 + p) of its variance.
    assert blended[..., 20:].var() == pytest.approx(shown.var() / 3, rel=0.1)
    assert np.array_equal(persist(np.full((2, 2, 6), 7.0), 0.3), np.full((2, 2, 6), 7.0))
    assert persist(shown, 0.0) is shown


def test_boxes_are_black_and_in_the_outer_part() -> None:
    image = np.full((60, 60, 60), 200, np.uint8)
    for seed in range(20):
        boxed = burn_boxes(
            image, SETTINGS.randomise, spacing_mm=1.0, rng=np.random.default_rng(seed)
        )
        black = np.argwhere(boxed == 0)
        assert set(np.unique(boxed)) <= {0, 200}
        if len(black):
            assert (np.minimum(black, 59 - black).min(axis=1) < 30).all()
    assert image.min() == 200
