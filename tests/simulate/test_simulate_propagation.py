"""The way of a pulse through plates and borders of known answer."""

import numpy as np
import pytest
from phantom_ultrasound import (
    console,
    even,
    parallel,
    plate,
    probe,
    quiet,
    tissue,
)
from scipy import ndimage, stats

from ssus2mri.simulate.sound import display
from ssus2mri.simulate.sound.echo import decibel
from ssus2mri.simulate.sound.propagation import (
    angle_factor,
    borders,
    clutter,
    loss_db,
    mirrored_db,
    see_past,
)
from ssus2mri.simulate.sound.speckle import gaussian_field
from ssus2mri.simulate.ultrasound import envelope
from ssus2mri.tissues import Tissue

RNG = np.random.default_rng
FAN = parallel((120, 24, 24), step_mm=0.4, across_mm=0.8)
DEPTH_MM = FAN.depth_mm


def _db(amplitude):
    return 20 * np.log10(amplitude)


def _layer():
    """Bone at depths of 12 to 15 mm, smooth at both."""
    inside = (DEPTH_MM >= 12) & (DEPTH_MM < 15)
    bone = np.broadcast_to(inside, FAN.shape).astype(np.float32)
    return ndimage.gaussian_filter1d(bone, 0.4 / FAN.step_mm, axis=0)


def test_even_tissue_attenuates_by_its_coefficient_and_compensation_evens_it_out():
    settings = quiet()
    maps = even(Tissue.UTERINE_WALL, FAN, settings)
    _, cosine = borders(maps.impedance, FAN, settings)
    soft, total = loss_db(maps, cosine, FAN, 5.0, settings)
    coefficient = settings.tissues["uterine_wall"].attenuation_db_cm_mhz
    expected = np.broadcast_to(2 * 5.0 * coefficient * DEPTH_MM / 10, FAN.shape)
    assert np.abs(total - expected).max() < 1e-3
    assert np.array_equal(soft, total)
    right = display.compensation_db(soft, console())
    assert np.abs(right - total).max() < 1e-3
    weak = display.compensation_db(soft, console(tgc_share=0.9))
    assert weak[-1].item() == pytest.approx(0.9 * total[-1, 0, 0], rel=1e-4)
    slid = display.compensation_db(soft, console(sliders_db=np.array([0.0, 2.0, 0.0, 0.0, -3.0])))
    assert (slid - right)[-1].item() == pytest.approx(-3, abs=1e-3)
    assert (slid - right).max() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("cosine", [1.0, 0.5])
def test_bone_plate_casts_the_analytic_shadow(cosine):
    settings = quiet(grazing_loss=6.0)
    maps = plate(_layer(), settings)
    flat = np.full(FAN.shape, cosine, np.float32)
    soft, total = loss_db(maps, flat, FAN, 4.0, settings)
    hard = settings.tissues["skull"]
    thick_cm = maps.bone[:, 5, 5].sum() * FAN.step_mm / 10
    assert thick_cm == pytest.approx(0.3, abs=0.021)
    through = 2 * 4.0 * hard.attenuation_db_cm_mhz * thick_cm * (1 + 6 * (1 - cosine) ** 2)
    white = settings.tissues["white_matter"].impedance_mrayl
    share = (hard.impedance_mrayl - white) / (hard.impedance_mrayl + white)
    reflected = -2 * 20 * np.log10(1 - share**2)
    loss = (total - soft)[[10, -1], 5, 5]
    assert loss[0] == pytest.approx(0, abs=1e-4)
    assert loss[1] == pytest.approx(through + reflected, rel=0.01)
    assert 2 * mirrored_db(settings) == pytest.approx(reflected, rel=1e-4)


def test_echo_behind_a_plate_is_darker_by_its_loss():
    settings = quiet(grazing_loss=0.0)
    bone = _layer()
    bone[:, :, 12:] = 0
    maps = plate(bone, settings)
    echo = envelope(maps, FAN, console(), settings, blur_mm=0.4, rng=RNG(0))
    behind = echo[50:]
    shadow, clear = (
        np.sqrt((behind[:, 3:-3, at] ** 2).mean()) for at in (slice(2, 7), slice(17, 22))
    )
    _, cosine = borders(maps.impedance, FAN, settings)
    _, total = loss_db(maps, cosine, FAN, 4.0, settings)
    expected = total[-1, 12, 4] - total[-1, 12, 20]
    assert expected > 5
    assert _db(clear / shadow) == pytest.approx(expected, abs=0.7)


def test_border_is_as_strong_as_the_impedances_say():
    settings = quiet(**tissue("white_matter", echogenicity_db=-120.0))
    across = stats.norm.cdf(DEPTH_MM, loc=20.0, scale=0.4)
    smooth = np.broadcast_to(across, FAN.shape).astype(np.float32)
    low, high = 1.5, 1.7
    maps = even(Tissue.WHITE_MATTER, FAN, settings)
    impedance = (np.log(low) + (np.log(high) - np.log(low)) * smooth) / 2
    reflection = (high - low) / (high + low)
    slope, cosine = borders(impedance, FAN, settings)
    assert np.tanh(slope.sum(0) * FAN.step_mm) == pytest.approx(reflection, rel=1e-3)
    assert cosine[50] == pytest.approx(1)
    maps = type(maps)(maps.echo, impedance, maps.bone, maps.tissue)
    echo = envelope(maps, FAN, console(), settings, blur_mm=0.4, rng=RNG(0))
    assert echo.max(0)[8:-8, 8:-8] == pytest.approx(
        reflection * decibel(settings.specular_db), rel=0.03
    )
    assert echo.argmax(0)[12, 12] == pytest.approx(50, abs=1)


@pytest.mark.parametrize("degrees", [0, 30, 60])
def test_mirror_falls_with_the_angle_as_set(degrees):
    tilt = np.deg2rad(degrees)
    across = 0.8 * np.arange(24, dtype=np.float32)[:, None]
    distance = (DEPTH_MM - 24) * np.cos(tilt) + (across - 9.6) * np.sin(tilt)
    impedance = 0.05 / (1 + np.exp(-distance / 0.3)) * np.ones(FAN.shape, np.float32)
    _, cosine = borders(impedance.astype(np.float32), FAN, quiet())
    at = np.abs(distance[:, 4:-4]) < 0.5
    assert cosine[:, 4:-4, 12][at[..., 0]] == pytest.approx(np.cos(tilt), abs=0.03)
    settings = quiet(specular_exponent=3.0, specular_floor=0.1, bone_exponent=2.0, bone_floor=0.2)
    exact = np.full(1, np.cos(tilt), np.float32)
    for bone, floor, power in ((0.0, 0.1, 3), (0.6, 0.2, 2)):
        factor = angle_factor(exact, np.full(1, bone, np.float32), settings)
        assert factor == pytest.approx(floor + (1 - floor) * np.cos(tilt) ** power, rel=1e-4)


def test_clutter_hides_what_lies_just_behind_bone_and_decays():
    settings = quiet(reverberation_db=-20.0, reverberation_mm=10.0, streaks=0.0)
    echo = np.zeros(FAN.shape, np.float32)
    echo[30] = 0.5 / FAN.step_mm
    late = clutter(echo, gaussian_field(RNG(0), FAN.shape), FAN, settings, RNG(1))
    power = (np.abs(late[:, 4:-4, 4:-4]) ** 2).mean(axis=(1, 2))
    assert not late[:28].any()
    for depth in (40, 60, 90):
        expected = 0.5 * 0.1 * np.exp(-(depth - 30) * FAN.step_mm / 10)
        rms = np.sqrt(power[depth - 4 : depth + 5].mean())
        assert _db(rms) == pytest.approx(_db(expected), abs=1.0)
    striped = quiet(reverberation_db=-20.0, reverberation_mm=10.0, streaks=1.0)
    late = clutter(echo, gaussian_field(RNG(0), FAN.shape), FAN, striped, RNG(1))
    assert np.abs(late[40:60, 12, 12]).max() > 0.01
    assert late[40:, 4:-4, 4:-4] == pytest.approx(
        late[40:, 12:13, 12:13] * np.ones((1, 16, 16)), abs=1e-6
    )


def test_noise_grows_with_the_compensation():
    settings = quiet(noise_db=-60.0, **tissue("uterine_wall", echogenicity_db=-120.0))
    maps = even(Tissue.UTERINE_WALL, FAN, settings)
    echo = envelope(maps, FAN, console(frequency_mhz=5.0), settings, blur_mm=0.4, rng=RNG(0))
    coefficient = settings.tissues["uterine_wall"].attenuation_db_cm_mhz
    for depth in (10, 60, 110):
        rms = np.sqrt((echo[depth - 3 : depth + 4] ** 2).mean())
        expected = -60 + 2 * 5 * coefficient * depth * FAN.step_mm / 10
        assert _db(rms) == pytest.approx(expected, abs=0.5)


def test_shadows_of_a_wide_aperture_have_soft_edges_and_the_same_depth():
    passed = np.ones(FAN.shape, np.float32)
    passed[:, 12:] = 0.1
    soft = see_past(passed, FAN, quiet(**probe(aperture_mm=4.0)))
    across = soft[60, :, 12]
    assert across[[4, 20]] == pytest.approx([1.0, 0.1])
    assert (np.diff(across[9:15]) < 0).all()
    sharp = see_past(passed, FAN, quiet(**probe(aperture_mm=0.0)))
    assert np.array_equal(sharp, passed)
