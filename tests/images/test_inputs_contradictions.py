"""Where two statements of a file exclude each other, or one cannot be true, it is refused."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import phantom_inputs as phantom
import pydicom
import pytest
import SimpleITK as sitk
from conftest import brightest_point
from phantom_inputs import meta_of, nrrd_of, patched

from ssus2mri.errors import InputError
from ssus2mri.images import volume

BYTES = phantom.values().astype("<i2").tobytes()


def series(**elements: Any) -> Callable[[Path], Path]:
    """A folder of slices; a function gives the element of slice k."""

    def change(k: int, plain: dict[str, Any]) -> None:
        plain |= {name: v(k) if callable(v) else v for name, v in elements.items()}

    return lambda folder: phantom.series(folder, change=change)


def thinned(folder: Path) -> Path:
    phantom.series(folder)
    for k in range(1, 22, 2):
        (folder / f"IM{k:04}.dcm").unlink()
    return folder


def enhanced(change: Callable[[pydicom.Dataset], None]) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        data = pydicom.dcmread(phantom.enhanced(path))
        change(data)
        data.save_as(path, enforce_file_format=True)
        return path

    return write


def other_spacing(data: pydicom.Dataset) -> None:
    data.PixelSpacing = [1, 1]


def more_pixels(data: pydicom.Dataset) -> None:
    data.PixelData += b"\0" * 2 * 24 * 28


def some_frames(sequence: str, **elements: Any) -> Callable[[pydicom.Dataset], None]:
    def change(data: pydicom.Dataset) -> None:
        for frame in data.PerFrameFunctionalGroupsSequence[:5]:
            setattr(frame, sequence, [phantom.item(**elements)])

    return change


def half(first: Any, second: Any) -> Callable[[int], Any]:
    return lambda k: first if k < 11 else second


def left_aligned(k: int) -> np.ndarray:
    return phantom.values()[k].astype(np.uint16) << 4


REFUSED: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "nifti: slope inf": ("v.nii", patched(112, np.inf, 0.0), "slope inf"),
    "nifti: voxels within the header": ("v.nii", patched(108, 350.0), "begin at byte 350"),
    "nifti: voxels begin within one": ("v.nii", patched(108, 352.5), "begin at byte 352.5"),
    "nifti: a kilometre away": ("v.nii", patched(292, 1e6), "a position within 5000 mm"),
    "nifti: position NaN": ("v.nii", patched(292, np.nan), "a position within 5000 mm"),
    "nifti: two slices": (
        "v.nii",
        lambda p: phantom.nifti(p, phantom.values().T[:, :, :2]),
        "10 mm along",
    ),
    "nifti: a byte more": (
        "v.nii",
        lambda p: p.write_bytes(phantom.nifti(p).read_bytes() + b"0") and p,
        "more data",
    ),
    "nrrd: spacings": ("v.nrrd", nrrd_of(spacings="1 1 1"), "`spacings` 1 1 1"),
    "nrrd: two spacings": ("v.nrrd", nrrd_of(spacings="2 2"), "number of axes"),
    "nrrd: units beside the space": ("v.nrrd", nrrd_of(units='"cm" "cm" "cm"'), "`units`"),
    "nrrd: units without quotes": ("v.nrrd", nrrd_of(space_units="um um um"), "0.002"),
    "nrrd: an axis of time": ("v.nrrd", nrrd_of(kinds="space space time"), "meaning of the axes"),
    "nrrd: kinds of two axes": ("v.nrrd", nrrd_of(kinds="space space"), "meaning of the axes"),
    "nrrd: space of two dimensions": ("v.nrrd", nrrd_of(space_dimension="2"), "one space"),
    "nrrd: letters of another format": ("v.nrrd", nrrd_of(space="RAI"), "Found 'RAI'"),
    "nrrd: a byte more": ("v.nrrd", nrrd_of(data=BYTES + b"0"), "more data"),
    "mha: ElementSize": ("v.mha", meta_of(ElementSize="1 1 1"), "`ElementSize` 1 1 1"),
    "dicom: directions of length 2 and a half": (
        "v",
        series(ImageOrientationPatient=[2, 0, 0, 0, 0.5, 0]),
        "one orientation",
    ),
    "dicom: two frames of reference": (
        "v",
        series(FrameOfReferenceUID=half("1.2.3", "1.2.4")),
        "frame of reference",
    ),
    "dicom: two patients": ("v", series(PatientID=half("DOE^JANE", "b")), "one patient"),
    "dicom: two studies": ("v", series(StudyInstanceUID=half("1.2.3", "1.2.4")), "one study"),
    "dicom: two times, one after the other": (
        "v",
        series(TemporalPositionIdentifier=half(1, 2)),
        "one time point",
    ),
    "dicom: two echoes": ("v", series(EchoTime=lambda k: [80, 160][k % 2]), "one echo time"),
    "dicom: two modalities": ("v", series(Modality=half("MR", "CT")), "one modality"),
    "dicom: slope in some": ("v", series(RescaleSlope=half(2, None)), "RescaleSlope"),
    "dicom: tilted gantry": ("v", series(GantryDetectorTilt=15), "a gantry tilted by 15"),
    "dicom: pixels of another shape": ("v", series(PixelAspectRatio=[1, 2]), "1:2 and pixels"),
    "dicom: bits at the top": (
        "v",
        series(pixels=left_aligned, BitsStored=12, HighBit=15),
        "12 bits stored, the highest",
    ),
    "dicom: every second slice": ("v", thinned, "numbered by 2s: the others are missing"),
    "dicom: more rows than it says": (
        "v",
        series(Rows=20),
        "header of 960 bytes of pixels, and 1344",
    ),
    "enhanced: another spacing": ("v.dcm", enhanced(other_spacing), "pixel spacing"),
    "enhanced: more pixels": ("v.dcm", enhanced(more_pixels), "number of pixels"),
    "enhanced: slope in some": (
        "v.dcm",
        enhanced(some_frames("PixelValueTransformationSequence", RescaleSlope=2)),
        "way to scale values",
    ),
    "enhanced: two times": (
        "v.dcm",
        enhanced(some_frames("FrameContentSequence", TemporalPositionIndex=2)),
        "time point",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, what: str) -> None:
    name, write, match = REFUSED[what]
    with pytest.raises(InputError, match=match) as error:
        volume.examine(write(tmp_path / name))
    assert str(tmp_path) in str(error.value)
    assert "DOE" not in str(error.value)


@pytest.mark.parametrize(("padding", "kind"), [(65535, np.uint16), (-2000, np.int16)])
def test_padding_is_dark(tmp_path: Path, padding: int, kind: type) -> None:
    def change(k: int, elements: dict[str, Any]) -> None:
        plane = phantom.values()[k].astype(np.int64)
        elements |= {"PixelPaddingValue": padding, "pixels": np.where(plane < 60, padding, plane)
                     .astype(kind)}  # fmt: skip

    image = volume.read(phantom.series(tmp_path / "v", change=change))
    np.testing.assert_allclose(brightest_point(image), phantom.LANDMARK)
    assert sitk.GetArrayFromImage(image).min() >= 0


def test_a_deflated_file_is_refused_by_name(tmp_path: Path) -> None:
    path = phantom.enhanced(tmp_path / "v.dcm")
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="Deflated Explicit VR"):
        volume.read(path)


def test_an_acquisition_that_is_not_whole_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        volume.read(series(ImagesInAcquisition=30)(tmp_path / "v"))
    assert "22 of the 30 images" in caplog.text


def test_equal_numbers_in_other_words_are_no_contradiction(tmp_path: Path) -> None:
    for path in (
        meta_of(Position="-20.0 -30.0 10.00")(tmp_path / "v.mha"),
        nrrd_of(spacings="2.0 2 2.5", kinds="domain domain domain")(tmp_path / "v.nrrd"),
    ):
        np.testing.assert_allclose(brightest_point(volume.read(path)), phantom.LANDMARK)


def test_a_folder_of_thousands_of_files_is_not_looked_at(tmp_path: Path) -> None:
    for k in range(2049):
        (tmp_path / str(k)).touch()
    with pytest.raises(InputError, match="2049 files"):
        volume.examine(tmp_path)
