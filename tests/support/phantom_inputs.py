"""One head, written as scanners and colleagues write it; and files with one thing wrong."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import (
    EnhancedUSVolumeStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    UltrasoundImageStorage,
)

SIZE, SPACING, ORIGIN = (24, 28, 22), (2.0, 2.0, 2.5), (-20.0, -30.0, 10.0)
LANDMARK = (12.0, -12.0, 42.5)
UID = "1.2.826.0.1.3680043.10.999"
PIXEL = (20, 55)


def values() -> np.ndarray:
    """Grey values ``[z, y, x]``, int16, 17 to 1000; only the landmark is 1000."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SIZE), indexing="ij")
    array = (17 + 500 * np.exp(-2 * (x**2 + (y - 0.2) ** 2 + z**2))).transpose(2, 1, 0)
    array = array.astype(np.int16)
    array[13, 9, 16] = 1000
    return array


def scan() -> sitk.Image:
    """The head as it lies in the world (LPS)."""
    image = sitk.GetImageFromArray(values())
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    return image


def affine_ras() -> np.ndarray:
    """NIfTI's matrix of `scan`."""
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    affine[:3, 3] = [-ORIGIN[0], -ORIGIN[1], ORIGIN[2]]
    return affine


def nifti(
    path: Path,
    array: np.ndarray | None = None,
    affine: np.ndarray | None = None,
    *,
    kind: Any = nibabel.Nifti1Image,
    unit: str | int = "mm",
    dtype: Any = None,
    change: Callable[[Any], None] = lambda header: None,
) -> Path:
    """Write a NIfTI file with nibabel; array is ``[x, y, z]``."""
    data = values().T if array is None else array
    image = kind(data.astype(dtype or data.dtype), affine_ras() if affine is None else affine)
    image.header.set_xyzt_units(unit)
    change(image.header)
    nibabel.save(image, path)
    return path


def nrrd(path: Path, *, lines: dict[str, str | None] | None = None, data: bytes = b"") -> Path:
    """Write a NRRD file; ``lines`` replaces, adds or (None) leaves out fields."""
    fields: dict[str, str | None] = {
        "type": "short",
        "dimension": "3",
        "sizes": "24 28 22",
        "endian": "little",
        "encoding": "raw",
        "space": "left-posterior-superior",
        "space directions": "(2,0,0) (0,2,0) (0,0,2.5)",
        "space origin": "(-20,-30,10)",
    } | (lines or {})
    text = "NRRD0005\n" + "".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None)
    path.write_bytes(text.encode() + b"\n" + (data or values().astype("<i2").tobytes()))
    return path


def meta(path: Path, *, lines: dict[str, str | None] | None = None, data: bytes = b"") -> Path:
    """Write a MetaImage; see `nrrd`."""
    fields: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "-20 -30 10",
        "ElementSpacing": "2 2 2.5",
        "DimSize": "24 28 22",
        "ElementType": "MET_SHORT",
        "ElementDataFile": "LOCAL",
    } | (lines or {})
    last = {"ElementDataFile": fields.pop("ElementDataFile")}
    text = "".join(f"{k} = {v}\n" for k, v in {**fields, **last}.items() if v is not None)
    path.write_bytes(text.encode() + (data or values().astype("<i2").tobytes()))
    return path


Maker = Callable[[Path], Path]


def patched(at: int, *numbers: float, kind: str = "f") -> Maker:
    """Make a NIfTI file with other numbers, from a byte of its header on."""
    return overwritten(at, struct.pack(f"<{len(numbers)}{kind}", *numbers))


def overwritten(at: int, raw: bytes) -> Maker:
    """Make a NIfTI file with other bytes in its header."""

    def write(path: Path) -> Path:
        data = bytearray(nifti(path).read_bytes())
        data[at : at + len(raw)] = raw
        path.write_bytes(data)
        return path

    return write


def nrrd_of(data: bytes = b"", **lines: str | None) -> Maker:
    """Make a NRRD file with other fields, whose names have ``_`` for a space."""
    changes = {name.replace("_", " "): value for name, value in lines.items()}
    return lambda path: nrrd(path, lines=dict(changes), data=data)


def meta_of(**lines: str | None) -> Maker:
    """Make a MetaImage with other fields."""
    return lambda path: meta(path, lines=lines)


def dataset(
    path: Path, pixels: np.ndarray, *, sop: str = MRImageStorage, number: int = 1, **changes: Any
) -> Path:
    """Write a DICOM file; ``changes`` are elements by keyword, None leaves one out."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = sop
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"{UID}.9.{number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{UID}.8", f"{UID}.9"
    data.Modality = "MR" if sop == MRImageStorage else "US"
    data.PatientID, data.InstanceNumber = "phantom", number
    frames = changes.get("NumberOfFrames", 1) > 1
    data.Rows, data.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    colour = pixels.ndim == (4 if frames else 3)
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    syntax = changes.pop("syntax", None)
    for name, value in changes.items():
        if value is not None:
            setattr(data, name, value)
        elif name in data:
            delattr(data, name)
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB" if data.BitsAllocated == 8 else "OW"
    if syntax is not None:
        data.compress(syntax, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)
    return path


def series(
    folder: Path,
    image: sitk.Image | None = None,
    *,
    change: Callable[[int, dict[str, Any]], None] = lambda k, e: None,
) -> Path:
    """Write the head, or another volume, as slices; ``change`` alters the elements of slice k."""
    image = scan() if image is None else image
    (width, height, thickness), orientation = image.GetSpacing(), _orientation(image)
    folder.mkdir(exist_ok=True)
    for k, plane in enumerate(sitk.GetArrayFromImage(image)):
        elements: dict[str, Any] = {
            "PixelSpacing": [height, width],
            "SliceThickness": thickness,
            "ImageOrientationPatient": orientation,
            "ImagePositionPatient": _position(image, k),
        }
        change(k, elements)
        pixels = elements.pop("pixels", plane.astype(np.uint16))
        name = elements.pop("name", f"IM{k:04}.dcm")
        if name:
            dataset(folder / name, pixels, number=k + 1, **elements)
    return folder


def _orientation(image: sitk.Image) -> list[float]:
    axes = np.array(image.GetDirection()).reshape(3, 3)
    return [round(value, 8) for value in axes[:, :2].T.ravel().tolist()]


def _position(image: sitk.Image, k: int) -> list[float]:
    return [round(value, 6) for value in image.TransformIndexToPhysicalPoint((0, 0, k))]


def item(**elements: Any) -> pydicom.Dataset:
    """Make an item of a sequence."""
    inner = pydicom.Dataset()
    for name, value in elements.items():
        setattr(inner, name, value)
    return inner


def enhanced(
    path: Path,
    image: sitk.Image | None = None,
    *,
    order: list[int] | None = None,
    patient: bool = False,
    sop: str = EnhancedUSVolumeStorage,
    **changes: Any,
) -> Path:
    """Write the head, or another volume, as one multi-frame file, of a space of its own or not."""
    image = scan() if image is None else image
    order = order or list(range(image.GetSize()[2]))
    kind, suffix = ("", "Patient") if patient else ("Volume", "Volume")
    width, height, step = image.GetSpacing()
    measures = item(PixelSpacing=[height, width], SpacingBetweenSlices=step)
    orientation = item(**{f"ImageOrientation{suffix}": _orientation(image)})
    shared = item(
        PixelMeasuresSequence=[measures], **{f"PlaneOrientation{kind}Sequence": [orientation]}
    )
    places = [item(**{f"ImagePosition{suffix}": _position(image, k)}) for k in order]
    return dataset(
        path,
        sitk.GetArrayFromImage(image)[order].astype(np.uint16),
        sop=sop,
        **{"NumberOfFrames": len(order), **changes},
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[
            item(**{f"PlanePosition{kind}Sequence": [place]}) for place in places
        ],
    )


def still() -> np.ndarray:
    """A grey picture ``(60, 80)``, uint8, 20 to 250; only `PIXEL` is 250."""
    y, x = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 80), indexing="ij")
    picture = (20 + 200 * np.exp(-2 * (x**2 + y**2))).astype(np.uint8)
    picture[0, 0] = 20
    picture[PIXEL] = 250
    return picture


def us_still(path: Path, pixels: np.ndarray | None = None, **changes: Any) -> Path:
    """Write an ultrasound still."""
    return dataset(path, still() if pixels is None else pixels, sop=UltrasoundImageStorage,
                   **changes)  # fmt: skip


def region(edge_cm: tuple[float, float] = (0.03, 0.03), **changes: Any) -> pydicom.Dataset:
    """A calibrated ultrasound region."""
    usual = dict.fromkeys(("RegionSpatialFormat", "RegionDataType"), 1)
    usual |= dict.fromkeys(("PhysicalUnitsXDirection", "PhysicalUnitsYDirection"), 3)
    return item(**{**usual, **changes}, PhysicalDeltaX=edge_cm[0], PhysicalDeltaY=edge_cm[1])


RLE = RLELossless
