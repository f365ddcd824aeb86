"""The measures of `benchmarks/likeness.py` on phantoms of known answers."""

import likeness
import numpy as np
import pytest
import realism

SIZE, SPACING_MM = 160, 0.6


def plane(image=0.0, *, up=(-1.0, 0.0), seen=True) -> likeness.Plane:
    """A head of 80 x 60 mm, anterior up; the probe on the left unless given."""
    y, x = ellipse()
    head = (x / 30) ** 2 + (y / 40) ** 2 < 1
    shape = (SIZE, SIZE)
    return likeness.Plane(
        image=np.broadcast_to(np.asarray(image, np.float32), shape).copy(),
        head=head,
        seen=np.broadcast_to(seen, shape).copy(),
        up=np.array(up),
        spacing_mm=SPACING_MM,
    )


def ellipse() -> np.ndarray:
    """Millimetres from the head's centre, y and x."""
    return (np.indices((SIZE, SIZE)) - (SIZE - 1) / 2) * SPACING_MM


def measure(name: str) -> likeness.Measure:
    return next(each for each in likeness.MEASURES if each.name == name)


def test_grey_levels_count_seen_pixels_of_the_head_only() -> None:
    _, x = ellipse()
    image = np.where(x < 0, 20.0, 200.0)
    shares = likeness.grey_levels(plane(image))
    assert shares[[2, 25]] == pytest.approx([0.5, 0.5])
    assert likeness.grey_levels(plane(image, seen=x < 0))[2] == 1.0


def test_white_noise_has_a_flat_spectrum_of_its_density() -> None:
    rng = np.random.default_rng(0)
    spectra = [likeness.spectrum(plane(rng.normal(100, 7, (SIZE, SIZE)))) for _ in range(20)]
    mean = 10 * np.log10(np.mean(10 ** (np.array(spectra) / 10), axis=0))
    assert mean == pytest.approx(np.full(15, 10 * np.log10(49 * 0.36)), abs=1.0)


def test_a_wave_has_its_frequency_and_a_bright_skull_none() -> None:
    _, x = ellipse()
    wave = 10 * np.sin(2 * np.pi * 0.43 * x)
    bright = np.where(plane().depth_mm < 4.0, 250.0, 50.0)
    spectrum = likeness.spectrum(plane(bright + wave))
    assert likeness.FREQUENCY_EDGES[spectrum.argmax()] == pytest.approx(0.40)
    far = np.abs(np.arange(15) - spectrum.argmax()) > 2  # tapered, it leaks no farther
    assert spectrum[far].max() < spectrum.max() - 30


@pytest.mark.parametrize(("up", "sign"), [((-1.0, 0.0), 1), ((1.0, 0.0), -1)])
def test_skull_contrast_goes_round_from_the_probe_over_the_front(up, sign) -> None:
    y, x = ellipse()
    image = np.where(plane().depth_mm < 3.0, 180.0, 30.0)
    assert likeness.skull_contrast(plane(image, up=up)) == pytest.approx(np.full(12, 150.0))
    image[(np.abs(x) < 12) & (y < 0)] = 30.0  # no echo at the front
    contrast = likeness.skull_contrast(plane(image, up=up))
    assert int(contrast.argmin()) == 3
    image = np.where(plane().depth_mm < 3.0, 150.0 - sign * x, 30.0)
    assert int(likeness.skull_contrast(plane(image, up=up)).argmax()) == 0


@pytest.mark.parametrize("up", [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.6, 0.8)])
def test_brightness_falls_away_from_the_probe(up) -> None:
    y, x = ellipse()
    image = 100.0 + x * up[0] + y * up[1]  # a grey level a mm
    profile = likeness.depth_profile(plane(image, up=up))
    extent = 2 * np.hypot(25.0 * up[0], 35.0 * up[1])  # of the brain
    assert np.diff(profile) == pytest.approx(np.full(11, -extent / 12), abs=1.0)
    assert likeness.hemispheres(plane(image, up=up))[0] > 10


def test_shadow_is_where_the_brain_stays_dark() -> None:
    y, _ = ellipse()
    assert likeness.shadow(plane(60.0)) == pytest.approx(np.zeros(11))
    shadow = likeness.shadow(plane(np.where(y > 21.5, 10.0, 60.0)))
    assert shadow[[0, 9]] == pytest.approx([1.0, 0.0])  # posterior first
    assert 0.1 < shadow[-1] < 0.2
    shadow = likeness.shadow(plane(np.where(y > 21.5, 0.0, 60.0), seen=y < 21.5))
    assert np.isnan(shadow[0])
    assert shadow[-1] == 0.0  # not seen is not dark


def test_a_median_is_within_the_range_or_off_by_so_much() -> None:
    level = measure("grey levels")
    real = [plane(value) for value in np.arange(16.0, 216.0, 8.0)]  # 25 levels, 4 % each
    assert likeness.compare(real, real, level).share == 1.0
    comparison = likeness.compare([plane(240.0)] * 3, real, level)
    assert np.flatnonzero(~comparison.within).tolist() == [30]
    text = list(realism.lines(level, comparison))
    assert text[0].split() == ["grey", "levels", "31", "of", "32", "bins", "within", "97%"]
    assert text[1].split()[:3] == ["240-247", "simulated", "100.00"]
    assert text[1].endswith("off by +100.00")


def test_bins_that_a_plane_lacks_are_left_out() -> None:
    y, _ = ellipse()
    half = plane(np.where(y > 21.5, 10.0, 60.0), seen=y < 21.5)
    whole = plane(60.0)
    comparison = likeness.compare([half, whole, half], [whole], measure("shadow"))
    assert comparison.median.tolist() == [0.0] * 11
