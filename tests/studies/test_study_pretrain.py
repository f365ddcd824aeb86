"""Slices that the network of `predict` learns from, and planes that it is judged on."""

import augment
import draw
import numpy as np
import pictures
import pytest
import SimpleITK as sitk

from ssus2mri.images import geometry, volume
from ssus2mri.tissues import Tissue

SIZE, SPACING_MM = 24, 4.0
AXIS_MM = (np.arange(SIZE, dtype=np.float64) - (SIZE - 1) / 2) * SPACING_MM


def scan(lesion_mm=None, pathology="none", ga_weeks=23.0) -> draw.Scan:
    """A head of white matter whose US is its place along x; with a lesion there (x, y, z)."""
    z, y, x = np.meshgrid(AXIS_MM, AXIS_MM, AXIS_MM, indexing="ij")
    labels = np.where(x**2 + y**2 + z**2 < 36**2, Tissue.WHITE_MATTER, 0).astype(np.uint8)
    points = np.empty((0, 3))
    if lesion_mm is not None:
        away = np.array(lesion_mm)
        labels[(x - away[0]) ** 2 + (y - away[1]) ** 2 + (z - away[2]) ** 2 < 7**2] = Tissue.BLEED
        points = away[None].astype(np.float64)
    grey = np.broadcast_to(10 * np.arange(SIZE), labels.shape).astype(np.uint8)
    to_index = np.column_stack([np.eye(3) / SPACING_MM, np.full(3, (SIZE - 1) / 2)])
    head = (255 * (labels > 0)).astype(np.uint8)
    return draw.Scan(grey, grey, head, labels, to_index, ga_weeks, pathology, 0.0, 255.0, points)


@pytest.fixture
def in_place(monkeypatch):
    """Slices lie where they are said to lie, and show all that is there."""
    monkeypatch.setattr(draw, "OFF", ((1.0, 0.0, 0.0, 0.0),))
    for share in ("BENT_SHARE", "MASKED_SHARE", "PLANE_SHARE"):
        monkeypatch.setattr(draw, share, 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_slice_shows_what_lies_at_its_index(in_place, seed):
    drawn = draw.draw_slice(
        scan(), size=SIZE, spacing_mm=SPACING_MM, rng=np.random.default_rng(seed)
    )
    columns = 255 * drawn.mr[0].numpy()
    if drawn.plane == 2:  # sagittal: every pixel lies at this x, or at that of the mirror image
        assert np.ptp(columns) < 1e-3
        assert columns[0, 0] / 10 == pytest.approx(drawn.index) or columns[
            0, 0
        ] / 10 == pytest.approx(SIZE - 1 - drawn.index)
    else:
        step = np.diff(columns, axis=1)
        assert np.allclose(step, step[0, 0], atol=1e-3)
        assert abs(step[0, 0]) == pytest.approx(10, abs=1e-3)


def test_a_lesion_is_met_by_the_slices_through_it(in_place, monkeypatch):
    monkeypatch.setattr(draw, "LESION_SHARE", 1.0)
    rng = np.random.default_rng(0)
    for _ in range(12):
        drawn = draw.draw_slice(scan((14, -10, 8)), size=SIZE, spacing_mm=SPACING_MM, rng=rng)
        assert (drawn.labels == Tissue.BLEED).any()


def test_scans_with_a_pathology_have_a_share_of_their_own(in_place, monkeypatch):
    monkeypatch.setattr(draw, "LESION_SHARE", 1.0)
    monkeypatch.setattr(draw, "AGE_WEEKS", 0.0)
    scans = [scan() for _ in range(18)]
    scans += [scan((14, -10, 8), "bleed"), scan(pathology="ventricles", ga_weeks=29.0)]
    batch = draw.draw_batch(
        scans, 200, size=SIZE, spacing_mm=SPACING_MM, rng=np.random.default_rng(0)
    )
    assert batch.labels is not None
    lesions, wide = draw.PATHOLOGY_SHARES.values()
    rest = (1 - lesions - wide) / len(scans)
    met = (batch.labels == Tissue.BLEED).flatten(1).any(1).float().mean()
    assert float(met) == pytest.approx(lesions + rest, abs=0.1)
    old = (batch.ga_weeks == 29.0).float().mean()
    assert float(old) == pytest.approx(wide + rest, abs=0.1)


def test_neighbours_are_bent_alike_and_nothing_folds():
    smallest = []
    for seed in range(40):
        field = augment.bend(
            np.array([-SPACING_MM, 0.0, SPACING_MM]),
            AXIS_MM,
            across=2,
            down=1,
            along=0,
            rng=np.random.default_rng(seed),
        )
        assert field.shape == (3, SIZE, SIZE, 3)
        rows, columns = (np.gradient(field[1], SPACING_MM, axis=axis) for axis in (0, 1))
        levels = (field[2] - field[0]) / (2 * SPACING_MM)
        jacobian = np.stack([columns, rows, levels], axis=-1) + np.eye(3)
        smallest.append(np.linalg.det(jacobian).min())
    assert min(smallest) > 0
    assert min(smallest) < 0.9  # it is bent


def test_a_head_is_bent_otherwise_each_time():
    fields = [
        augment.bend(
            np.zeros(1), AXIS_MM, across=2, down=1, along=0, rng=np.random.default_rng(seed)
        )
        for seed in range(60)
    ]
    assert abs(np.mean(fields)) < 0.3
    assert 0.5 < np.std(fields) < 4  # mm


def test_a_plane_and_its_tissues_show_the_same_place(tmp_path):
    axis = np.arange(40) - 19.5
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = (x - 5) ** 2 + (y + 3) ** 2 + (z - 4.5) ** 2 < 8**2
    for name, array in (("scan", 100 * ball), ("scan_labels", Tissue.VENTRICLES * ball)):
        image = sitk.GetImageFromArray(array.astype(np.uint8))
        image.SetOrigin([-19.5] * 3)
        volume.write(image, tmp_path / f"{name}.nii.gz")
    geometry.write_transform(sitk.Euler3DTransform(), tmp_path / "scan_pose.tfm")
    for level_mm, radius_mm in ((4.5, 8.0), (10.5, np.sqrt(8**2 - 6**2)), (20.0, 0.0)):
        grey, tissue = (
            pictures.plane_of(tmp_path / "scan.nii.gz", level_mm=level_mm, labels=labels)
            for labels in (False, True)
        )
        assert tissue.GetSize() == grey.GetSize()
        shown = sitk.GetArrayFromImage(tissue) == Tissue.VENTRICLES
        area_mm2 = shown.sum() * pictures.PLANE_MM**2
        assert area_mm2 == pytest.approx(np.pi * radius_mm**2, rel=0.1, abs=1)
        assert (shown != (sitk.GetArrayFromImage(grey) > 50)).mean() < 0.005
