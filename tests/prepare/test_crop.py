"""Heads found, masks honoured, and nothing moved by cropping."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume, brightest_point, configured
from crop import dice

from ssus2mri.config.prepare import CropSettings
from ssus2mri.config.rows import CropRow
from ssus2mri.errors import InputError
from ssus2mri.growth import (
    axial_axes_mm,
    ellipse_circumference,
    head_circumference_mm,
)
from ssus2mri.images import volume
from ssus2mri.prepare.crop import crop, run_crop
from ssus2mri.prepare.ellipsoid import Ellipsoid, draw, of_mask, solidity
from ssus2mri.prepare.head import find_brain
from ssus2mri.prepare.skull import find_head

SETTINGS = configured(CropSettings, "crop")


def rotation(degrees: float) -> np.ndarray:
    """Rotation whose first column is the long axis, at an angle from the rows' axis."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]])


def skull(ellipsoid: Ellipsoid, size: tuple[int, ...], spacing: float) -> sitk.Image:
    """A speckled ultrasound of a bright shell, 2 mm thick within the ellipsoid, with a shadow."""
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing([spacing] * len(size))
    outer, inner = (
        sitk.GetArrayFromImage(draw(e, image)) > 0 for e in (ellipsoid, ellipsoid.grown(-2.0))
    )
    speckle = np.random.default_rng(0).rayleigh(1.0, outer.shape)
    array = speckle * np.where(inner, 15.0, np.where(outer, 120.0, 35.0))
    middle = outer.shape[-1] // 2
    array[: outer.shape[0] // 2, ..., middle : middle + outer.shape[-1] // 10] *= 0.1
    array[-2:] = 0.0
    result = sitk.GetImageFromArray(np.clip(array, 0, 255).astype(np.float32))
    result.CopyInformation(image)
    return result


def run(folder: Path, image: Path, mask: Path | None = None, **changes: Any) -> tuple[Path, Path]:
    out, out_mask = folder / "out.nii.gz", folder / "out_mask.nii.gz"
    row = CropRow(**{"modality": "us", "ga_weeks": 23.0, **changes})
    run_crop(image, row=row, mask=mask, out=out, out_mask=out_mask, settings=SETTINGS)
    return out, out_mask


@pytest.mark.parametrize(
    ("hc_mm", "ga_weeks"),
    # By hand: 8.96 + 0.540 * 18 + 0.0003 * 18^3 and 8.96 + 0.540 * 20 + 0.0003 * 20^3.
    [(180.0, 20.4296), (200.0, 22.16)],
)
def test_hadlock(hc_mm: float, ga_weeks: float) -> None:
    assert head_circumference_mm(ga_weeks) == pytest.approx(hc_mm, abs=1e-3)


def test_circumference_of_a_circle() -> None:
    assert ellipse_circumference(10.0, 10.0) == pytest.approx(10 * np.pi)
    long, short = axial_axes_mm(200.0, 0.78)
    assert short / long == pytest.approx(0.78)
    assert ellipse_circumference(long, short) == pytest.approx(200.0)


def test_mask_of_an_ellipse_gives_it_back() -> None:
    ellipse = Ellipsoid(np.array([40.0, 52.0]), np.array([30.0, 22.0]), rotation(25))
    image = sitk.Image((110, 90), sitk.sitkUInt8)
    ellipsoid = of_mask(draw(ellipse, image))
    np.testing.assert_allclose(ellipsoid.center, ellipse.center, atol=0.05)
    np.testing.assert_allclose(ellipsoid.axes, ellipse.axes, rtol=0.005)
    assert abs(ellipsoid.rotation[:, 0] @ ellipse.rotation[:, 0]) > 0.999
    assert solidity(draw(ellipse, image)) == pytest.approx(1.0, abs=0.01)
    shell = draw(ellipse, image) - draw(ellipse.grown(-2.0), image)
    assert solidity(shell) < 0.3


@pytest.mark.parametrize("degrees", [0.0, 65.0, 130.0])
def test_finds_an_ellipse(degrees: float) -> None:
    long, short = axial_axes_mm(head_circumference_mm(22.0), 0.8)
    truth = Ellipsoid(np.array([46.0, 61.0]), np.array([long, short]) / 2, rotation(degrees))
    image = skull(truth, (260, 200), 0.5)
    head = find_head(image, 23.0, SETTINGS.skull)
    assert np.linalg.norm(head.center - truth.center) < 1.0
    np.testing.assert_allclose(np.sort(head.axes), np.sort(truth.axes), rtol=0.03)
    assert dice(draw(head, image), draw(truth, image)) > 0.96


def test_finds_an_ellipsoid() -> None:
    # Columns: the long axis along y, the wide one along x, the high one along z.
    axes = np.eye(3)[:, [1, 2, 0]]
    truth = Ellipsoid(np.array([43.0, 50.0, 46.0]), np.array([36.0, 28.0, 27.0]), axes)
    image = skull(truth, (60, 64, 60), 1.5)
    head = find_head(image, 23.0, SETTINGS.skull)
    assert np.linalg.norm(head.center - truth.center) < 1.0
    np.testing.assert_allclose(np.sort(head.axes), np.sort(truth.axes), rtol=0.03)


def test_round_head_over_a_face() -> None:
    """A skull open below, and beyond it an arc that makes a larger head of more usual shape."""
    axes = np.eye(3)[:, [1, 2, 0]]
    truth = Ellipsoid(np.array([43.0, 50.0, 46.0]), np.array([31.0, 30.0, 28.0]), axes)
    image = skull(truth, (60, 64, 60), 1.5)
    face = Ellipsoid(np.array([53.0, 50.0, 46.0]), np.array([36.0, 32.0, 31.0]), axes)
    outer, inner = (sitk.GetArrayFromImage(draw(e, image)) > 0 for e in (face, face.grown(-2.0)))
    array = sitk.GetArrayFromImage(image)
    speckle = np.random.default_rng(1).rayleigh(1.0, array.shape)
    base = int((truth.center[0] + 18.0) / 1.5)
    array[base:] = (speckle * np.where(outer & ~inner, 80.0, 25.0))[base:]
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([1.5] * 3)
    head = find_head(image, 23.0, SETTINGS.skull)
    assert dice(draw(head, image), draw(truth, image)) > 0.95


def test_crop_keeps_world_and_intensities(oblique: sitk.Image) -> None:
    mask = sitk.Image(oblique.GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(oblique)
    mask[10:18, 6:12, 9:14] = 1
    cut, cut_mask = crop(oblique, mask, margin_mm=2.0)
    # margin 2 mm at spacing 1, 1.2, 1.5 mm: 2 voxels on each side
    assert cut.GetSize() == cut_mask.GetSize() == (12, 10, 9)
    np.testing.assert_allclose(brightest_point(cut), brightest_point(oblique), atol=1e-9)
    assert sitk.GetArrayViewFromImage(cut).max() == 4000
    assert sitk.GetArrayViewFromImage(cut_mask).sum() == 8 * 6 * 5


def test_crop_stops_at_the_border(oblique: sitk.Image) -> None:
    mask = sitk.Image(oblique.GetSize(), sitk.sitkUInt8)
    mask[0:3, 0:3, 0:3] = 1
    assert crop(oblique, mask, margin_mm=100.0)[0].GetSize() == oblique.GetSize()


def test_given_mask_is_honoured(tmp_path: Path) -> None:
    image = blob_volume(spacing=(5.0, 6.0, 6.5))  # a mask of the size of a head
    mask = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(image)
    mask[8:18, 6:14, 5:15] = 1
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(mask, str(tmp_path / "m.nii.gz"))
    out, out_mask = run(tmp_path, tmp_path / "a.nii.gz", mask=tmp_path / "m.nii.gz")
    assert sitk.GetArrayFromImage(volume.read(out_mask)).sum() == 800
    np.testing.assert_allclose(brightest_point(volume.read(out)), brightest_point(image), atol=1e-3)


def test_mask_that_is_no_head_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = Ellipsoid(np.array([50.0, 64.0]), np.array([34.0, 27.0]), rotation(80))
    image = skull(truth, (256, 200), 0.5)
    image = sitk.Cast(image, sitk.sitkUInt8)
    sitk.WriteImage(image, str(tmp_path / "p.png"))
    sitk.WriteImage((image > 128) * 255, str(tmp_path / "m.png"))
    with caplog.at_level(logging.WARNING):
        _, out_mask = run(tmp_path, tmp_path / "p.png", mask=tmp_path / "m.png", pixel_mm=0.5)
    assert "m.png" in caplog.text
    mask = sitk.ReadImage(str(out_mask))
    area_mm2 = sitk.GetArrayFromImage(mask).sum() * 0.25
    assert area_mm2 == pytest.approx(np.pi * 34 * 27, rel=0.06)


@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.4])
def test_a_head_of_a_size_that_its_age_cannot_have_is_refused(tmp_path: Path, ratio: float) -> None:
    image = sitk.Image((70, 70, 70), sitk.sitkUInt8)
    image.SetSpacing([2.0] * 3)
    head = Ellipsoid(np.array([70.0] * 3), ratio * np.array([37.5, 29.5, 28.0]), np.eye(3))
    for name in ("a", "m"):
        sitk.WriteImage(draw(head, image), str(tmp_path / f"{name}.nii.gz"))
    arguments = {"mask": tmp_path / "m.nii.gz"}
    if ratio == 1.0:
        out, _ = run(tmp_path, tmp_path / "a.nii.gz", **arguments)
        assert out.exists()
        return
    with pytest.raises(InputError, match=r"near 209 mm.*23 weeks") as refusal:
        run(tmp_path, tmp_path / "a.nii.gz", **arguments)
    assert f"found {148 if ratio < 1 else 296} mm" in str(refusal.value)
    assert "ga_weeks" in str(refusal.value)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("outside", [0.0, 20.0], ids=["extracted", "not extracted"])
def test_finds_the_brain(outside: float) -> None:
    brain = Ellipsoid(np.array([16.0, 20.0, 18.0]), np.array([13.0, 10.0, 9.0]), np.eye(3))
    image = sitk.Image((36, 40, 32), sitk.sitkFloat32)
    inside = sitk.GetArrayFromImage(draw(brain, image)) > 0
    array = np.where(inside, 200.0, outside).astype(np.float32)
    array[16, 20, 18] = outside  # a hole
    array[2, 2, 2] = 200.0  # a second piece
    brain = find_brain(sitk.GetImageFromArray(array), SETTINGS.extracted_zeros)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(brain) > 0, inside)


def test_empty_mask(tmp_path: Path) -> None:
    image = blob_volume()
    empty = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(image)
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(empty, str(tmp_path / "m.nii.gz"))
    with pytest.raises(InputError, match=r"m\.nii\.gz.*empty"):
        run(tmp_path, tmp_path / "a.nii.gz", mask=tmp_path / "m.nii.gz")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.slow
@pytest.mark.skipif("SSUS2MRI_DATA" not in os.environ, reason="needs SSUS2MRI_DATA")
def test_real_planes() -> None:
    import pandas as pd

    folder = Path(os.environ["SSUS2MRI_DATA"])
    table = pd.read_csv(folder / "data_manifest.csv").query("modality == 'us'").iloc[::12]
    overlaps = []
    for row in table.itertuples():
        image = volume.read_plane(folder / row.image, row.pixel_mm)
        mask = volume.read_mask(folder / row.mask, image)
        if solidity(mask) >= SETTINGS.min_solidity:
            overlaps.append(dice(draw(find_head(image, 23.0, SETTINGS.skull), image), mask))
    assert np.median(overlaps) >= 0.9
