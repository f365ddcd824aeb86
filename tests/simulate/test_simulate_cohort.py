from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import label_atlas, small_settings

from ssus2mri.config.prepare import AtlasSettings, ViewSettings
from ssus2mri.config.rows import SimulateRow
from ssus2mri.errors import InputError
from ssus2mri.images import geometry
from ssus2mri.simulate.anatomy import Anatomy, built_in, head_mask
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.cohort import Simulated, run_simulate, simulate
from ssus2mri.simulate.mri import intracranial
from ssus2mri.simulate.template import run_template
from ssus2mri.simulate.view import run_view
from ssus2mri.tissues import Tissue

SETTINGS = small_settings()
ATLAS = AtlasSettings(volume="built-in", ga_weeks=23, size=64, spacing_mm=1.5)
FILES = ("{}.nii.gz", "{}_labels.nii.gz", "{}_truth.nii.gz", "{}_pose.tfm")


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return built_in(23, SETTINGS.anatomy)


@pytest.fixture(scope="module")
def us(anatomy: Anatomy) -> Simulated:
    return simulate(
        "a-us", subject="a", modality="us", ga_weeks=23, anatomy=anatomy, settings=SETTINGS
    )


@pytest.fixture(scope="module")
def mr(anatomy: Anatomy) -> Simulated:
    return simulate(
        "a-mr", subject="a", modality="mr", ga_weeks=23, anatomy=anatomy, settings=SETTINGS
    )


def _arrays(scan: Simulated) -> tuple[np.ndarray, ...]:
    return tuple(sitk.GetArrayFromImage(i) for i in (scan.image, scan.labels, scan.truth))


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_both_scans_of_a_subject_show_one_anatomy(us, mr, anatomy):
    grid = geometry.grid(48, 2.0, (0.0, 0.0, 0.0))
    first, second = (
        sitk.GetArrayFromImage(geometry.resample(scan.labels, grid, scan.pose, nearest=True))
        for scan in (us, mr)
    )
    assert _dice(head_mask(first), head_mask(second)) > 0.95
    both = [sitk.GetArrayFromImage(geometry.resample(s.truth, grid, s.pose)) for s in (us, mr)]
    inside = (both[0] > 0) & (both[1] > 0)
    assert np.corrcoef(both[0][inside], both[1][inside])[0, 1] > 0.9
    stranger = simulate(
        "z-us", subject="z", modality="us", ga_weeks=23, anatomy=anatomy, settings=SETTINGS
    )
    strange = geometry.resample(stranger.labels, grid, stranger.pose, nearest=True)
    third = sitk.GetArrayFromImage(strange)
    masks = [head_mask(array) for array in (first, second, third)]
    assert _dice(masks[0], masks[2]) < _dice(masks[0], masks[1])


def test_landmark_lands_where_the_pose_says(anatomy):
    planted = anatomy.array.copy()
    index = anatomy.labels.TransformPhysicalPointToIndex((15.0, -12.0, 12.0))
    i, j, k = index
    planted[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3] = Tissue.BLEED
    marked = Anatomy(geometry.from_array(planted, anatomy.labels), anatomy.centre_mm)
    rigid = SETTINGS.anatomy.model_copy(
        update=dict.fromkeys(
            ("deformation_mm", "asymmetry_mm", "detail_mm", "size_variation", "aspect_variation"),
            0.0,
        )
    )
    settings = SETTINGS.model_copy(update={"anatomy": rigid})
    scan = simulate("m", subject="m", modality="us", ga_weeks=23, anatomy=marked, settings=settings)
    bleed = np.argwhere(sitk.GetArrayViewFromImage(scan.labels) == Tissue.BLEED)
    point = scan.labels.TransformContinuousIndexToPhysicalPoint(bleed.mean(0)[::-1].tolist())
    target = anatomy.labels.TransformIndexToPhysicalPoint(index)
    assert np.linalg.norm(np.subtract(scan.pose.TransformPoint(point), target)) < 0.6


def test_truth_and_mr_are_intracranial(mr):
    image, labels, truth = _arrays(mr)
    inside = intracranial(labels)
    assert np.array_equal(truth > 0, inside)
    assert np.array_equal(image > 0, inside)
    assert np.isfinite(image).all()
    assert 0.9 < image[inside].mean() / truth[inside].mean() < 1.1
    assert np.std((image - truth)[inside]) > 20


def test_ultrasound_looks_like_one(us):
    image, labels, _ = _arrays(us)
    assert image.dtype == np.uint8
    brain = image[np.isin(labels, (Tissue.WHITE_MATTER, Tissue.DEEP_GREY))].astype(float)
    skull = image[labels == Tissue.SKULL].astype(float)
    assert np.percentile(skull, 75) > 1.5 * brain.mean()
    assert 0 < brain.mean() < 128
    corners = image[[0, 0, 0, 0, -1, -1, -1, -1], [0, 0, -1, -1] * 2, [0, -1] * 4]
    assert (corners == 0).any()


def test_run_writes_all_files_on_one_grid(tmp_path: Path):
    out = tmp_path / "v.nii.gz"
    run_simulate(
        SimulateRow(volume="v", subject="v", modality="us", ga_weeks=21),
        labels=None,
        pathology=None,
        out=out,
        settings=SETTINGS,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(n.format("v") for n in FILES)
    geometry.read_transform(tmp_path / "v_pose.tfm")
    for name in FILES[:3]:
        image = sitk.ReadImage(str(tmp_path / name.format("v")))
        assert image.GetSize() == (48, 48, 48)
        assert image.GetOrigin() == pytest.approx([-47.0] * 3)


def test_bad_input_leaves_nothing_behind(tmp_path: Path):
    missing = tmp_path / "none.nii.gz"
    out = tmp_path / "results" / "v.nii.gz"
    row = SimulateRow(volume="v", subject="v", modality="us", ga_weeks=23.0)
    with pytest.raises(InputError):
        run_simulate(row, labels=missing, pathology=None, out=out, settings=SETTINGS)
    assert not out.parent.exists()


def test_template_is_the_undeformed_head(tmp_path: Path):
    run_template(ATLAS, SETTINGS, out=tmp_path, labels=None, image=None)
    mr, us, labels, head = (
        sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")) for name in ("mr", "us", "labels", "head")
    )
    arrays = [sitk.GetArrayFromImage(image) for image in (mr, us, labels, head)]
    assert mr.GetOrigin() == pytest.approx([-47.25] * 3)
    assert np.array_equal(arrays[3] > 0, head_mask(arrays[2]))
    middle = np.argwhere(arrays[3]).mean(0)
    assert middle == pytest.approx([31.5] * 3, abs=0.4)
    skull, white = arrays[2] == Tissue.SKULL, arrays[2] == Tissue.WHITE_MATTER
    assert arrays[1][skull].mean() > 2 * arrays[1][white].mean() > 0
    assert not arrays[0][~intracranial(arrays[2])].any()


def test_view_from_a_side_shows_the_head_where_the_template_has_it_and_the_side(tmp_path: Path):
    run_template(ATLAS, SETTINGS, out=tmp_path, labels=None, image=None)
    for side in ("right", "left"):
        out = tmp_path / f"{side}.nii.gz"
        run_view(side, ATLAS, SETTINGS, labels=None, out=out, settings=ViewSettings(scans=2))
    images = [sitk.ReadImage(str(tmp_path / f"{n}.nii.gz")) for n in ("labels", "right", "left")]
    assert len({(image.GetOrigin(), image.GetSpacing(), image.GetSize()) for image in images}) == 1
    labels, right, left = (sitk.GetArrayFromImage(image).astype(float) for image in images)
    skull, white = labels == Tissue.SKULL, labels == Tissue.WHITE_MATTER
    half = ATLAS.size // 2
    for image in (right, left):
        assert image[skull].mean() > 2 * image[white].mean() > 0
    # The atlas is symmetric: what one side shows on its right, the other shows on its left.
    brain = head_mask(labels) & head_mask(labels[:, :, ::-1])
    mirrored = np.corrcoef(right[brain], left[:, :, ::-1][brain])[0, 1]
    assert mirrored > np.corrcoef(right[brain], left[brain])[0, 1] + 0.1
    # The hemisphere nearer to the probe is hidden by reverberation: brighter, and all alike.
    near, far = white[:, :, :half], white[:, :, half:]
    assert right[:, :, :half][near].mean() > right[:, :, half:][far].mean()


def test_there_is_no_view_from_a_side_that_a_head_does_not_have(tmp_path: Path):
    out = tmp_path / "up.nii.gz"
    with pytest.raises(InputError, match=r"expected one of .*right.*; found up"):
        run_view("up", ATLAS, SETTINGS, labels=None, out=out, settings=ViewSettings(scans=1))
    assert not out.exists()


def test_template_refuses_an_image_that_does_not_fit(tmp_path: Path):
    path, far, out = tmp_path / "labels.nii.gz", tmp_path / "far.nii.gz", tmp_path / "template"
    label_atlas(path)
    image = sitk.ReadImage(str(path))
    image.SetOrigin([900.0, 0.0, 0.0])
    sitk.WriteImage(image, str(far))
    with pytest.raises(InputError, match="where the labels lie"):
        run_template(ATLAS, SETTINGS, out=out, labels=path, image=far)
    with pytest.raises(InputError, match="beside its image"):
        run_template(ATLAS, SETTINGS, out=out, labels=None, image=far)
    assert not out.exists()


def test_pose_from_labels_maps_into_the_template_of_the_same_labels(tmp_path: Path):
    path = tmp_path / "labels.nii.gz"
    label_atlas(path)
    run_template(ATLAS, SETTINGS, out=tmp_path / "template", labels=path, image=path)
    template = sitk.ReadImage(str(tmp_path / "template" / "labels.nii.gz"))
    real = sitk.ReadImage(str(tmp_path / "template" / "mr.nii.gz"))
    assert sitk.GetArrayViewFromImage(real).max() <= 8
    centre = template.TransformContinuousIndexToPhysicalPoint([31.5] * 3)
    assert centre == pytest.approx(from_labels(path, SETTINGS.anatomy).centre_mm, abs=1e-3)
    scan = simulate(
        "p",
        subject="p",
        modality="mr",
        ga_weeks=23,
        anatomy=from_labels(path, SETTINGS.anatomy),
        settings=SETTINGS,
    )
    aligned = geometry.resample(scan.labels, template, scan.pose, nearest=True)
    masks = [head_mask(sitk.GetArrayFromImage(image)) for image in (aligned, template)]
    assert _dice(*masks) > 0.93
