"""Grey values, whole scans of a small head, and the settings."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_ultrasound import (
    ULTRASOUND,
    probe,
    quiet,
    tissue,
)
from scipy import ndimage

from ssus2mri.config.ultrasound import SIDES, UltrasoundSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.pose import Pose
from ssus2mri.simulate.sound import display, propagation
from ssus2mri.simulate.sound.beam import random_fan
from ssus2mri.simulate.sound.echo import along_beams, decibel, echo_maps, table
from ssus2mri.simulate.sound.propagation import borders, loss_db
from ssus2mri.simulate.sound.speckle import point_spread
from ssus2mri.simulate.ultrasound import compress, idealised, scan
from ssus2mri.tissues import Tissue

RNG = np.random.default_rng
UPRIGHT = Pose(np.eye(3), np.zeros(3))


def test_compression_gain_and_dynamic_range():
    envelope_at = decibel(np.array([-90.0, -60.0, -30.0, 0.0, 10.0]))

    def shown(dynamic_range_db=60.0, gain_db=0.0, grey_exponent=1.0):
        return display.compress(
            envelope_at,
            dynamic_range_db=dynamic_range_db,
            gain_db=gain_db,
            grey_exponent=grey_exponent,
        )

    assert shown() == pytest.approx([0, 0, 127.5, 255, 255], abs=0.01)
    assert shown(gain_db=6.0) - shown() == pytest.approx([0, 25.5, 25.5, 0, 0], abs=0.01)
    assert shown(dynamic_range_db=80.0)[2] == pytest.approx(255 * 5 / 8, abs=0.01)
    assert shown(grey_exponent=2.0) == pytest.approx([0, 0, 255 / 4, 255, 255], abs=0.01)
    grey = compress(envelope_at, quiet(dynamic_range_db=(50.0, 70.0), grey_exponent=2.0))
    assert grey.dtype == np.uint8
    assert grey.tolist() == [0, 0, 64, 255, 255]


@pytest.fixture(scope="module")
def ball():
    """A head of white matter in skull of 4 mm, in fluid; a suture towards +x and -x."""
    size, spacing = 60, 1.6
    z, y, x = np.meshgrid(*[(np.arange(size) - (size - 1) / 2) * spacing] * 3, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    labels = np.full(radius.shape, Tissue.AMNIOTIC_FLUID, np.uint8)
    labels[radius < 34] = Tissue.SKULL
    labels[(radius < 34) & (np.hypot(y - 12, z) < 5)] = Tissue.SUTURE
    labels[radius < 30] = Tissue.WHITE_MATTER
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing([spacing] * 3)
    image.SetOrigin([-(size - 1) / 2 * spacing] * 3)
    return Anatomy(image, np.zeros(3))


def _scan(ball, settings, seed=0, edge=48):
    fan = random_fan(RNG(7), UPRIGHT, settings, spacing_mm=2.0)
    axis = (np.arange(edge, dtype=np.float32) - (edge - 1) / 2) * 96 / edge
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    maps = echo_maps(ball, settings, blur_mm=0.7)
    points = np.stack([x, y, z])
    image = scan(ball, maps, fan, lambda p: p, points, settings, rng=RNG(seed))
    return image, fan, points


RIGHT = dict.fromkeys(SIDES, 0.0) | {"right": 1.0}
STILL = probe(sides=RIGHT, tilt_deg=0.0, offset_mm=0.0)


def test_scan_is_8_bit_deterministic_and_black_outside_the_fan(ball):
    settings = quiet(**probe(lateral_deg=20.0, sides=RIGHT))
    image, fan, points = _scan(ball, settings)
    again, _, _ = _scan(ball, settings)
    other, _, _ = _scan(ball, settings, seed=1)
    assert image.dtype == np.uint8
    assert np.array_equal(image, again)
    assert not np.array_equal(image, other)
    indices = fan.indices(points)
    inside = np.all((indices >= 0) & (indices <= np.array(fan.shape).reshape(3, 1, 1, 1) - 1), 0)
    assert 0.2 < inside.mean() < 0.9
    assert not image[~inside].any()
    assert image.max() > 200
    assert (image[inside] > 0).mean() > 0.2


def test_suture_lets_sound_pass_and_bone_does_not(ball):
    settings = quiet(**STILL, **tissue("skull", attenuation_db_cm_mhz=12.0))
    fan = random_fan(RNG(7), UPRIGHT, settings, spacing_mm=1.6)
    maps = along_beams(ball, echo_maps(ball, settings, blur_mm=0.7), fan, lambda p: p, settings)
    _, cosine = borders(maps.impedance, fan, settings)
    _, total = loss_db(maps, cosine, fan, 4.0, settings)
    points = np.array([[-20.0, -20.0], [12.0, -12.0], [0.0, 0.0]], np.float32)
    suture, bone = ndimage.map_coordinates(total, fan.indices(points), order=1)
    assert bone - suture > 2 * 4.0 * 12 * 0.3


def test_clutter_brightens_the_near_hemisphere(ball):
    skull = STILL | tissue("skull", attenuation_db_cm_mhz=1.0)
    clean, _, points = _scan(ball, quiet(**skull))
    hazy, _, _ = _scan(ball, quiet(**skull, reverberation_db=-25.0, reverberation_mm=8.0))
    difference = hazy.astype(float) - clean
    beside = (np.hypot(points[1], points[2]) < 15) & (np.abs(points[0]) < 26)
    near, far = beside & (points[0] < -16), beside & (points[0] > 10)
    assert difference[near].mean() > 20
    assert difference[near].mean() > 4 * abs(difference[far].mean())


def test_bone_is_brightest_where_the_beam_is_perpendicular(ball):
    image, _, points = _scan(ball, quiet(**STILL))
    shell = np.abs(np.linalg.norm(points, axis=0) - 32) < 3
    level = np.abs(points[2]) < 10
    facing = shell & level & (points[0] < -25) & (np.abs(points[1]) < 8)
    aside = shell & level & (np.abs(points[0]) < 8)
    assert image[facing].mean() > 1.3 * image[aside].mean()


def test_idealised_shows_all_borders_and_nothing_beyond(ball):
    shown = idealised(ball, quiet(**STILL))
    labels = ball.array
    middle = len(labels) // 2
    # From the right, the borders that face it are brighter than those beside the beam.
    assert shown[middle, middle].max() > 1.1 * shown[middle, :, middle].max()
    assert shown[labels == Tissue.SKULL].mean() > 2 * shown[labels == Tissue.WHITE_MATTER].mean()
    assert shown[0].max() == 0
    assert shown[labels == Tissue.WHITE_MATTER].mean() > 0
    assert shown.max() <= 255


def _refuses(values, match):
    with pytest.raises(ValueError, match=match):
        UltrasoundSettings.model_validate(values)


def test_table_of_tissues_must_be_complete_and_within_physical_bounds():
    values = ULTRASOUND.model_dump()
    assert set(values["tissues"]) == {t.name.lower() for t in Tissue if t != Tissue.BACKGROUND}
    assert table(ULTRASOUND, "impedance_mrayl").min() >= 1
    short = {name: row for name, row in values["tissues"].items() if name != "cyst"}
    _refuses(values | {"tissues": short}, "cyst")
    _refuses(values | {"tissues": values["tissues"] | {"hair": short["skull"]}}, "hair")
    solid = short["skull"] | {"impedance_mrayl": 40.0}
    _refuses(values | {"tissues": values["tissues"] | {"skull": solid}}, "impedance_mrayl")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sides": {"right": 1.0}}, "sides"),
        ({"sides": dict.fromkeys(SIDES, 0.0)}, "sides"),
        ({"frequency_mhz": [5.0, 3.0]}, "smaller first"),
        ({"pivot_mm": 2.0}, "pivot_mm"),
    ],
)
def test_impossible_probes_are_refused(change, match):
    values = ULTRASOUND.model_dump()
    _refuses(values | {"probe": values["probe"] | change}, match)


def test_scanners_differ_within_the_settings():
    drawn = [display.random_console(RNG(seed), ULTRASOUND) for seed in range(40)]
    for name, (low, high) in (
        ("frequency_mhz", ULTRASOUND.probe.frequency_mhz),
        ("dynamic_range_db", ULTRASOUND.dynamic_range_db),
    ):
        values = [getattr(console, name) for console in drawn]
        assert low <= min(values) < low + (high - low) / 4
        assert high - (high - low) / 4 < max(values) <= high
    assert np.std([console.gain_db for console in drawn]) == pytest.approx(
        ULTRASOUND.gain_std_db, rel=0.4
    )


def test_point_spread_resolves_the_pulse_on_the_configured_grid():
    fan = random_fan(RNG(0), UPRIGHT, ULTRASOUND, spacing_mm=0.6)
    psf = point_spread(fan, ULTRASOUND.probe.frequency_mhz[1], ULTRASOUND)
    assert psf.axial_mm / fan.step_mm > 0.5
    assert propagation.mirrored_db(ULTRASOUND) > 0
