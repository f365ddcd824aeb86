"""Transforms, masks and labels beside an image: possible ones, on its grid, or refused."""

from pathlib import Path

import phantom_inputs as phantom
import pytest
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume


@pytest.mark.parametrize(
    ("matrix", "shift", "message"),
    [
        ([-1, 0, 0, 0, 1, 0, 0, 0, 1], 0.0, "mirrored"),
        ([1000, 0, 0, 0, 1000, 0, 0, 0, 1000], 0.0, "lengths times 1e\\+03"),
        ([0.001, 0, 0, 0, 0.001, 0, 0, 0, 0.001], 0.0, "lengths times 0.001"),
        ([1, 0, 0, 0, 1, 0, 0, 0, 1], 50_000.0, "a shift of"),
    ],
)
def test_impossible_transform(
    tmp_path: Path, matrix: list[float], shift: float, message: str
) -> None:
    transform = sitk.AffineTransform([float(v) for v in matrix], (shift, 0.0, 0.0))
    sitk.WriteTransform(transform, str(tmp_path / "t.tfm"))
    with pytest.raises(InputError, match=message):
        geometry.read_transform(tmp_path / "t.tfm")


def test_labels_on_another_grid(tmp_path: Path) -> None:
    labels = sitk.Cast(phantom.scan() > 200, sitk.sitkUInt8)
    labels.SetOrigin((15.0, 5.0, 10.0))
    volume.write(labels, tmp_path / "labels.nii.gz")
    with pytest.raises(InputError, match=r"labels on the image's grid.*mm off"):
        volume.read_labels(tmp_path / "labels.nii.gz", tuple(range(9)), phantom.scan())


def test_transform_that_is_not_all_of_its_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shift = "Transform: TranslationTransform_double_3_3\nParameters: 1 2 3\nFixedParameters:\n"
    (tmp_path / "t.tfm").write_text(f"#Insight Transform File V1.0\n{shift}{shift}")
    with pytest.raises(InputError, match="more than one transform"):
        geometry.read_transform(tmp_path / "t.tfm")
    (tmp_path / "t.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    with pytest.raises(InputError, match=r"t\.h5"):
        geometry.read_transform(tmp_path / "t.h5")
    assert capfd.readouterr().err == ""


def test_a_transform_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    """ITK takes the numbers that are there."""
    path = tmp_path / "t.tfm"
    pose = sitk.Similarity3DTransform(1.25, (0.5, 0.5, 0.5), 0.3, (4.5, 5.5, 6.5), (7.5, 8.5, 9.5))
    sitk.WriteTransform(pose, str(path))
    whole = path.read_bytes()
    assert geometry.read_transform(path).GetParameters() == pose.GetParameters()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"t\.tfm"):
            geometry.read_transform(path)


def test_a_rotation_as_older_programs_write_it(tmp_path: Path) -> None:
    text = "#Insight Transform File V1.0\nTransform: Euler3DTransform_double_3_3\n"
    text += "Parameters: 0.1 0.2 0.3 1 2 3\nFixedParameters: 4 5 6\n"
    (tmp_path / "t.tfm").write_text(text)
    assert geometry.read_transform(tmp_path / "t.tfm").GetFixedParameters()[:3] == (4, 5, 6)


@pytest.mark.parametrize(
    ("voxels", "message"), [(0, "an empty mask"), (1, "1 voxel"), (3, "3 voxel")]
)
def test_mask_that_is_no_head(tmp_path: Path, voxels: int, message: str) -> None:
    mask = sitk.Cast(phantom.scan() > 5000, sitk.sitkUInt8)
    for k in range(voxels):
        mask[4 + k, 5, 6] = 1
    volume.write(mask, tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match=message):
        volume.read_mask(tmp_path / "mask.nii.gz", phantom.scan())
    with pytest.raises(InputError, match=message):
        volume.examine_mask(tmp_path / "mask.nii.gz")
