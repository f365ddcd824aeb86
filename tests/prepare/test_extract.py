"""Slices of an aligned volume: the right ones, scaled, and where they belong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import configured

from ssus2mri import slices
from ssus2mri.config.prepare import ExtractSettings, IndexRange
from ssus2mri.config.rows import ExtractRow
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.extract import beside, choose, run_extract
from ssus2mri.prepare.intensity import deep, scaled
from ssus2mri.slices import PLANES, Slices
from ssus2mri.tissues import Tissue

SETTINGS = configured(ExtractSettings, "extract")
SIZE = 24
PIXELS = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
HEAD = (PIXELS**2).sum(axis=0) < 9**2


def grid() -> sitk.Image:
    return geometry.grid(SIZE, 2.0, (3.0, -4.0, 10.0))


def intensities() -> np.ndarray:
    """No two voxels alike, and something outside the head too."""
    return np.random.default_rng(0).permutation(SIZE**3).reshape((SIZE,) * 3).astype(np.float32)


def prepare(folder: Path, array: np.ndarray, head: np.ndarray, move: sitk.Transform) -> Path:
    """Files as `crop` and `align` write them, the mask in a space that ``move`` leads out of."""
    own_space = sitk.Resample(
        geometry.from_array(head.astype(np.uint8), grid()),
        grid(),
        move,
        sitk.sitkNearestNeighbor,
    )
    volume.write(own_space, folder / "v_mask.nii.gz")
    volume.write(geometry.from_array(array.astype(np.float32), grid()), folder / "v.nii.gz")
    geometry.write_transform(move, folder / "v.tfm")
    (folder / "v.json").write_text(json.dumps({"method": "given", "uncertain": False}))
    return folder / "v.nii.gz"


def run(image: Path, settings: ExtractSettings = SETTINGS, **changes: Any) -> Slices:
    columns: dict = {"volume": "v", "subject": "s", "modality": "us", "ga_weeks": 23.5}
    columns |= {"split": "val", "pathology": "cyst"}
    files: dict = {"labels": None, "truth": None}
    for name, value in changes.items():
        (files if name in files else columns)[name] = value
    run_extract(
        image,
        row=ExtractRow(**columns),
        mask=image.with_name("v_mask.nii.gz"),
        transform=image.with_name("v.tfm"),
        **files,
        out=image.with_name("v.h5"),
        settings=settings,
    )
    return slices.read(image.with_name("v.h5"))


def shift(*mm: float) -> sitk.TranslationTransform:
    return sitk.TranslationTransform(3, mm)


def test_scaled_by_percentiles_within_the_head() -> None:
    # 0 to 100 within the head: percentiles 1 and 99.5 are 1 and 99.5.
    array = np.concatenate([np.arange(101.0), [1e6, -1e6]])
    inside = np.arange(103) < 101
    unit, low, high = scaled(array, inside, [1.0, 99.5])
    assert (low, high) == (1.0, 99.5)
    assert unit[0] == 0.0
    assert unit[100] == 1.0
    assert unit[50] == pytest.approx(49 / 98.5)
    np.testing.assert_array_equal(unit[101:], 0.0)
    assert unit.dtype == np.float32


def test_slices_are_the_volume(tmp_path: Path) -> None:
    array = intensities()
    result = run(prepare(tmp_path, array, HEAD, shift(0, 0, 0)))
    unit = scaled(array, HEAD, SETTINGS.us_percentiles)[0].astype(np.float16)
    assert {PLANES[p] for p in result.plane} == set(PLANES)
    for k, (plane, index) in enumerate(zip(result.plane, result.index, strict=True)):
        view = {0: unit[index], 1: unit[:, index], 2: unit[:, :, index]}[int(plane)]
        np.testing.assert_array_equal(result.image[k], view)
        assert not result.image[k][~result.head[k]].any()
    order = list(zip(result.plane.tolist(), result.index.tolist(), strict=True))
    assert order == sorted(order)


def test_header(tmp_path: Path) -> None:
    array = intensities()
    header = run(prepare(tmp_path, array, HEAD, shift(0, 0, 0))).header
    low, high = np.percentile(array[HEAD], SETTINGS.us_percentiles)
    assert (header.volume, header.subject, header.modality, header.split) == ("v", "s", "us", "val")
    assert header.pathology == "cyst"
    assert (header.ga_weeks, header.spacing_mm, header.size) == (23.5, 2.0, SIZE)
    assert (header.low, header.high) == pytest.approx((low, high))


def test_an_uncertain_pose_is_marked(tmp_path: Path) -> None:
    image = prepare(tmp_path, intensities(), HEAD, shift(0, 0, 0))
    assert run(image).header.uncertain is False
    (tmp_path / "v.json").write_text(json.dumps({"method": "network", "uncertain": True}))
    assert run(image).header.uncertain is True
    (tmp_path / "v.json").unlink()
    with pytest.raises(InputError, match=r"v\.json.*Run `align` again"):
        run(image)


def test_only_slices_with_enough_head(tmp_path: Path) -> None:
    result = run(prepare(tmp_path, intensities(), HEAD, shift(0, 0, 0)))
    shares = HEAD.mean(axis=(1, 2))
    expected = [k for k in range(SIZE) if shares[k] >= SETTINGS.min_head_fraction]
    for plane in range(3):
        assert result.index[result.plane == plane].tolist() == expected


def test_index_range_of_one_plane() -> None:
    ranges = IndexRange(axial=[0.4, 0.6], coronal=[0.0, 1.0], sagittal=[0.0, 1.0])
    settings = SETTINGS.model_copy(update={"planes": ["axial"], "index_range": ranges})
    # 0.4 and 0.6 of 23: 9.2 and 13.8
    assert choose(HEAD, settings) == [(0, k) for k in (10, 11, 12, 13)]


def test_mask_labels_and_truth_move_with_the_transform(tmp_path: Path) -> None:
    move = shift(4.0, -2.0, 6.0)  # 2, -1 and 3 voxels
    image = prepare(tmp_path, intensities(), HEAD, move)
    tissue = np.where(HEAD, int(Tissue.WHITE_MATTER), 0)
    tissue[11, 14, 9] = Tissue.CAVUM
    true_mr = np.where(HEAD, intensities() + 1, 0)
    for name, array, kind in (("l", tissue, np.uint8), ("t", true_mr, np.float32)):
        stored = geometry.from_array(array.astype(kind), grid())
        own_space = sitk.Resample(stored, grid(), move, sitk.sitkNearestNeighbor)
        volume.write(own_space, tmp_path / f"{name}.nii.gz")
    result = run(image, labels=tmp_path / "l.nii.gz", truth=tmp_path / "t.nii.gz")
    number = np.flatnonzero((result.plane == 0) & (result.index == 11))[0]
    np.testing.assert_array_equal(result.head[number], HEAD[11])
    assert result.labels is not None
    assert result.truth is not None
    np.testing.assert_array_equal(result.labels[number], tissue[11])
    expected = scaled(true_mr, HEAD, SETTINGS.mr_percentiles)[0]
    np.testing.assert_allclose(result.truth[number], expected[11], atol=1e-3)


def test_truth_and_mr_of_one_anatomy_have_the_same_grey_levels(tmp_path: Path) -> None:
    """Both darkest tissues become 0, though the head's rim fades out when it is turned."""
    move = sitk.Euler3DTransform((3.0, -4.0, 10.0), 0.3, -0.2, 0.25, (1.0, 2.5, -0.7))
    own_space = geometry.from_array(
        np.where(HEAD, 1000 + 20 * PIXELS[1], 0).astype(np.float32), grid()
    )
    aligned = sitk.GetArrayFromImage(geometry.resample(own_space, grid(), move))
    volume.write(own_space, tmp_path / "t.nii.gz")
    image = prepare(tmp_path, aligned, HEAD, move)
    volume.write(sitk.Cast(own_space > 0, sitk.sitkUInt8), tmp_path / "v_mask.nii.gz")
    result = run(image, modality="mr", truth=tmp_path / "t.nii.gz")
    assert result.truth is not None
    np.testing.assert_allclose(result.truth[result.head], result.image[result.head], atol=1e-3)
    assert not result.truth[~result.head].any()


def test_landmark(tmp_path: Path) -> None:
    array = np.where(HEAD, 10 + PIXELS[0], 0.0)
    array[14, 9, 12] = 500.0
    image = prepare(tmp_path, array, HEAD, shift(0, 0, 0))
    narrow = SETTINGS.model_copy(update={"us_percentiles": [0.0, 100.0]})
    result = run(image, narrow)
    for plane, index, place in ((0, 14, (9, 12)), (1, 9, (14, 12)), (2, 12, (14, 9))):
        picture = result.image[(result.plane == plane) & (result.index == index)][0]
        assert np.unravel_index(picture.argmax(), picture.shape) == place
        assert picture.max() == 1.0


def test_plane(tmp_path: Path) -> None:
    like = sitk.Image((SIZE, SIZE), sitk.sitkFloat32)
    like.SetSpacing((2.0, 2.0))
    like.SetOrigin((-20.0, 5.0))
    array, head = intensities()[12], HEAD[12]
    volume.write(geometry.from_array(array, like), tmp_path / "v.nii.gz")
    volume.write(geometry.from_array(head.astype(np.uint8), like), tmp_path / "v_mask.nii.gz")
    geometry.write_transform(sitk.Similarity2DTransform(), tmp_path / "v.tfm")
    with pytest.raises(InputError, match=r"v\.json"):
        run(tmp_path / "v.nii.gz", plane="axial")
    (tmp_path / "v.json").write_text(json.dumps({"method": "ellipse", "index": 11}))
    result = run(tmp_path / "v.nii.gz", plane="axial")
    assert (len(result), result.plane.tolist(), result.index.tolist()) == (1, [0], [11])
    unit = scaled(array, head, SETTINGS.us_percentiles)[0]
    np.testing.assert_allclose(result.image[0], unit, atol=1e-3)


@pytest.mark.parametrize("far_mm", [500.0, 33.0], ids=["no head", "no slice"])
def test_nothing_left(tmp_path: Path, far_mm: float) -> None:
    image = prepare(tmp_path, intensities(), HEAD, shift(0, 0, 0))
    geometry.write_transform(shift(far_mm, far_mm, far_mm), tmp_path / "v.tfm")
    with pytest.raises(InputError, match=r"v\.png"):
        run(image, SETTINGS.model_copy(update={"min_head_fraction": 0.5}))
    assert not (tmp_path / "v.h5").exists()


def test_constant_within_the_head(tmp_path: Path) -> None:
    array = np.where(HEAD, 7.0, intensities())
    with pytest.raises(InputError, match="contrast within the head"):
        run(prepare(tmp_path, array, HEAD, shift(0, 0, 0)))


def test_names_with_dots() -> None:
    assert beside(Path("a/us.1_2HC.png.nii.gz"), ".json") == Path("a/us.1_2HC.png.json")


def test_grey_values_count_from_a_depth_below_the_skull(tmp_path: Path) -> None:
    """A bright rim of the head does not change how its inside is scaled."""
    array = intensities()
    bright = np.where(HEAD & ~deep(HEAD, 2.0, 3.0), 50 * array.max(), array)
    settings = SETTINGS.model_copy(update={"us_depth_mm": 3.0})
    result = run(prepare(tmp_path, bright, HEAD, shift(0, 0, 0)), settings=settings)
    low, high = np.percentile(array[deep(HEAD, 2.0, 3.0)], SETTINGS.us_percentiles)
    assert (result.header.low, result.header.high) == pytest.approx((low, high))
    assert result.header.scaling == (tuple(SETTINGS.us_percentiles), 3.0)
    assert result.image.max() == 1
    everything = run(prepare(tmp_path, bright, HEAD, shift(0, 0, 0)))
    assert everything.header.high > high
