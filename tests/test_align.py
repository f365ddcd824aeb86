"""`align`: a known pose comes back, a given one is used, and files say how good it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.pose.locate import Location
from ssus2mri.pose.placement import Placement
from ssus2mri.prepare import contrast, picture, search
from ssus2mri.prepare.align import align_3d, describe, head_of, run_align
from ssus2mri.prepare.similarity import ball_radius_mm, middle, overlay
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.tissues import Tissue

SETTINGS = load_section(AlignSettings, "config/config.yaml", "align").model_copy(
    update={"coarse_mm": 4.0, "fine_mm": 2.5, "starts": 6, "steps": 40}
)
SIZE, SPACING = 48, 2.0
FILES = (".nii.gz", ".tfm", ".json", ".png")


@pytest.fixture(scope="module")
def labels() -> sitk.Image:
    """A head without any symmetry but left-right: skull, brain, ventricles, cerebellum, thalami."""
    grid = geometry.grid(SIZE, SPACING, (0.0, 0.0, 0.0))
    z, y, x = (np.indices([SIZE] * 3) - (SIZE - 1) / 2) * SPACING
    out = np.zeros([SIZE] * 3, np.uint8)
    out[_ball(x, y, z, (0, 0, 0), (29, 36, 28))] = Tissue.SKULL
    out[_ball(x, y, z, (0, 0, 0), (26, 33, 25))] = Tissue.WHITE_MATTER
    for side in (-1, 1):
        out[_ball(x, y, z, (side * 9, 4, 6), (4, 16, 5))] = Tissue.VENTRICLES
        out[_ball(x, y, z, (side * 6, 2, -5), (5, 7, 5))] = Tissue.DEEP_GREY
    out[_ball(x, y, z, (0, 20, -13), (14, 7, 7))] = Tissue.CEREBELLUM
    return geometry.from_array(out, grid)


@pytest.fixture(scope="module")
def template(labels: sitk.Image) -> sitk.Image:
    echo = np.zeros(16)
    tissues = [Tissue.SKULL, Tissue.WHITE_MATTER, Tissue.VENTRICLES]
    echo[tissues] = 200.0, 60.0, 20.0
    echo[[Tissue.DEEP_GREY, Tissue.CEREBELLUM]] = 40.0, 130.0
    folds = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=[SIZE] * 3), 2.0)
    values = echo[sitk.GetArrayFromImage(labels)] * (1 + 0.3 * folds / folds.std())
    values = ndimage.gaussian_filter(values, 0.7)
    return geometry.from_array(values.astype(np.float32), labels)


def _ball(x, y, z, center, radii):
    return sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), center, radii, strict=True)) <= 1


def _pose(degrees: tuple[float, float, float], shift=(0.0, 0.0, 0.0), scale=1.0):
    transform = sitk.Similarity3DTransform()
    turn = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    transform.SetMatrix((scale * turn).ravel().tolist(), 1e-8)
    transform.SetTranslation(shift)
    return transform


def _scan(template: sitk.Image, labels: sitk.Image, pose: sitk.Transform, oblique: bool = False):
    """The template as a scan at a pose (image -> atlas), with speckle; and its brain's mask."""
    grid = geometry.grid(SIZE + 12, SPACING, (0.0, 0.0, 0.0))
    if oblique:
        turn = Rotation.from_rotvec([0.4, -0.3, 0.5]).as_matrix() @ np.diag([-1.0, 1.0, -1.0])
        grid.SetDirection(turn.ravel().tolist())
        middle = (SIZE + 11) / 2 * SPACING
        grid.SetOrigin((-turn @ np.full(3, middle)).tolist())
    image = sitk.Resample(template, grid, pose, sitk.sitkLinear, 0.0)
    speckle = np.random.default_rng(3).rayleigh(0.8, [SIZE + 12] * 3)
    noisy = (sitk.GetArrayFromImage(image) * speckle).astype(np.float32)
    brain = sitk.Resample(head_of(labels, "mr"), grid, pose, sitk.sitkNearestNeighbor, 0)
    return geometry.from_array(noisy, grid), brain


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
    pose = _pose(degrees, shift, scale)
    scan, head = _scan(template, labels, pose, oblique)
    transform, quality = _find(scan, head, template, labels, SETTINGS)
    angle, away = _error(transform, pose)
    said = describe(transform, head, head_of(labels, "mr"))
    assert angle < 2.5
    assert away < 0.7
    assert said["scale"] == pytest.approx(scale, abs=0.015)
    assert said["head_dice"] > 0.95
    assert quality["margin"] > 0.05  # no other pose is as alike


def test_ultrasound_is_laid_where_the_network_places_it(monkeypatch, template, labels):
    pose = _pose((100.0, -70.0, 40.0), (6.0, 4.0, -5.0), 0.9)
    scan, _ = _scan(template, labels, pose)
    head = sitk.Resample(head_of(labels, "us"), scan, pose, sitk.sitkNearestNeighbor, 0)
    atlas_mm, atlas_mm3 = middle(head_of(labels, "us"))
    placement = Placement(
        upright_rotation(labels) @ geometry.matrix(pose) / 0.9,
        np.array(pose.GetInverse().TransformPoint(atlas_mm.tolist())),
        ball_radius_mm(atlas_mm3) / 0.9,
    )
    for confidence in (0.9, 0.1):
        location = Location(placement, confidence, agreement=0.5, spread_deg=3.0)
        monkeypatch.setattr("ssus2mri.pose.locate.locate", lambda *_, seen=location: seen)
        transform, quality = align_3d(
            scan, head, template, labels, modality="us", transform=None, settings=SETTINGS
        )
        assert max(_error(transform, pose)) < 1e-3
        assert quality["method"] == "network"
        assert quality["confidence"] == confidence
        assert quality["uncertain"] is (confidence < SETTINGS.min_confidence)


def test_rigid_does_not_scale(template, labels):
    pose = _pose((5.0, 0.0, 0.0), scale=1.05)
    scan, head = _scan(template, labels, pose)
    settings = SETTINGS.model_copy(update={"transform": "rigid"})
    transform, _ = _find(scan, head, template, labels, settings)
    assert describe(transform, head, head)["scale"] == pytest.approx(1.0, abs=1e-9)
    assert _error(transform, pose)[0] < 1.5


def test_refine_comes_back(template, labels):
    head = labels > 0
    compared = contrast.features(template, head, 3.0, modality="us", settings=SETTINGS)
    start = overlay(head, head, SETTINGS)
    off = start.moved(start.parameters + np.array([2.0, -1.0, 3.0, 1.0, 2.0, -1.0, 1.0]))
    up, top = search.refine(compared, compared, off, 0.0, SETTINGS)
    assert top > 0.999
    assert np.abs(up.parameters).max() < 0.1


def test_features_ignore_gain(template, labels):
    louder = sitk.Cast(template * 7.0 + 40.0, sitk.sitkFloat32)
    one, other = (
        contrast.features(image, labels > 0, 3.0, modality="us", settings=SETTINGS)
        for image in (template, louder)
    )
    assert np.allclose(one.values, other.values, atol=1e-3)


def test_rotations_fill_the_ball():
    vectors = np.degrees(search.rotations(45.0, 12.0))
    assert np.linalg.norm(vectors, axis=1).max() <= 45.0
    assert (vectors == 0).all(axis=1).sum() == 1
    probes = np.random.default_rng(0).normal(size=(50, 3))
    probes *= 30.0 / np.linalg.norm(probes, axis=1, keepdims=True)
    nearest = np.linalg.norm(probes[:, None] - vectors, axis=2).min(axis=1)
    assert nearest.max() <= 12.0 * np.sqrt(3) / 2


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
            modality="us" if plane else "mr",
            ga_weeks=23.0,
            plane=plane,
            transform=transform,
            out=out,
            settings=SETTINGS,
        )
        return out

    return run


def test_landmark_keeps_its_place_and_files_appear(files, template, labels):
    pose = _pose((10.0, -12.0, 8.0), (6.0, 4.0, -5.0))
    scan, head = _scan(template, labels, pose, oblique=True)
    place = np.array(scan.TransformIndexToPhysicalPoint((35, 22, 31)))
    scan[35, 22, 31] = 1e5
    out = files(scan, head)
    aligned = volume.read(out)
    assert aligned.GetSize() == template.GetSize()
    assert aligned.GetPixelID() == sitk.sitkFloat32
    transform = geometry.read_transform(out.with_name("v1.tfm"))
    brightest = np.unravel_index(sitk.GetArrayFromImage(aligned).argmax(), [SIZE] * 3)
    found = aligned.TransformIndexToPhysicalPoint([int(i) for i in brightest[::-1]])
    assert np.linalg.norm(np.array(transform.TransformPoint(place.tolist())) - found) < SPACING
    quality = json.loads(out.with_name("v1.json").read_text())
    assert set(quality) == {
        "method", "confidence", "uncertain", "similarity",
        "agreement_deg", "agreement_mm", "agreeing", "margin",
        "scale", "rotation_deg", "shift_mm", "head_dice",
    }  # fmt: skip
    assert quality["method"] == "search"
    assert out.with_name("v1.png").read_bytes().startswith(b"\x89PNG")


def test_same_input_same_bytes(files, template, labels):
    scan, head = _scan(template, labels, _pose((10.0, 0.0, 8.0)))
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
    scan, head = _scan(template, labels, pose)
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
    for given in (None, tmp_path / "given.tfm"):
        if given:
            geometry.write_transform(pose, given)
        out = files(scan, head, given, plane="axial")
        aligned = sitk.ReadImage(str(out))
        assert aligned.GetSize() == (SIZE, SIZE)
        assert aligned.GetOrigin() == pytest.approx(template.GetOrigin()[:2])
        quality = json.loads(out.with_name("v1.json").read_text())
        assert quality["method"] == ("given" if given else "ellipse")
        assert 0 <= quality["index"] < SIZE
        assert quality["head_dice"] > 0.9
        assert quality["rotation_deg"] == pytest.approx(30.0, abs=3.0)
    written = geometry.read_transform(out.with_name("v1.tfm"), 2)
    assert written.TransformPoint((5.0, 7.0)) == pytest.approx(pose.TransformPoint((5.0, 7.0)))


def test_bad_transform_leaves_nothing_behind(files, tmp_path, template, labels):
    (tmp_path / "bad.tfm").write_text("no transform")
    scan, head = _scan(template, labels, _pose((0.0, 0.0, 0.0)))
    with pytest.raises(InputError, match=r"bad\.tfm"):
        files(scan, head, tmp_path / "bad.tfm")
    assert not (tmp_path / "out").exists()


def test_head_too_small_to_compare(files, template, labels):
    scan, head = _scan(template, labels, _pose((0.0, 0.0, 0.0)))
    tiny = head * 0
    tiny[30:33, 30:33, 30:33] = 1
    with pytest.raises(InputError, match="deep"):
        files(scan, tiny)


def test_describe_measures_the_transform(labels):
    head = labels > 0
    said = describe(_pose((0.0, 20.0, 0.0), (3.0, 0.0, 4.0), 1.1), head, head)
    assert said["scale"] == pytest.approx(1.1, abs=1e-3)
    assert said["rotation_deg"] == pytest.approx(20.0, abs=1e-2)
    assert said["shift_mm"] == pytest.approx(5.0, abs=0.2)
    assert describe(_pose((0.0, 0.0, 0.0)), head, head)["head_dice"] == 1.0


def test_picture_shows_the_image_and_the_outlines_where_they_are():
    tissues = np.zeros((60, 40), int)
    tissues[20:40, 10:30] = Tissue.WHITE_MATTER
    image = np.where(tissues > 0, 5.0, 1.0)
    image[0] = 0
    page = np.array(picture.draw([picture.Panel("plane", image, tissues, "AP")], "us-1: good"))
    skull = (page == (0x40, 0xC8, 0xFF)).all(axis=2)  # the outline of the brain is drawn last
    rows, columns = np.nonzero(skull[picture.TOP_PX : picture.TOP_PX + picture.PANEL_PX])
    middle = page.shape[1] // 2
    assert [rows.min(), rows.max()] == pytest.approx([100, 199], abs=2)
    assert [columns.min() - middle, columns.max() - middle] == pytest.approx([-50, 49], abs=2)
    centre = page[picture.TOP_PX + 150, middle]
    assert centre.tolist() == [255, 255, 255]


def test_picture_is_upright(labels):
    image = sitk.GetArrayFromImage(labels).astype(float)
    axial, coronal, sagittal = picture.panels(image, sitk.GetArrayFromImage(labels))
    assert (axial.sides, coronal.sides, sagittal.sides) == ("APRL", "SIRL", "SIAP")
    rows, columns = np.nonzero(sagittal.labels == Tissue.CEREBELLUM)
    assert rows.mean() > SIZE / 2  # inferior is down
    assert columns.mean() > SIZE / 2  # posterior is right
