"""Geometry survives every format, and what would be wrong in silence is refused."""

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from conftest import blob_volume, brightest_point

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


def write_dicom_series(
    folder: Path, image: sitk.Image, uid: str = "1.2.826.0.1.3680043.2.1"
) -> None:
    """Write a volume as a DICOM MR series with its true geometry."""
    folder.mkdir(exist_ok=True)
    array = sitk.GetArrayFromImage(image).astype(np.uint16)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    for k, plane in enumerate(array):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{k + 1}"
        data.SOPClassUID = pydicom.uid.MRImageStorage
        data.SOPInstanceUID = f"{uid}.{k + 1}"
        data.StudyInstanceUID, data.SeriesInstanceUID = f"{uid}.8", f"{uid}.9"
        data.Modality, data.PatientID, data.InstanceNumber = "MR", "phantom", k + 1
        data.Rows, data.Columns = plane.shape
        data.PixelSpacing = [image.GetSpacing()[1], image.GetSpacing()[0]]
        data.SliceThickness = image.GetSpacing()[2]
        data.ImageOrientationPatient = [round(v, 8) for v in (*direction[:, 0], *direction[:, 1])]
        point = image.TransformIndexToPhysicalPoint((0, 0, k))
        data.ImagePositionPatient = [round(v, 6) for v in point]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        data.PixelData = plane.tobytes()
        data.save_as(folder / f"{k:03}.dcm", enforce_file_format=True)


def test_dicom_series(tmp_path: Path, oblique: sitk.Image) -> None:
    write_dicom_series(tmp_path / "series", oblique)
    image = volume.read(tmp_path / "series")
    assert image.GetSize() == oblique.GetSize()
    np.testing.assert_allclose(brightest_point(image), brightest_point(oblique), atol=1e-2)


def test_folder_with_two_series_is_refused(tmp_path: Path, oblique: sitk.Image) -> None:
    write_dicom_series(tmp_path / "series", oblique)
    write_dicom_series(tmp_path / "other", oblique, "1.2.826.0.1.3680043.2.2")
    for file in (tmp_path / "other").iterdir():
        file.rename(tmp_path / "series" / f"other-{file.name}")
    with pytest.raises(InputError, match="2 series"):
        volume.read(tmp_path / "series")


def test_plane_takes_its_pixel_size_from_the_manifest(tmp_path: Path) -> None:
    array = np.arange(30 * 40, dtype=np.uint8).reshape(30, 40)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "plane.png"))
    image = volume.read_plane(tmp_path / "plane.png", 0.15)
    assert image.GetSpacing() == (0.15, 0.15)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)


def test_grey_saved_as_colour_is_grey(tmp_path: Path) -> None:
    grey = sitk.GetImageFromArray(np.arange(400, dtype=np.uint8).reshape(20, 20))
    sitk.WriteImage(sitk.Compose(grey, grey, grey), str(tmp_path / "plane.png"))
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(volume.read_plane(tmp_path / "plane.png", 1.0)),
        sitk.GetArrayFromImage(grey),
    )


def break_image(path: Path, how: str) -> Path:
    """Write an image that is bad in a named way; returns its path."""
    image = blob_volume()
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    scan = path / "scan.nii.gz"
    if how == "truncated":
        volume.write(image, scan)
        scan.write_bytes(scan.read_bytes()[:1500])
    elif how == "text":
        scan.write_text("volume,subject\n")
    elif how == "4D":
        sitk.WriteImage(sitk.JoinSeries([image, image]), str(scan))
    elif how == "RGB":
        sitk.WriteImage(sitk.Compose([sitk.Cast(image, sitk.sitkUInt8)] * 3), str(scan))
    elif how in ("NaN", "infinite"):
        array[3, 4, 5] = np.nan if how == "NaN" else np.inf
        sitk.WriteImage(sitk.GetImageFromArray(array), str(scan))
    elif how == "constant":
        sitk.WriteImage(sitk.GetImageFromArray(np.full_like(array, 7)), str(scan))
    elif how in ("zero spacing", "negative spacing"):
        scan = path / "scan.nii"
        sitk.WriteImage(image, str(scan))
        raw = bytearray(scan.read_bytes())
        raw[84:88] = struct.pack("<f", 0.0 if how == "zero spacing" else -1.2)
        scan.write_bytes(raw)
    elif how == "zero spacing, compressed":
        raw = bytearray(gzip.decompress(break_image(path, "good").read_bytes()))
        raw[80:84] = struct.pack("<f", 0.0)
        scan.write_bytes(gzip.compress(raw))
    elif how == "negative spacing, mha":
        scan = path / "scan.mha"
        sitk.WriteImage(image, str(scan))
        raw = scan.read_bytes()
        scan.write_bytes(raw.replace(b"ElementSpacing = 1 1.2", b"ElementSpacing = 1 -1.2"))
        assert raw != scan.read_bytes()
    elif how == "vol":
        scan = path / "scan.vol"
        scan.write_bytes(b"KRETZFILE 1.0   ")
    elif how == "missing":
        scan = path / "nowhere.nii.gz"
    elif how == "strange ending":
        scan = path / "scan.xyz"
        scan.write_bytes(b"0")
    else:
        volume.write(image, scan)
    return scan


BAD = {
    "missing": "no such file",
    "truncated": "truncated or renamed",
    "text": "truncated or renamed",
    "4D": "4D",
    "RGB": "3 components",
    "NaN": "1 NaN or infinite",
    "infinite": "1 NaN or infinite",
    "constant": "same value 7",
    "zero spacing": "spacing",
    "negative spacing": "spacing",
    "zero spacing, compressed": "spacing",
    "negative spacing, mha": "spacing",
    "vol": "no item C000,0001",
    "strange ending": "ending '.xyz'",
}


@pytest.mark.parametrize("how", BAD)
def test_bad_image_is_named_and_explained(tmp_path: Path, how: str) -> None:
    path = break_image(tmp_path, how)
    with pytest.raises(InputError, match=BAD[how]) as error:
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


def test_empty_mask(tmp_path: Path, oblique: sitk.Image) -> None:
    volume.write(sitk.Cast(oblique > 1e6, sitk.sitkUInt8), tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match="empty mask"):
        volume.read_mask(tmp_path / "mask.nii.gz", oblique)


def test_unknown_label(tmp_path: Path, oblique: sitk.Image) -> None:
    volume.write(oblique, tmp_path / "labels.nii.gz")
    with pytest.raises(InputError, match="labels out of 0 to 8"):
        volume.read_labels(tmp_path / "labels.nii.gz", tuple(range(9)))
