"""The measures of `benchmarks/realism.py` on phantoms of known answers, and on real planes."""

import os
import sys
from functools import partial
from pathlib import Path

import likeness
import matplotlib.image
import numpy as np
import pytest
import realism
import SimpleITK as sitk
from conftest import ROOT
from phantom_simulate import small_settings

from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings, CropSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.images import geometry
from ssus2mri.simulate import cohort, ultrasound
from ssus2mri.simulate.sound.beam import Fan, random_fan
from ssus2mri.tissues import Tissue

SIZE, SPACING_MM = 160, 0.6
CONFIG = str(ROOT / "config/config.yaml")


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


def test_black_around_the_fan_and_boxes_are_not_seen_but_fluid_is() -> None:
    array = np.full((200, 300), 40.0, np.float32)
    array[:, :50] = 0  # beside the fan
    array[150:, 220:] = 0  # a box
    array[80:120, 120:180] = 0  # fluid
    array[10, 100:] = 0  # a thin dark line is speckle, even at the border
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.2, 0.2))
    seen = sitk.GetArrayFromImage(realism.field_of_view(image)) > 0
    expected = array > 0
    expected[80:120, 120:180] = expected[10, 100:] = True
    assert np.mean(seen != expected) < 0.001


def head_labels() -> tuple[sitk.Image, sitk.Transform]:
    """A turned, shifted head with thalami, and its pose: image -> atlas."""
    grid = geometry.grid(64, 1.5, (0.0, 0.0, 0.0))
    z, y, x = (np.indices((64,) * 3) - 31.5) * 1.5
    labels = np.where((x / 28) ** 2 + (y / 37) ** 2 + (z / 30) ** 2 < 1, Tissue.WHITE_MATTER, 0)
    labels[(np.abs(x) - 7) ** 2 + y**2 + z**2 < 40] = Tissue.DEEP_GREY
    pose = sitk.Similarity3DTransform()
    pose.SetRotation([0.0, 0.6, 0.8], 0.4)
    pose.SetTranslation([4.0, -3.0, 2.0])
    upright = geometry.from_array(labels.astype(np.uint8), grid)
    return sitk.Resample(upright, grid, pose, sitk.sitkNearestNeighbor), pose


def test_a_plane_is_axial_through_the_head_and_faces_the_probe() -> None:
    labels, pose = head_labels()
    probe_mm = np.array([-100.0, 20.0, 15.0])
    cut = realism.axial_plane(labels, pose, probe_mm, np.random.default_rng(3))
    direction = np.array(cut.GetDirection()).reshape(3, 3)
    assert np.linalg.det(direction) == pytest.approx(1.0)
    normal = geometry.matrix(pose) @ direction[:, 2]
    assert np.degrees(np.arccos(abs(normal[2]))) < 3 * realism.TILT_DEG
    middle = [(n - 1) / 2 for n in cut.GetSize()]
    centre = np.array(cut.TransformContinuousIndexToPhysicalPoint(middle))
    level = pose.TransformPoint(centre.tolist())
    assert level[:2] == pytest.approx((0, 0), abs=1.5)
    assert realism.LEVEL_MM[0] - 1.5 < level[2] < realism.LEVEL_MM[1] + 1.5
    toward = (probe_mm - centre) @ direction
    assert toward[0] == pytest.approx(0.0, abs=1e-6)
    assert toward[1] < 0  # the probe is at the top


def test_the_probe_is_where_the_simulation_puts_it(monkeypatch) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    def recorded(*arguments, **options):
        fans.append(random_fan(*arguments, **options))
        raise Enough

    fans: list[Fan] = []
    monkeypatch.setattr(ultrasound, "random_fan", recorded)
    settings = small_settings(32)
    anatomy = cohort.built_in(22.0, settings.anatomy.model_copy(update={"spacing_mm": 2.0}))
    with pytest.raises(Enough):
        cohort.simulate(
            "a", subject="b", modality="us", ga_weeks=22.0, anatomy=anatomy, settings=settings
        )
    assert realism.probe_of("a", settings) == pytest.approx(fans[0].apex_mm)


def test_a_scan_comes_back_upright_and_knows_where_its_probe_was() -> None:
    labels, _ = head_labels()
    template = sitk.Cast(labels, sitk.sitkFloat32)
    y, x = np.indices((400, 400)) * 0.25 - 50
    # Lying, anterior to the right: bright in front, dark behind.
    head = (x / 37) ** 2 + (y / 28) ** 2 < 1
    grey = np.where(head, 100.0 + x, 0.0).astype(np.float32)
    images = [sitk.GetImageFromArray(part) for part in (grey, head.astype(np.uint8))]
    for image in images:
        image.SetSpacing((0.25, 0.25))
    z, front, _ = (np.indices((64,) * 3) - 31.5) * 1.5
    template = geometry.from_array((100.0 - front + 0 * z).astype(np.float32), labels)
    aligner = realism.Aligner(
        template,
        labels,
        load_section(CropSettings, CONFIG, "crop"),
        load_section(AlignSettings, CONFIG, "align"),
    )
    plane = realism.aligned(realism.Scan(*images, 22.0), aligner)
    assert abs(plane.up[0]) == pytest.approx(1.0, abs=0.01)
    rows = np.nonzero(plane.head)[0]
    front, back = (plane.image[row, plane.head[row]].mean() for row in (rows.min(), rows.max()))
    assert front > back + 30
    # Anterior was to the right of a probe above: now that it is up, the probe is on the left.
    assert plane.up[0] < 0
    assert plane.seen[plane.head].mean() > 0.99


def test_rows_of_planes_are_drawn_in_one_grey_scale(tmp_path: Path) -> None:
    dark, bright = (np.full((40, 40), value, np.float32) for value in (51, 255))
    realism.draw_rows([("real", [dark] * 3), ("simulated", [bright] * 2)], tmp_path / "a/p.png")
    picture = matplotlib.image.imread(tmp_path / "a/p.png")
    middle = picture.shape[1] // 2
    assert picture[picture.shape[0] // 4, middle, 0] == pytest.approx(0.2, abs=0.01)
    assert picture[picture.shape[0] * 3 // 4, middle, 0] == pytest.approx(1.0, abs=0.01)


def test_without_real_planes_there_is_nothing_to_compare(monkeypatch, capsys) -> None:
    monkeypatch.delenv("SSUS2MRI_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["realism.py"])
    realism.main()
    assert "SSUS2MRI_DATA is not set" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif("SSUS2MRI_DATA" not in os.environ, reason="SSUS2MRI_DATA is not set")
def test_simulated_planes_look_like_real_ones() -> None:
    settings = load_section(SimulateSettings, CONFIG, "simulate")
    aligner = realism.make_aligner(settings)
    # An axial plane needs no wider a sweep.
    probe = settings.ultrasound.probe.model_copy(update={"elevation_deg": 18.0})
    ultrasound = settings.ultrasound.model_copy(update={"probe": probe})
    scans = realism.real_scans(Path(os.environ["SSUS2MRI_DATA"]), aligner.crop)
    cut = partial(
        realism.simulated_scan,
        ages=[scan.ga_weeks for scan in scans],
        labels=None,
        settings=settings.model_copy(update={"ultrasound": ultrasound}),
    )
    real = [realism.aligned(scan, aligner) for scan in scans[::4]]
    simulated = [realism.aligned(cut(number), aligner) for number in range(10)]
    compared = {each.name: likeness.compare(simulated, real, each) for each in likeness.MEASURES}
    below = {
        name: comparison
        for name, comparison in compared.items()
        if comparison.share < realism.WANTED
    }
    text = "\n".join(
        line
        for name, comparison in below.items()
        for line in realism.lines(measure(name), comparison)
    )
    assert not below, text
