"""The same head in every format, order, type, scale and encoding: one place, one order of greys."""

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from conftest import brightest_point

from ssus2mri.images import volume
from ssus2mri.prepare.crop import crop
from ssus2mri.prepare.intensity import scaled


def flipped(path: Path, axes: tuple[int, ...], order: tuple[int, ...] = (0, 1, 2)) -> Path:
    """Store voxels along other axes; the affine follows, so the head lies where it lay."""
    array, affine = phantom.values().T, phantom.affine_ras()
    step = affine[:3, :3].copy()
    origin = affine[:3, 3].copy()
    for axis in axes:
        array = np.flip(array, axis)
        origin = origin + step[:, axis] * (array.shape[axis] - 1)
        step[:, axis] *= -1
    array, step = array.transpose(order), step[:, order]
    affine[:3, :3], affine[:3, 3] = step, origin
    return phantom.nifti(path, np.ascontiguousarray(array), affine)


def qform_only(header: nibabel.Nifti1Header) -> None:
    header.set_qform(phantom.affine_ras(), 1)
    header.set_sform(None, 0)


def nan_slope(header: nibabel.Nifti1Header) -> None:
    header["scl_slope"], header["scl_inter"] = np.nan, np.nan


def big_endian(path: Path) -> Path:
    image = nibabel.Nifti1Image(phantom.values().T, phantom.affine_ras())
    image.header.set_xyzt_units("mm")
    swapped = image.header.as_byteswapped(">")
    nibabel.save(nibabel.Nifti1Image(phantom.values().T, None, swapped), path)
    return path


def sloped(path: Path) -> Path:
    image = nibabel.Nifti1Image(phantom.values().T.astype(float), phantom.affine_ras())
    image.header.set_data_dtype(np.int16)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)  # nibabel chooses slope and intercept
    return path


def itk(path: Path, **how: object) -> Path:
    sitk.WriteImage(phantom.scan(), str(path), **how)
    return path


def detached(path: Path) -> Path:
    (path.parent / "v.raw").write_bytes(phantom.values().astype("<i2").tobytes())
    header = {"ElementDataFile": "v.raw"}
    return phantom.meta(path, lines=header, data=b" ")


def detached_nrrd(path: Path) -> Path:
    (path.parent / "v.raw").write_bytes(b"skip me\n" + phantom.values().astype("<i2").tobytes())
    return phantom.nrrd(path, lines={"data file": "v.raw", "line skip": "1"}, data=b" ")


MICROMETRES = np.diag([1000.0, 1000.0, 1000.0, 1.0]) @ phantom.affine_ras()
BYTES = phantom.values().astype("<i2").tobytes()
ASCII = " ".join(map(str, phantom.values().ravel())).encode()
LAS = {"space": "left-anterior-superior", "space directions": "(2,0,0) (0,-2,0) (0,0,2.5)",
       "space origin": "(-20,30,10)"}  # fmt: skip
RAS = {"space": "RAS", "space directions": "(-2,0,0) (0,-2,0) (0,0,2.5)",
       "space origin": "(20,30,10)"}  # fmt: skip
CM = {"space directions": "(0.2,0,0) (0,0.2,0) (0,0,0.25)", "space origin": "(-2,-3,1)",
      "space units": '"cm" "cm" "cm"'}  # fmt: skip
LIST = {"dimension": "4", "sizes": "1 24 28 22", "kinds": "list domain domain domain",
        "space directions": "none (2,0,0) (0,2,0) (0,0,2.5)"}  # fmt: skip


def reversed_slices(k: int, elements: dict) -> None:
    elements["name"] = f"IM{99 - k:04}.dcm"


def slope_of_slices(k: int, elements: dict) -> None:
    plane = phantom.values()[k]
    elements |= {"pixels": (plane // 2).astype(np.uint16), "RescaleSlope": 2, "RescaleIntercept": 0}


def rle(k: int, elements: dict) -> None:
    elements["syntax"] = phantom.RLE


def monochrome1(k: int, elements: dict) -> None:
    elements["pixels"] = (65535 - phantom.values()[k].astype(int)).astype(np.uint16)
    elements["PhotometricInterpretation"] = "MONOCHROME1"


def signed(k: int, elements: dict) -> None:
    elements["pixels"] = phantom.values()[k] - 500
    elements |= {"RescaleSlope": 1, "RescaleIntercept": 500}


def with_note(folder: Path) -> Path:
    phantom.series(folder)
    (folder / "readme.txt").write_text("the head")
    (folder / ".DS_Store").write_bytes(b"0")
    return folder


def without_ending(k: int, elements: dict) -> None:
    elements["name"] = f"IM{k:04}"


WAYS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "nifti-1": ("v.nii", phantom.nifti),
    "nifti-gz": ("v.nii.gz", phantom.nifti),
    "nifti-2": ("v.nii.gz", lambda p: phantom.nifti(p, kind=nibabel.Nifti2Image)),
    "nifti-big-endian": ("v.nii", big_endian),
    "nifti-qform": ("v.nii", lambda p: phantom.nifti(p, change=qform_only)),
    "nifti-micrometre": (
        "v.nii",
        lambda p: phantom.nifti(p, affine=MICROMETRES, unit="micron"),
    ),
    "nifti-unit-unknown": ("v.nii", lambda p: phantom.nifti(p, unit=0)),
    "nifti-slope": ("v.nii.gz", sloped),
    "nifti-slope-nan": ("v.nii", lambda p: phantom.nifti(p, change=nan_slope)),
    "nifti-flipped": ("v.nii", lambda p: flipped(p, (0, 2))),
    "nifti-transposed": ("v.nii", lambda p: flipped(p, (1,), (2, 0, 1))),
    "nifti-float64": ("v.nii", lambda p: phantom.nifti(p, dtype=np.float64)),
    "nifti-uint16": ("v.nii", lambda p: phantom.nifti(p, dtype=np.uint16)),
    "nifti-int32": ("v.nii", lambda p: phantom.nifti(p, dtype=np.int32)),
    "nifti-4d-of-one": ("v.nii", lambda p: phantom.nifti(p, phantom.values().T[..., None])),
    "nrrd": ("v.nrrd", phantom.nrrd),
    "nrrd-itk": ("v.nrrd", lambda p: itk(p, useCompression=True)),
    "nrrd-gzip": (
        "v.nrrd",
        lambda p: phantom.nrrd(p, lines={"encoding": "gzip"}, data=gzip.compress(BYTES)),
    ),
    "nrrd-bzip2": (
        "v.nrrd",
        lambda p: phantom.nrrd(p, lines={"encoding": "bzip2"}, data=bz2.compress(BYTES)),
    ),
    "nrrd-ascii": ("v.nrrd", lambda p: phantom.nrrd(p, lines={"encoding": "ascii"}, data=ASCII)),
    "nrrd-las": ("v.nrrd", lambda p: phantom.nrrd(p, lines=dict(LAS))),
    "nrrd-ras": ("v.nrrd", lambda p: phantom.nrrd(p, lines=dict(RAS))),
    "nrrd-cm": ("v.nrrd", lambda p: phantom.nrrd(p, lines=dict(CM))),
    "nrrd-list-of-one": ("v.nrrd", lambda p: phantom.nrrd(p, lines=dict(LIST))),
    "nrrd-detached": ("v.nhdr", detached_nrrd),
    "mha": ("v.mha", phantom.meta),
    "mha-itk": ("v.mha", lambda p: itk(p, useCompression=True)),
    "mha-zlib": (
        "v.mha",
        lambda p: phantom.meta(p, lines={"CompressedData": "True"}, data=zlib.compress(BYTES)),
    ),
    "mha-ascii": ("v.mha", lambda p: phantom.meta(p, lines={"BinaryData": "False"}, data=ASCII)),
    "mha-anatomical-orientation": (
        "v.mha",
        lambda p: phantom.meta(p, lines={"AnatomicalOrientation": "LPI"}),
    ),
    "mhd-raw": ("v.mhd", detached),
    "dicom-series": ("v", phantom.series),
    "dicom-reversed": ("v", lambda p: phantom.series(p, change=reversed_slices)),
    "dicom-no-ending": ("v", lambda p: phantom.series(p, change=without_ending)),
    "dicom-slope": ("v", lambda p: phantom.series(p, change=slope_of_slices)),
    "dicom-signed": ("v", lambda p: phantom.series(p, change=signed)),
    "dicom-rle": ("v", lambda p: phantom.series(p, change=rle)),
    "dicom-monochrome1": ("v", lambda p: phantom.series(p, change=monochrome1)),
    "dicom-notes-beside": ("v", with_note),
    "dicom-enhanced-us": ("v.dcm", phantom.enhanced),
    "dicom-enhanced-patient": ("v.dcm", lambda p: phantom.enhanced(p, patient=True)),
    "dicom-enhanced-disordered": (
        "v.dcm",
        lambda p: phantom.enhanced(p, order=[*range(11, 22), *range(11)]),
    ),
}
POINTS = np.random.default_rng(0).uniform([-10, -20, 15], [20, 15, 55], (60, 3))


def greys(image: sitk.Image) -> np.ndarray:
    """Values at fixed points of the world after crop and the scaling of extract."""
    mask = sitk.Cast(image > 60, sitk.sitkUInt8)
    cut, cut_mask = crop(image, mask, 4.0)
    inside = sitk.GetArrayFromImage(cut_mask) > 0
    unit, _, _ = scaled(sitk.GetArrayFromImage(cut), inside, [0.0, 100.0])
    at = (cut.TransformPhysicalPointToIndex(point.tolist()) for point in POINTS)
    return np.array([unit[index[::-1]] for index in at])


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return greys(sitk.Cast(phantom.scan(), sitk.sitkFloat32))


@pytest.mark.parametrize("way", WAYS)
def test_same_head_whatever_the_file(tmp_path: Path, way: str, expected: np.ndarray) -> None:
    name, write = WAYS[way]
    path = write(tmp_path / name)
    image = volume.read(path)
    assert image.GetPixelID() == sitk.sitkFloat32
    assert np.abs(brightest_point(image) - phantom.LANDMARK).max() < 0.3
    np.testing.assert_allclose(greys(image), expected, atol=0.005)


@pytest.mark.parametrize("way", ["nifti-gz", "nrrd-las", "mha", "dicom-series", "nifti-transposed"])
def test_content_is_the_same_number_in_every_format(tmp_path: Path, way: str) -> None:
    name, write = WAYS[way]
    _, facts = volume.examine(write(tmp_path / name))
    _, reference = volume.examine(phantom.nifti(tmp_path / "reference.nii"))
    assert facts == reference


def test_reading_a_file_of_integers_loses_none(tmp_path: Path) -> None:
    for kind in (sitk.sitkUInt8, sitk.sitkInt64, sitk.sitkUInt32, sitk.sitkFloat32):
        for end in ("mha", "nrrd", "nii"):
            image = sitk.Cast(phantom.scan() / 4, kind)
            sitk.WriteImage(image, str(tmp_path / f"v.{end}"))
            read = sitk.GetArrayFromImage(volume.read(tmp_path / f"v.{end}"))
            np.testing.assert_array_equal(read, sitk.GetArrayFromImage(image))
