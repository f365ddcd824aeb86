"""`align`: a known pose comes back, a given one is used, and files say how good it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_align import SETTINGS, SIZE, SPACING, labelled_head, pose_of, scan_at, template_of
from scipy.spatial.transform import Rotation

from ssus2mri.config.rows import AlignRow
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.pose.locate import Location
from ssus2mri.pose.placement import Placement, ball_radius_mm, middle
from ssus2mri.prepare.align import align_3d, describe, head_of, run_align
from ssus2mri.prepare.upright import upright_rotation

FILES = (".nii.gz", ".tfm", ".json", ".png")


@pytest.fixture(scope="module")
def labels() -> sitk.Image:
    return labelled_head()


@pytest.fixture(scope="module")
def template(labels: sitk.Image) -> sitk.Image:
    return template_of(labels)


def _find(scan, head, template, labels, settings):
    return align_3d(scan, head, template, labels, modality="mr", transform=None, settings=settings)


def _error(transform: sitk.Transform, pose: sitk.Transform) -> tuple[float, float]:
    a, b = geometry.matrix(transform), geometry.matrix(pose)
    turn = a @ np.linalg.inv(b) / np.cbrt(np.linalg.det(a) / np.linalg.det(b))
    inside = pose.GetInverse().TransformPoint((0.0, 0.0, 0.0))
    away = np.linalg.norm(transform.TransformPoint(inside))
    return float(np.degrees(Rotation.from_matrix(turn).magnitude())), float(away)


@pytest.mark.parametrize(
    ("degrees", "shift", "scale", "oblique"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0, False),
        ((0.0, 0.0, 29.0), (10.0, -8.0, 6.0), 0.93, False),
        ((-20.0, 15.0, 10.0), (-5.0, 9.0, -10.0), 1.06, True),
        ((120.0, 60.0, -90.0), (4.0, 0.0, 3.0), 0.97, False),
    ],
)
def test_known_pose_comes_back(template, labels, degrees, shift, scale, oblique):
    pose = pose_of(degrees, shift, scale)
    scan, head = scan_at(template, labels, pose, oblique)
    transform, quality = _find(scan, head, template, labels, SETTINGS)
    angle, away = _error(transform, pose)
    said = describe(transform, head, head_of(labels, "mr"))
    assert angle < 2.5
    assert away < 0.7
    assert said["scale"] == pytest.approx(scale, abs=0.015)
    assert said["head_dice"] > 0.95
    assert quality["margin"] > 0.05  # no other pose is as alike


def test_ultrasound_is_laid_where_the_network_places_it(monkeypatch, template, labels):
    pose = pose_of((100.0, -70.0, 40.0), (6.0, 4.0, -5.0), 0.9)
    scan, _ = scan_at(template, labels, pose)
    head = sitk.Resample(head_of(labels, "us"), scan, pose, sitk.sitkNearestNeighbor, 0)
    atlas_mm, atlas_mm3 = middle(head_of(labels, "us"))
    placement = Placement(
        upright_rotation(labels) @ geometry.matrix(pose) / 0.9,
        np.array(pose.GetInverse().TransformPoint(atlas_mm.tolist())),
        ball_radius_mm(atlas_mm3) / 0.9,
    )
    for confidence in (0.9, 0.1):
        location = Location(placement, confidence, agreement=0.5, spread_deg=3.0, midline=0.2)
        monkeypatch.setattr("ssus2mri.pose.locate.locate", lambda *_, seen=location: seen)
        transform, quality = align_3d(
            scan, head, template, labels, modality="us", transform=None, settings=SETTINGS
        )
        assert max(_error(transform, pose)) < 1e-3
        assert quality["method"] == "network"
        assert quality["confidence"] == confidence
        assert quality["uncertain"] is (confidence < SETTINGS.min_confidence)


def test_rigid_does_not_scale(template, labels):
    pose = pose_of((5.0, 0.0, 0.0), scale=1.05)
    scan, head = scan_at(template, labels, pose)
    settings = SETTINGS.model_copy(update={"transform": "rigid"})
    transform, _ = _find(scan, head, template, labels, settings)
    assert describe(transform, head, head)["scale"] == pytest.approx(1.0, abs=1e-9)
    assert _error(transform, pose)[0] < 1.5


@pytest.fixture
def files(tmp_path: Path, template, labels):
    """Writes a scan at a pose and the template, as the stages before do; runs `align`."""
    names = {"template": template, "template_labels": labels}
    for name, image in names.items():
        volume.write(image, tmp_path / f"{name}.nii.gz")

    def run(
        scan: sitk.Image, head: sitk.Image, transform: Path | None = None, plane: str = ""
    ) -> Path:
        volume.write(scan, tmp_path / "scan.nii.gz")
        volume.write(head, tmp_path / "mask.nii.gz")
        out = tmp_path / "out" / "v1.nii.gz"
        run_align(
            tmp_path / "scan.nii.gz",
            mask=tmp_path / "mask.nii.gz",
            **{name: tmp_path / f"{name}.nii.gz" for name in names},
            row=AlignRow(modality="us" if plane else "mr", ga_weeks=23.0, plane=plane),
            transform=transform,
            out=out,
            settings=SETTINGS,
        )
        return out

    return run


def test_landmark_keeps_its_place_and_files_appear(files, template, labels):
    pose = pose_of((10.0, -12.0, 8.0), (6.0, 4.0, -5.0))
    scan, head = scan_at(template, labels, pose, oblique=True)
    place = np.array(scan.TransformIndexToPhysicalPoint((35, 22, 31)))
    scan[35, 22, 31] = 1e5
    out = files(scan, head)
    aligned = volume.read(out)
    assert aligned.GetSize() == template.GetSize()
    assert aligned.GetPixelID() == sitk.sitkFloat32
    transform = geometry.read_transform(out.with_name("v1.tfm"))
    brightest = np.unravel_index(sitk.GetArrayFromImage(aligned).argmax(), [SIZE] * 3)
    place_mm = aligned.TransformIndexToPhysicalPoint([int(i) for i in brightest[::-1]])
    assert np.linalg.norm(np.array(transform.TransformPoint(place.tolist())) - place_mm) < SPACING
    quality = json.loads(out.with_name("v1.json").read_text())
    assert set(quality) == {
        "method", "confidence", "uncertain", "similarity",
        "agreement_deg", "agreement_mm", "agreeing", "margin",
        "scale", "rotation_deg", "shift_mm", "head_dice",
    }  # fmt: skip
    assert quality["method"] == "search"
    assert out.with_name("v1.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_same_input_same_bytes(files, template, labels):
    scan, head = scan_at(template, labels, pose_of((10.0, 0.0, 8.0)))
    out = files(scan, head)
    written = [out.with_name(f"v1{ending}") for ending in FILES]
    first = [path.read_bytes() for path in written]
    files(scan, head)
    assert [path.read_bytes() for path in written] == first


def test_given_transform_is_used_as_it_is(files, tmp_path, template, labels):
    pose = sitk.AffineTransform(3)
    pose.SetMatrix([1.02, 0.05, 0.0, 0.0, 0.98, 0.0, 0.1, 0.0, 1.0])
    pose.SetTranslation((3.0, -2.0, 1.0))
    geometry.write_transform(pose, tmp_path / "given.tfm")
    scan, head = scan_at(template, labels, pose)
    out = files(scan, head, tmp_path / "given.tfm")
    written = geometry.read_transform(out.with_name("v1.tfm"))
    for point in [(0.0, 0.0, 0.0), (10.0, 20.0, -30.0)]:
        assert written.TransformPoint(point) == pytest.approx(pose.TransformPoint(point))
    quality = json.loads(out.with_name("v1.json").read_text())
    assert quality["method"] == "given"
    assert quality["confidence"] == 1.0
    assert quality["uncertain"] is False
    assert quality["similarity"] > 0.6
    expected = sitk.GetArrayFromImage(geometry.resample(scan, template, pose))
    assert np.allclose(sitk.GetArrayFromImage(volume.read(out)), expected, atol=1e-2)


def test_plane_is_put_on_an_axial_slice(files, tmp_path, template, labels):
    pose = sitk.Similarity2DTransform()
    pose.SetAngle(np.radians(30.0))
    pose.SetTranslation((4.0, -3.0))
    level = 22
    scan, head = (
        sitk.Resample(image[:, :, level], 2 * [SIZE + 12], pose, sitk.sitkLinear, (-60.0, -60.0),
                      (SPACING, SPACING))
        for image in (template, sitk.Cast(labels > 0, sitk.sitkFloat32))
    )  # fmt: skip
    head = head > 0.5
    for transform in (None, tmp_path / "given.tfm"):
        if transform:
            geometry.write_transform(pose, transform)
        out = files(scan, head, transform, plane="axial")
        aligned = sitk.ReadImage(str(out))
        assert aligned.GetSize() == (SIZE, SIZE)
        assert aligned.GetOrigin() == pytest.approx(template.GetOrigin()[:2])
        quality = json.loads(out.with_name("v1.json").read_text())
        assert quality["method"] == ("given" if transform else "ellipse")
        assert 0 <= quality["index"] < SIZE
        assert quality["head_dice"] > 0.9
        assert quality["rotation_deg"] == pytest.approx(30.0, abs=3.0)
    written = geometry.read_transform(out.with_name("v1.tfm"), 2)
    assert written.TransformPoint((5.0, 7.0)) == pytest.approx(pose.TransformPoint((5.0, 7.0)))


def test_bad_transform_leaves_nothing_behind(files, tmp_path, template, labels):
    (tmp_path / "bad.tfm").write_text("no transform")
    scan, head = scan_at(template, labels, pose_of((0.0, 0.0, 0.0)))
    with pytest.raises(InputError, match=r"bad\.tfm"):
        files(scan, head, tmp_path / "bad.tfm")
    assert not (tmp_path / "out").exists()


def test_head_too_small_to_compare(files, template, labels):
    scan, head = scan_at(template, labels, pose_of((0.0, 0.0, 0.0)))
    tiny = head * 0
    tiny[30:33, 30:33, 30:33] = 1
    with pytest.raises(InputError, match="deep"):
        files(scan, tiny)


def test_describe_measures_the_transform(labels):
    head = labels > 0
    said = describe(pose_of((0.0, 20.0, 0.0), (3.0, 0.0, 4.0), 1.1), head, head)
    assert said["scale"] == pytest.approx(1.1, abs=1e-3)
    assert said["rotation_deg"] == pytest.approx(20.0, abs=1e-2)
    assert said["shift_mm"] == pytest.approx(5.0, abs=0.2)
    assert describe(pose_of((0.0, 0.0, 0.0)), head, head)["head_dice"] == 1.0
