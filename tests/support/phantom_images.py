"""Images in files: a DICOM series, and files that must be refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from conftest import blob_volume

from ssus2mri.images import volume


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
