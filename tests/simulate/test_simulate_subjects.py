"""What makes one subject differ from the next, and what lies around it."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import label_anatomy, label_atlas, small_settings
from scipy import ndimage

from ssus2mri.errors import InputError
from ssus2mri.growth import head_circumference_mm
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import Anatomy, built_in, head_mask
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.cohort import settings_of, simulate
from ssus2mri.simulate.deformation import (
    Deformation,
    mirrored,
    random_deformation,
    random_size,
)
from ssus2mri.simulate.pose import generator, lattice, random_pose
from ssus2mri.simulate.surroundings import surround
from ssus2mri.tissues import INTRACRANIAL, Tissue

SETTINGS = small_settings()
AROUND = (Tissue.AMNIOTIC_FLUID, Tissue.UTERINE_WALL)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return built_in(23, SETTINGS.anatomy)


@pytest.fixture(scope="module")
def atlas() -> Anatomy:
    return label_anatomy()


def deformation(seed: int, **changes: float) -> Deformation:
    settings = SETTINGS.anatomy.model_copy(update=changes)
    return random_deformation(generator(0, "subject", str(seed)), settings, size=1.0)


def determinants(points: np.ndarray) -> tuple[float, float]:
    """Least and greatest determinant of one-sided differences, forwards and backwards."""
    determinants = []
    for part in (slice(1, None), slice(None, -1)):
        rows = []
        for axis in (3, 2, 1):
            change = np.diff(points, axis=axis)
            other = [part if a != axis else slice(None) for a in (1, 2, 3)]
            rows.append(change[(slice(None), *other)])
        determinants.append(np.linalg.det(np.moveaxis(np.stack(rows), (0, 1), (-2, -1))))
    return min(d.min() for d in determinants), max(d.max() for d in determinants)


def test_map_from_image_to_anatomy_is_invertible_for_every_subject():
    grid = np.float32(2.0)
    for seed in range(8):
        to_head = random_pose(generator(0, "v", str(seed)), rotation_deg=30, shift_mm=15).to_head
        own = deformation(seed)

        def to_canonical(index, to_head=to_head, own=own):
            return own.to_canonical(to_head(grid * index[::-1] - 48))

        least, most = determinants(lattice(to_canonical, (49, 49, 49)) / grid)
        assert 0.2 < least < most < 4


def test_larger_deformation_is_invertible_too():
    to_canonical = deformation(0, deformation_mm=5.0, detail_mm=2.0).to_canonical
    points = lattice(lambda index: to_canonical(2 * index[::-1] - 64), (65, 65, 65), step=1)
    assert determinants(points / 2)[0] > 0


def test_parts_of_the_deformation_are_as_large_and_symmetric_as_asked():
    none = {"deformation_mm": 0.0, "asymmetry_mm": 0.0, "detail_mm": 0.0}
    for name, sign in (("deformation_mm", 1), ("asymmetry_mm", -1)):
        fields = [deformation(s, **none | {name: 0.5}).displacement_mm for s in range(6)]
        # The mirrored lattice touches itself where it wraps, so its border is left out.
        inner = (slice(None), *[slice(4, -4)] * 3)
        if sign > 0:
            assert all(np.allclose(f, mirrored(f), atol=1e-3) for f in fields)
        else:
            # To first order; the exponential mixes the two.
            assert all(np.abs(f + mirrored(f))[inner].max() < 0.3 for f in fields)
        assert np.std([f[inner] for f in fields]) == pytest.approx(0.5, rel=0.15)
    assert not deformation(0, **none).displacement_mm.any()


def test_sizes_and_skulls_vary_as_set():
    settings = SETTINGS.anatomy.model_copy(
        update={"size_variation": 0.04, "aspect_variation": 0.02}
    )
    logs = np.log([random_size(generator(0, str(s)), settings) for s in range(300)])
    assert logs.mean() == pytest.approx(0, abs=0.01)
    assert logs.mean(1).std() == pytest.approx(np.hypot(0.04, 0.02 / np.sqrt(3)), rel=0.1)
    assert (logs[:, 0] - logs[:, 1]).std() == pytest.approx(0.02 * np.sqrt(2), rel=0.1)
    skulls = [settings_of(str(s), SETTINGS).anatomy.skull_mm for s in range(200)]
    assert np.std(np.log(skulls)) == pytest.approx(SETTINGS.anatomy.skull_variation, rel=0.15)
    assert skulls[0] == settings_of("0", SETTINGS).anatomy.skull_mm


def test_fluid_then_uterus_lie_around_the_head(anatomy):
    constant = SETTINGS.anatomy.model_copy(update={"fluid_variation": 0.0})
    around = surround(anatomy, generator(0, "s"), constant)
    labels = around.array
    assert not (labels == Tissue.BACKGROUND).any()
    fetus = ~np.isin(labels, AROUND)
    away = ndimage.distance_transform_edt(~fetus, around.spacing_zyx)
    fluid, wall = (labels == tissue for tissue in AROUND)
    voxel = float(around.spacing_zyx.mean())
    assert away[fluid].max() == pytest.approx(constant.fluid_mm, abs=1.5 * voxel)
    assert away[wall].min() == pytest.approx(constant.fluid_mm, abs=1.5 * voxel)
    # The head lies where it lay.
    first, second = (
        np.argwhere(head_mask(a.array)).mean(0) @ np.diag(a.spacing_zyx)
        + a.labels.GetOrigin()[::-1]
        for a in (anatomy, around)
    )
    assert first == pytest.approx(second, abs=1e-6)


def test_gap_is_each_subjects_own_and_the_wall_touches_some_heads(anatomy):
    volumes = []
    touching = 0
    for name in "abcdefgh":
        labels = surround(anatomy, generator(0, name), SETTINGS.anatomy).array
        volumes.append((labels == Tissue.AMNIOTIC_FLUID).sum())
        scalp = ndimage.binary_dilation(labels == Tissue.SCALP)
        touching += bool((scalp & (labels == Tissue.UTERINE_WALL)).any())
    assert np.std(np.log(volumes)) > 0.2
    assert touching >= 2


def test_label_atlas_gets_all_that_it_lacks(atlas):
    labels = atlas.array
    # The phantom's middle: origin plus half the extent along the reversed axes.
    assert atlas.centre_mm == pytest.approx([33 - 30.5, 34 - 37.5, -21 + 31.5], abs=0.5)
    added = {
        *(Tissue.SKULL, Tissue.SUTURE, Tissue.SCALP, Tissue.SOFT_TISSUE, Tissue.MIDLINE),
        *(Tissue.CAVUM, Tissue.CHOROID_PLEXUS, Tissue.GERMINAL_MATRIX),
    }
    assert set(np.unique(labels)) == {*range(9), *added}
    # Bone or membrane lies between brain and scalp on all sides; only the cord passes.
    brain = np.isin(labels, INTRACRANIAL) & (labels != Tissue.BRAINSTEM)
    outside = ~head_mask(labels)
    assert not (ndimage.binary_dilation(brain) & outside).any()
    bone = np.isin(labels, (Tissue.SKULL, Tissue.SUTURE))
    middle = bone[labels.shape[0] // 2, labels.shape[1] // 2]
    assert middle.sum() == pytest.approx(2 * SETTINGS.anatomy.skull_mm, abs=2)
    both = [(labels == Tissue.CHOROID_PLEXUS)[:, :, half].sum() for half in _halves(labels)]
    assert both[0] == pytest.approx(both[1], rel=0.2)


def _halves(labels: np.ndarray) -> tuple[slice, slice]:
    return slice(0, labels.shape[2] // 2), slice(labels.shape[2] // 2, None)


def test_thicker_skull_is_thicker(tmp_path: Path):
    path = tmp_path / "labels.nii.gz"
    label_atlas(path)
    thick = SETTINGS.anatomy.model_copy(update={"skull_mm": 4.0})
    for make in (lambda s: from_labels(path, s), lambda s: built_in(23, s)):
        thin_bone, thick_bone = (
            np.isin(make(s).array, (Tissue.SKULL, Tissue.SUTURE)).sum()
            for s in (SETTINGS.anatomy, thick)
        )
        assert thick_bone > 1.4 * thin_bone


def test_label_atlas_without_a_tissue_is_refused(tmp_path: Path):
    path = tmp_path / "labels.nii.gz"
    image = sitk.Image(20, 20, 20, sitk.sitkUInt8)
    image[5:10, 5:10, 5:10] = 1
    sitk.WriteImage(image, str(path))
    with pytest.raises(InputError, match="no ventricles, deep_grey"):
        from_labels(path, SETTINGS.anatomy)


def test_subject_of_a_label_atlas_has_the_size_of_its_own_age(atlas):
    same = {"deformation_mm": 0.0, "asymmetry_mm": 0.0, "detail_mm": 0.0}
    rigid = SETTINGS.anatomy.model_copy(
        update={**same, "size_variation": 0.0, "aspect_variation": 0.0}
    )
    settings = SETTINGS.model_copy(update={"anatomy": rigid})
    for ga_weeks in (20.0, 25.0):
        scan = simulate(
            "v", subject="s", modality="mr", ga_weeks=ga_weeks, anatomy=atlas, settings=settings
        )
        expected = head_circumference_mm(ga_weeks)
        scale = sitk.Similarity3DTransform(scan.pose).GetScale()
        assert biometry.head_circumference_mm(atlas) / scale == pytest.approx(expected, rel=0.01)


def _digest(volume: str) -> tuple[bytes, ...]:
    settings = small_settings(32)
    coarse = settings.anatomy.model_copy(update={"spacing_mm": 2.0})
    anatomy = built_in(
        23, settings_of("a", settings.model_copy(update={"anatomy": coarse})).anatomy
    )
    scan = simulate(
        volume,
        subject="a",
        modality=volume[:2],
        ga_weeks=23,
        anatomy=anatomy,
        settings=settings,
    )
    return tuple(
        sitk.GetArrayViewFromImage(image).tobytes()
        for image in (scan.image, scan.labels, scan.truth)
    )


def test_one_seed_gives_one_cohort_whatever_the_number_of_cores():
    names = ["us-1", "mr-1"]
    alone = [_digest(name) for name in names]
    with ProcessPoolExecutor(2) as pool:
        together = list(pool.map(_digest, reversed(names)))
    assert together[::-1] == alone
    other = _digest("us-2")
    assert all(a != b for a, b in zip(alone[0], other, strict=True))
