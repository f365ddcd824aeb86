"""Statistics of scatterers and of the point spread, before anything is compressed."""

import numpy as np
import pytest
from phantom_ultrasound import ULTRASOUND, console, even, parallel, probe, quiet, tissue
from scipy import stats

from ssus2mri.simulate.sound import speckle
from ssus2mri.simulate.ultrasound import envelope
from ssus2mri.tissues import Tissue

RNG = np.random.default_rng


def _db(amplitude):
    return 20 * np.log10(amplitude)


def _correlation(field, axis, lag):
    """Of a complex field with itself, ``lag`` samples on."""
    near = np.moveaxis(field, axis, 0)
    product = (near[lag:] * near[:-lag].conj()).mean().real
    return product / (np.abs(field) ** 2).mean()


@pytest.fixture(scope="module")
def homogeneous():
    fan = parallel((160, 64, 64), step_mm=0.36, across_mm=0.84)
    settings = quiet()
    beams = even(Tissue.WHITE_MATTER, fan, settings)
    return envelope(beams, fan, console(), settings, blur_mm=0.4, rng=RNG(0))


def test_dense_scatterers_give_rayleigh_statistics(homogeneous):
    inner = homogeneous[4:-4, 4:-4, 4:-4]
    assert inner.mean() / inner.std() == pytest.approx(1.91, abs=0.05)
    scale = np.sqrt((inner**2).mean() / 2)
    # Samples farther apart than the point spread are independent.
    apart = inner[::4, ::4, ::4].ravel()
    assert stats.kstest(apart / scale, "rayleigh").statistic < 0.02


def test_echo_of_even_tissue_is_its_echogenicity_at_every_depth(homogeneous):
    inner = homogeneous[4:-4, 6:-6, 6:-6]
    expected = ULTRASOUND.tissues["white_matter"].echogenicity_db
    for slab in np.array_split(inner, 4):
        assert _db(np.sqrt((slab**2).mean())) == pytest.approx(expected, abs=0.3)


def test_few_scatterers_deviate_from_rayleigh_with_the_same_mean_square():
    fan = parallel((120, 48, 48), step_mm=0.36, across_mm=0.84)
    settings = quiet(**tissue("ventricles", scatterers_mm3=0.05))
    labels = np.full(fan.shape, Tissue.VENTRICLES, np.uint8)
    psf = speckle.point_spread(fan, 4.0, settings)
    field = speckle.scatterers(labels, fan, psf, settings, RNG(1))
    assert (np.abs(field) ** 2).mean() == pytest.approx(1, rel=0.05)
    size = np.abs(speckle.spread_along(speckle.spread_across(field, fan, psf), fan, psf))
    assert size.mean() / size.std() < 1.5
    labels[:] = Tissue.WHITE_MATTER
    dense = speckle.scatterers(labels, fan, psf, settings, RNG(1))
    assert np.array_equal(dense, speckle.gaussian_field(RNG(1), fan.shape))


@pytest.mark.parametrize(("axis", "name"), [(1, "lateral_mm"), (2, "elevation_mm")])
def test_correlation_across_is_that_of_the_point_spread_at_focus_and_depth(axis, name):
    settings = quiet(**probe(spread=0.02, elevation_spread=0.02))
    fan = parallel((44, 96, 96), step_mm=3.0, across_mm=0.6)
    psf = speckle.point_spread(fan, 4.0, settings)
    field = speckle.spread_across(speckle.gaussian_field(RNG(2), fan.shape), fan, psf)
    widths = getattr(psf, name)
    for depth_mm in (70.0, 126.0):
        at = slice(round(depth_mm / 3) - 1, round(depth_mm / 3) + 2)
        sigma = widths[at].mean()
        for lag in (1, 2, 3):
            # The autocorrelation of a Gaussian spread of std s is a Gaussian of std s sqrt(2).
            expected = np.exp(-((lag * 0.6) ** 2) / (4 * sigma**2))
            correlation = _correlation(field[at, 8:-8, 8:-8], axis, lag)
            assert correlation == pytest.approx(expected, abs=0.03), (depth_mm, lag)


def test_correlation_along_the_beam_is_that_of_the_pulse():
    fan = parallel((200, 40, 40), step_mm=0.2, across_mm=0.8)
    psf = speckle.point_spread(fan, 4.0, ULTRASOUND)
    field = speckle.spread_along(speckle.gaussian_field(RNG(3), fan.shape), fan, psf)
    for lag in (1, 2, 3):
        expected = np.exp(-((lag * 0.2) ** 2) / (4 * psf.axial_mm**2))
        assert _correlation(field[8:-8], 0, lag) == pytest.approx(expected, abs=0.02)


def test_point_spread_is_wavelengths_at_the_focus_and_widens_away_from_it():
    settings = quiet(**probe(focus_mm=60.0, lateral_psf=2.0, spread=0.02))
    fan = parallel((121, 1, 1), step_mm=1.0, across_mm=0.8)
    psf = speckle.point_spread(fan, 4.0, settings)
    wavelength = 1.54 / 4
    assert psf.axial_mm == pytest.approx(settings.probe.axial_psf * wavelength)
    width = psf.lateral_mm[:, 0, 0]
    assert width.argmin() == 60
    assert width[60] == pytest.approx(2 * wavelength)
    assert width[120] == pytest.approx(np.hypot(2 * wavelength, 0.02 * 60), rel=1e-5)
    assert width[0] == pytest.approx(width[120], rel=1e-5)
    slower = speckle.point_spread(fan, 2.0, settings)
    assert slower.axial_mm == pytest.approx(2 * psf.axial_mm)
    assert slower.lateral_mm[60].item() == pytest.approx(2 * width[60])


def test_gain_makes_speckle_as_strong_at_every_depth():
    settings = quiet(**probe(spread=0.03))
    fan = parallel((40, 64, 64), step_mm=3.0, across_mm=0.8)
    psf = speckle.point_spread(fan, 4.0, settings)
    field = speckle.gaussian_field(RNG(4), fan.shape) * speckle.speckle_gain(fan, psf)
    field = speckle.spread_across(field, fan, psf) * np.sqrt(speckle.axial_power(fan, psf))
    power = (np.abs(field[:, 8:-8, 8:-8]) ** 2).mean(axis=(1, 2))
    assert power == pytest.approx(np.ones(40), rel=0.25)
    assert power.mean() == pytest.approx(1, rel=0.03)


def test_spread_keeps_what_is_even():
    fan = parallel((30, 40, 40), step_mm=0.5, across_mm=0.8)
    psf = speckle.point_spread(fan, 4.0, ULTRASOUND)
    field = np.full(fan.shape, 2 + 1j, np.complex64)
    spread = speckle.spread_along(speckle.spread_across(field, fan, psf), fan, psf)
    assert spread[:, 10:-10, 10:-10] == pytest.approx(2 + 1j, abs=1e-4)


def test_a_point_is_spread_along_the_beam_less_than_across():
    fan = parallel((61, 61, 61), step_mm=0.2, across_mm=0.2)
    psf = speckle.point_spread(fan, 4.0, ULTRASOUND)
    field = np.zeros(fan.shape, np.complex64)
    field[30, 30, 30] = 1
    shape = np.abs(speckle.spread_along(speckle.spread_across(field, fan, psf), fan, psf))
    shape /= shape.sum()
    place = (np.arange(61) - 30) * 0.2
    stds = [np.sqrt((shape.sum(tuple({0, 1, 2} - {axis})) * place**2).sum()) for axis in range(3)]
    expected = [psf.axial_mm, psf.lateral_mm[30].item(), psf.elevation_mm[30].item()]
    assert stds == pytest.approx(expected, rel=0.02)
    assert stds == sorted(stds)
