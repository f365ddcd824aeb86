"""One still in every encoding: the same greys, pixels of the right size; doubt refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from ssus2mri.errors import InputError
from ssus2mri.images import volume

GREY = phantom.still()
RGB = np.stack([GREY] * 3, axis=-1)
OPAQUE = np.full_like(GREY, 255)
MM = 0.3


def png(array: np.ndarray, mode: str | None = None, **how: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        picture = Image.fromarray(array)
        (picture.convert(mode) if mode else picture).save(path, **how)
        return path

    return write


def tiff(array: np.ndarray, **how: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        tifffile.imwrite(path, array, **how)
        return path

    return write


def dicom(pixels: np.ndarray = GREY, **how: Any) -> Callable[[Path], Path]:
    return lambda path: phantom.us_still(path, pixels, **how)


def itk(array: np.ndarray, vector: bool = False) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path))
        return path

    return write


def palette_dicom(path: Path) -> Path:
    table = (np.arange(256) * 257).astype("<u2").tobytes()
    tables = {
        f"{c}PaletteColorLookupTable{part}": value
        for c in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [256, 0, 16]), ("Data", table))
    }
    return phantom.us_still(path, PhotometricInterpretation="PALETTE COLOR", **tables)


def nifti_2d(path: Path) -> Path:
    image = sitk.GetImageFromArray(GREY)
    image.SetSpacing((MM, MM))
    sitk.WriteImage(image, str(path))
    return path


def jpeg_lossless(path: Path) -> Path:
    """Written by GDCM; pydicom has no decoder for it."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    image = sitk.GetImageFromArray(GREY)
    image.SetSpacing((MM, MM))
    writer.Execute(image)
    return path


YBR = np.stack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)], axis=-1)
PALETTE = np.stack([np.arange(256)[::-1] * 257] * 3).astype(np.uint16)
SAME: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "png": ("p.png", png(GREY)),
    "png-16": ("p.png", itk(GREY.astype(np.uint16) * 200)),
    "png-rgb": ("p.png", png(RGB)),
    "png-rgb-16": ("p.png", itk(RGB.astype(np.uint16) * 200, vector=True)),
    "png-rgba": ("p.png", png(np.dstack([RGB, OPAQUE]))),
    "png-grey-alpha": ("p.png", png(GREY, "LA")),
    "png-palette": ("p.png", png(GREY, "P")),
    "tiff": ("p.tif", tiff(GREY)),
    "tiff-miniswhite": ("p.tif", tiff(255 - GREY, photometric="miniswhite")),
    "tiff-miniswhite-16": (
        "p.tif",
        tiff(65535 - GREY.astype(np.uint16), photometric="miniswhite"),
    ),
    "tiff-16": ("p.tif", tiff(GREY.astype(np.uint16) * 200)),
    "tiff-half": ("p.tif", tiff(GREY.astype(np.float16))),
    "tiff-float": ("p.tiff", tiff(GREY.astype(np.float32) / 255)),
    "tiff-rgb": ("p.tif", tiff(RGB, photometric="rgb")),
    "tiff-rgb-planar": (
        "p.tif",
        tiff(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate"),
    ),
    "tiff-rgba": (
        "p.tif",
        tiff(np.dstack([RGB, OPAQUE]), photometric="rgb", extrasamples=["unassalpha"]),
    ),
    "tiff-palette": ("p.tif", tiff(255 - GREY, photometric="palette", colormap=PALETTE)),
    "tiff-deflate": ("p.tif", tiff(GREY, compression="zlib")),
    "tiff-lzw": ("p.tif", png(GREY, compression="tiff_lzw")),
    "dicom": ("p.dcm", dicom()),
    "dicom-monochrome1": ("p.dcm", dicom(255 - GREY, PhotometricInterpretation="MONOCHROME1")),
    "dicom-rgb": ("p.dcm", dicom(RGB)),
    "dicom-ybr": ("p.dcm", dicom(YBR, PhotometricInterpretation="YBR_FULL")),
    "dicom-palette": ("p.dcm", palette_dicom),
    "dicom-rle": ("p.dcm", dicom(syntax=phantom.RLE)),
    "dicom-jpeg-lossless": ("p.dcm", jpeg_lossless),
    "dicom-no-ending": ("IM0001", dicom()),
    "dicom-oblique-mr": (
        "p.dcm",
        dicom(
            Modality="MR",
            ImageOrientationPatient=[0.5, 0, 0.8660254, 0, 1, 0],
            ImagePositionPatient=[1, 2, 3],
            PixelSpacing=[MM, MM],
        ),
    ),
    "nifti-2d": ("p.nii.gz", nifti_2d),
}


@pytest.mark.parametrize("way", SAME)
def test_same_greys_whatever_the_file(tmp_path: Path, way: str) -> None:
    name, write = SAME[way]
    image = volume.read_plane(write(tmp_path / name), MM)
    assert image.GetSpacing() == pytest.approx((MM, MM))
    assert image.GetOrigin() == (0.0, 0.0)
    assert image.GetDirection() == (1.0, 0.0, 0.0, 1.0)
    array = sitk.GetArrayFromImage(image)
    assert np.unravel_index(array.argmax(), array.shape) == phantom.PIXEL
    scale = array[phantom.PIXEL] / 250
    np.testing.assert_allclose(array / scale, GREY, atol=0.5)


SIZES: dict[str, tuple[dict[str, Any], float | None, float]] = {
    "by the region": ({"SequenceOfUltrasoundRegions": [phantom.region()]}, None, 0.3),
    "by PixelSpacing": ({"PixelSpacing": [0.25, 0.25]}, None, 0.25),
    "by the table": ({}, 0.4, 0.4),
    "by both": ({"SequenceOfUltrasoundRegions": [phantom.region()]}, 0.3, 0.3),
    "a trace does not count": (
        {
            "SequenceOfUltrasoundRegions": [
                phantom.region(),
                phantom.region((0.01, 0.2), PhysicalUnitsXDirection=4),
            ]
        },
        None,
        0.3,
    ),
}


@pytest.mark.parametrize("how", SIZES)
def test_size_of_a_pixel(tmp_path: Path, how: str) -> None:
    elements, table, expected = SIZES[how]
    image = volume.read_plane(phantom.us_still(tmp_path / "p.dcm", **elements), table)
    assert image.GetSpacing() == pytest.approx((expected, expected))


def test_pixels_that_are_no_squares_become_squares(tmp_path: Path) -> None:
    path = phantom.us_still(tmp_path / "p.dcm", PixelSpacing=[0.4, 0.2])
    image = volume.read_plane(path)
    assert image.GetSpacing() == pytest.approx((0.2, 0.2))
    assert image.GetSize() == (80, 119)
    array = sitk.GetArrayFromImage(image)
    assert np.unravel_index(array.argmax(), array.shape) == (40, 55)  # row 20 of 0.4 mm


@pytest.mark.parametrize("axes", [(-1, 0, 0, 1), (-1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0)])
def test_a_turned_image_lies_as_it_lay_and_so_does_its_mask(
    tmp_path: Path, axes: tuple[float, ...]
) -> None:
    image = sitk.GetImageFromArray(GREY)
    image.SetSpacing((MM, MM))
    image.SetOrigin((5.0, -7.0))
    image.SetDirection(axes)
    bright = image.TransformIndexToPhysicalPoint(phantom.PIXEL[::-1])
    sitk.WriteImage(image, str(tmp_path / "p.nii.gz"))
    sitk.WriteImage(image > 100, str(tmp_path / "m.nii.gz"))
    read = volume.read_plane(tmp_path / "p.nii.gz")
    assert read.GetDirection() == (1.0, 0.0, 0.0, 1.0)
    array = sitk.GetArrayFromImage(read)
    row, column = np.unravel_index(array.argmax(), array.shape)
    assert read.TransformIndexToPhysicalPoint((int(column), int(row))) == pytest.approx(bright)
    mask = sitk.GetArrayFromImage(volume.read_mask(tmp_path / "m.nii.gz", read))
    np.testing.assert_array_equal(mask, array > 100)


def test_a_resolution_that_is_meant_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    volume.read_plane(png(GREY, dpi=(72, 72))(tmp_path / "screen.png"), MM)
    assert not caplog.records
    volume.read_plane(png(GREY, dpi=(254, 254))(tmp_path / "p.png"), MM)
    imagej = {"imagej": True, "resolution": (5, 5), "metadata": {"unit": "mm"}}
    volume.read_plane(tiff(GREY, **imagej)(tmp_path / "p.tif"), MM)
    assert "pixels of 0.1 mm, the table 0.3 mm" in caplog.text
    assert "pixels of 0.2 mm, the table 0.3 mm" in caplog.text


def test_transparency_of_16_bits_keeps_them(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 200
    Image.fromarray(deep).save(tmp_path / "p.png", transparency=int(deep[0, 0]))
    array = sitk.GetArrayFromImage(volume.read_plane(tmp_path / "p.png", MM))
    assert array.max() == deep.max()
    assert array[0, 0] == 0


def test_frame_of_a_clip(tmp_path: Path) -> None:
    frames = np.stack([GREY, GREY[::-1], GREY])
    path = phantom.us_still(tmp_path / "c.dcm", frames, NumberOfFrames=3)
    second = sitk.GetArrayFromImage(volume.read_plane(path, MM, frame=2))
    np.testing.assert_array_equal(second, GREY[::-1])
    for frame in (None, 4):
        with pytest.raises(InputError, match=r"3 frame\(s\)"):
            volume.read_plane(path, MM, frame=frame)
