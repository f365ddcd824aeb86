"""The planes of `benchmarks/realism.py` on phantoms, and simulated beside real ones."""

import os
import sys
from functools import partial
from pathlib import Path

import axial_planes
import likeness
import matplotlib.image
import numpy as np
import pytest
import realism
import SimpleITK as sitk
from phantom_simulate import small_settings
from test_likeness import measure

from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings, CropSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.images import geometry
from ssus2mri.simulate import cohort, ultrasound
from ssus2mri.simulate.sound.beam import Fan, random_fan
from ssus2mri.tissues import Tissue

CONFIG = axial_planes.CONFIG


def test_black_around_the_fan_and_boxes_are_not_seen_but_fluid_is() -> None:
    array = np.full((200, 300), 40.0, np.float32)
    array[:, :50] = 0  # beside the fan
    array[150:, 220:] = 0  # a box
    array[80:120, 120:180] = 0  # fluid
    array[10, 100:] = 0  # a thin dark line is speckle, even at the border
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.2, 0.2))
    seen = sitk.GetArrayFromImage(axial_planes.field_of_view(image)) > 0
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
    cut = axial_planes.axial_plane(labels, pose, probe_mm, np.random.default_rng(3))
    direction = np.array(cut.GetDirection()).reshape(3, 3)
    assert np.linalg.det(direction) == pytest.approx(1.0)
    normal = geometry.matrix(pose) @ direction[:, 2]
    assert np.degrees(np.arccos(abs(normal[2]))) < 3 * axial_planes.TILT_DEG
    middle = [(n - 1) / 2 for n in cut.GetSize()]
    centre = np.array(cut.TransformContinuousIndexToPhysicalPoint(middle))
    level = pose.TransformPoint(centre.tolist())
    assert level[:2] == pytest.approx((0, 0), abs=1.5)
    assert axial_planes.LEVEL_MM[0] - 1.5 < level[2] < axial_planes.LEVEL_MM[1] + 1.5
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
    assert axial_planes.probe_of("a", settings) == pytest.approx(fans[0].apex_mm)


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
    aligner = axial_planes.Aligner(
        template,
        labels,
        load_section(CropSettings, CONFIG, "crop"),
        load_section(AlignSettings, CONFIG, "align"),
    )
    plane = axial_planes.aligned(axial_planes.Scan(*images, 22.0), aligner)
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
    aligner = axial_planes.make_aligner(settings)
    # An axial plane needs no wider a sweep.
    probe = settings.ultrasound.probe.model_copy(update={"elevation_deg": 18.0})
    ultrasound = settings.ultrasound.model_copy(update={"probe": probe})
    data = Path(os.environ["SSUS2MRI_DATA"])
    scans = axial_planes.real_scans(data, aligner.crop, every=4)
    cut = partial(
        axial_planes.simulated_scan,
        ages=[scan.ga_weeks for scan in scans],
        labels=None,
        settings=settings.model_copy(update={"ultrasound": ultrasound}),
    )
    real = [axial_planes.aligned(scan, aligner) for scan in scans]
    simulated = [axial_planes.aligned(cut(number), aligner) for number in range(10)]
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
