"""Planes whose greys or size are in doubt are refused, in one message that says why."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from test_inputs_planes import GREY, MM, OPAQUE, RGB, dicom, jpeg_lossless, png, tiff

from ssus2mri.errors import InputError
from ssus2mri.images import volume

HUE = RGB.copy()
HUE[10:40, 10:60, 0] //= 2
MARKED = RGB.copy()
MARKED[:3, :5] = (255, 255, 0)
HALF = np.dstack([RGB, np.linspace(0, 255, GREY.size).reshape(GREY.shape).astype(np.uint8)])
REFUSED: dict[str, tuple[str, Callable[[Path], Path], float | None, str]] = {
    "no size": ("p.png", png(GREY), None, "the size of a pixel"),
    "no size in DICOM": ("p.dcm", dicom(), None, "the size of a pixel"),
    "region against table": (
        "p.dcm",
        dicom(SequenceOfUltrasoundRegions=[phantom.region((0.01, 0.01))]),
        MM,
        r"\(0.1, 0.1\) mm in the file and 0.3 mm in the table",
    ),
    "region against spacing": (
        "p.dcm",
        dicom(SequenceOfUltrasoundRegions=[phantom.region()], PixelSpacing=[0.5, 0.5]),
        None,
        "ultrasound region 1.*PixelSpacing",
    ),
    "two regions": (
        "p.dcm",
        dicom(SequenceOfUltrasoundRegions=[phantom.region(), phantom.region((0.05, 0.05))]),
        None,
        "ultrasound region 2",
    ),
    "no squares against table": ("p.dcm", dicom(PixelSpacing=[0.4, 0.2]), MM, "in the table"),
    "aspect against spacing": (
        "p.dcm",
        dicom(PixelAspectRatio=[2, 1], PixelSpacing=[MM, MM]),
        MM,
        "2:1 and pixels of 0.3 x 0.3 mm",
    ),
    "aspect and no size": ("p.dcm", dicom(PixelAspectRatio=[2, 1]), MM, "PixelAspectRatio"),
    "colour PNG": ("p.png", png(HUE), MM, "colour image"),
    "colour DICOM": ("p.dcm", dicom(HUE), MM, "colour image"),
    "half transparent": ("p.png", png(HALF), MM, "transparency"),
    "tag against table of greys": (
        "p.dcm",
        dicom(PresentationLUTShape="INVERSE"),
        MM,
        "PresentationLUTShape",
    ),
    "tag against samples": (
        "p.dcm",
        dicom(PhotometricInterpretation="RGB"),
        MM,
        "1 samples a pixel",
    ),
    "float that is white at 0": (
        "p.tif",
        tiff(GREY.astype(np.float32), photometric="miniswhite"),
        MM,
        "0 is white",
    ),
    "NaN": ("p.tif", tiff(np.where(GREY > 240, np.nan, GREY).astype(np.float32)), MM, "NaN"),
    "several pages": ("p.tif", tiff(np.stack([GREY] * 2), photometric="minisblack"), MM, "frame"),
    "a clip": ("p.dcm", dicom(np.stack([GREY] * 2), NumberOfFrames=2), MM, "2 frame"),
    "no squares by dpi": ("p.png", png(GREY, dpi=(100, 200)), MM, "square pixels"),
    "turned": ("p.tif", tiff(GREY, extratags=[(274, 3, 1, 6, True)]), MM, "rotated or"),
    "constant": ("p.png", png(np.full_like(GREY, 9)), MM, "same value 9"),
    "cut off": ("p.png", lambda p: png(GREY)(p) and p.write_bytes(p.read_bytes()[:700]) and p, MM,
                "cannot be read"),
    "text": ("p.png", lambda p: p.write_text("no picture") and p, MM, "neither PNG nor TIFF"),
    "metres": ("p.dcm", dicom(PixelSpacing=[3e-4, 3e-4]), None, "0.02 to 20 mm"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, what: str) -> None:
    name, write, pixel_mm, match = REFUSED[what]
    path = write(tmp_path / name)
    with pytest.raises(InputError, match=match) as error:
        volume.read_plane(path, pixel_mm)
    assert str(path) in str(error.value)


def test_marks_in_colour_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = volume.read_plane(png(MARKED)(tmp_path / "p.png"), MM)
    assert "marks in colour" in caplog.text
    assert sitk.GetArrayFromImage(image)[phantom.PIXEL] == pytest.approx(250)


def test_transparent_border_is_black(tmp_path: Path) -> None:
    alpha = OPAQUE.copy()
    alpha[:, :10] = 0
    image = volume.read_plane(png(np.dstack([RGB, alpha]))(tmp_path / "p.png"), MM)
    array = sitk.GetArrayFromImage(image)
    assert array[:, :10].max() == 0
    np.testing.assert_array_equal(array[:, 10:], GREY[:, 10:])


def damaged_lzw(path: Path) -> Path:
    raw = bytearray(png(GREY, compression="tiff_lzw")(path).read_bytes())
    raw[300:340] = bytes(range(40))
    path.write_bytes(raw)
    return path


def damaged_jpeg(path: Path) -> Path:
    raw = bytearray(jpeg_lossless(path).read_bytes())
    raw[-700:-660] = bytes(40)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("name", "write", "match"),
    [
        ("p.tif", damaged_lzw, "cannot be read"),
        ("p.dcm", damaged_jpeg, "Corrupt JPEG data"),
    ],
)
def test_no_library_speaks_beside_the_message(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    write: Callable[[Path], Path],
    match: str,
) -> None:
    with pytest.raises(InputError, match=match):
        volume.read_plane(write(tmp_path / name), MM)
    print("we speak", file=sys.stderr)
    assert capfd.readouterr().err == "we speak\n"
