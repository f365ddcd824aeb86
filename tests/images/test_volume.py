"""Geometry survives every format, and what would be wrong in silence is refused."""

from pathlib import Path

import nibabel
import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from conftest import brightest_point
from phantom_images import BAD

from ssus2mri.errors import InputError
from ssus2mri.images import volume


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_landmark_keeps_its_place_in_every_format(
    tmp_path: Path, oblique: sitk.Image, ending: str
) -> None:
    sitk.WriteImage(oblique, str(tmp_path / f"scan{ending}"))
    image = volume.read(tmp_path / f"scan{ending}")
    assert image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_allclose(brightest_point(image), brightest_point(oblique), atol=1e-3)
    assert sitk.GetArrayViewFromImage(image).max() == 4000


def test_nifti_agrees_with_an_independent_reader(tmp_path: Path, oblique: sitk.Image) -> None:
    volume.write(oblique, tmp_path / "scan.nii.gz")
    witness = nibabel.load(tmp_path / "scan.nii.gz")
    voxel = np.unravel_index(int(np.argmax(witness.get_fdata())), witness.shape)
    ras = witness.affine @ [*voxel, 1]
    lps = ras[:3] * [-1, -1, 1]
    np.testing.assert_allclose(
        brightest_point(volume.read(tmp_path / "scan.nii.gz")), lps, atol=1e-3
    )


def test_dicom_series(tmp_path: Path, oblique: sitk.Image) -> None:
    phantom.series(tmp_path / "series", oblique)
    image = volume.read(tmp_path / "series")
    assert image.GetSize() == oblique.GetSize()
    np.testing.assert_allclose(brightest_point(image), brightest_point(oblique), atol=1e-2)


@pytest.mark.parametrize("how", BAD)
def test_bad_image_is_named_and_explained(tmp_path: Path, how: str) -> None:
    name, write, match = BAD[how]
    path = write(tmp_path / name)
    with pytest.raises(InputError, match=match) as error:
        volume.read(path)
    assert str(path) in str(error.value)
    assert "expected" in str(error.value)


def test_mask_on_another_grid(tmp_path: Path, oblique: sitk.Image) -> None:
    mask = sitk.Cast(oblique > 100, sitk.sitkUInt8)
    mask.SetOrigin((0.0, 0.0, 0.0))
    volume.write(mask, tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match="origin"):
        volume.read_mask(tmp_path / "mask.nii.gz", oblique)
    volume.write(mask[:-1, :, :], tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match="grid"):
        volume.read_mask(tmp_path / "mask.nii.gz", oblique)


def test_unknown_label(tmp_path: Path, oblique: sitk.Image) -> None:
    volume.write(oblique, tmp_path / "labels.nii.gz")
    with pytest.raises(InputError, match="labels out of 0 to 8"):
        volume.read_labels(tmp_path / "labels.nii.gz", tuple(range(9)))
