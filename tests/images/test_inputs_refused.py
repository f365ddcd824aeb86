"""What would be read wrongly in silence is refused, in one message that says why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from phantom_inputs import meta_of, nrrd_of, overwritten, patched

from ssus2mri.errors import InputError
from ssus2mri.images import volume


def complex_voxels(path: Path) -> Path:
    return phantom.nifti(path, dtype=np.complex64)


def cut(path: Path, size: int) -> Path:
    phantom.nifti(path)
    path.write_bytes(path.read_bytes()[:size])
    return path


def sheared(path: Path) -> Path:
    affine = phantom.affine_ras()
    affine[1, 2] = 1.0
    return phantom.nifti(path, affine=affine)


def slices(**by_number: Any) -> Callable[[Path], Path]:
    """A series in which one thing is changed in some slices."""

    def change(k: int, elements: dict) -> None:
        for numbers, update in by_number.values():
            if k in numbers:
                elements |= update(k) if callable(update) else update

    return lambda folder: phantom.series(folder, change=change)


def truncated(folder: Path) -> Path:
    phantom.series(folder)
    file = folder / "IM0010.dcm"
    file.write_bytes(file.read_bytes()[:-700])
    return folder


def two_series(folder: Path) -> Path:
    return slices(a=(range(11), {"SeriesInstanceUID": f"{phantom.UID}.4"}))(folder)


def nested(folder: Path) -> Path:
    phantom.series(folder)
    phantom.series(folder / "more")
    return folder


def clip(path: Path) -> Path:
    return phantom.us_still(path, np.stack([phantom.still()] * 3), NumberOfFrames=3, CineRate=30)


def repeated(path: Path) -> Path:
    return phantom.enhanced(path, order=[*range(22), 3])


ALL = range(22)
NIFTI = "v.nii"
REFUSED: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "nifti: pixdim against sform": (NIFTI, patched(80, 1, 1, 1), "pixdim .* and sform"),
    "nifti: neither sform nor qform": (NIFTI, patched(252, 0, 0, kind="h"), "sform or qform"),
    "nifti: complex": (NIFTI, complex_voxels, "complex voxels.*magnitude"),
    "nifti: 100 bytes": (NIFTI, lambda p: cut(p, 100), "100 bytes"),
    "nifti: cut off": (NIFTI, lambda p: cut(p, 9000), "before its last voxel"),
    "nifti: no byte": (NIFTI, lambda p: cut(p, 0), "an empty file"),
    "nifti: voxels begin nowhere": (NIFTI, patched(108, np.nan), "begin at byte nan"),
    "nifti: bits against type": (NIFTI, patched(72, 8, kind="h"), "datatype 4 and 8 bits"),
    "nifti: slope without intercept": (NIFTI, patched(112, 2.0, np.nan), "slope 2"),
    "nifti: pair": (NIFTI, overwritten(344, b"ni1\0"), "pair of .hdr and .img"),
    "nifti: more voxels than it says": (NIFTI, patched(46, 11, kind="h"), "more data"),
    "nifti: an axis of 0": (NIFTI, patched(44, 0, kind="h"), "axes of size"),
    "nifti: sheared": (NIFTI, sheared, "sheared"),
    "nifti: metres without unit": (
        NIFTI,
        lambda p: phantom.nifti(
            p, affine=np.diag([1e-3, 1e-3, 1e-3, 1]) @ phantom.affine_ras(), unit=0
        ),
        "0.02 to 20 mm",
    ),
    "nifti: centimetres without unit": (
        NIFTI,
        lambda p: phantom.nifti(p, affine=np.diag([0.1, 0.1, 0.1, 1]) @ phantom.affine_ras()),
        "an extent of 20 to 1000 mm",
    ),
    "nifti: time points": (
        NIFTI,
        lambda p: phantom.nifti(p, np.stack([phantom.values().T] * 2, -1)),
        "4D",
    ),
    "nifti: text": (NIFTI, lambda p: p.write_text("x" * 900) and p, "no NIfTI header"),
    "nrrd: no directions": (
        "v.nrrd",
        nrrd_of(space_directions=None, spacings="2 2 2.5"),
        "space directions",
    ),
    "nrrd: no origin": ("v.nrrd", nrrd_of(space_origin=None), "space origin"),
    "nrrd: no space": ("v.nrrd", nrrd_of(space=None), "`space`"),
    "nrrd: unknown unit": (
        "v.nrrd",
        nrrd_of(space_units='"furlong" "furlong" "furlong"'),
        "furlong",
    ),
    "nrrd: two units": ("v.nrrd", nrrd_of(space_units='"mm" "mm" "cm"'), "one unit of length"),
    "nrrd: sequence": (
        "v.nrrd",
        nrrd_of(
            dimension="4", sizes="2 24 28 22", space_directions="none (2,0,0) (0,2,0) (0,0,2.5)"
        ),
        "time points",
    ),
    "nrrd: no data file": ("v.nhdr", nrrd_of(data_file="gone.raw"), "gone.raw"),
    "nrrd: bad numbers": ("v.nrrd", nrrd_of(space_origin="(1e400,0,0)"), "finite numbers"),
    "nrrd: short data": ("v.nrrd", nrrd_of(b"12"), "before its last voxel"),
    "mha: no spacing": ("v.mha", meta_of(ElementSpacing=None), "`ElementSpacing`"),
    "mha: no orientation": ("v.mha", meta_of(TransformMatrix=None), "`TransformMatrix`"),
    "mha: no position": ("v.mha", meta_of(Offset=None), "`Offset`"),
    "mha: two positions": ("v.mha", meta_of(Position="0 0 0"), "one field `offset`"),
    "mha: axes of length 2": (
        "v.mha",
        meta_of(TransformMatrix="2 0 0 0 2 0 0 0 2"),
        "axes of length",
    ),
    "mha: colour": ("v.mha", meta_of(ElementNumberOfChannels="3"), "3 components"),
    "mha: list of files": ("v.mhd", meta_of(ElementDataFile="LIST"), "several"),
    "mha: zlib cut off": (
        "v.mha",
        lambda p: phantom.meta(p, lines={"CompressedData": "True"}, data=b"\x78\x9c12"),
        "cannot be read",
    ),
    "dicom: localiser": (
        "v",
        slices(a=([0], {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]})),
        "orientation.*IM0000.dcm",
    ),
    "dicom: slices missing": ("v", slices(a=(range(5, 9), {"name": ""})), "4 were missing"),
    "dicom: cut off": ("v", truncated, "22 files.*IM0010.dcm"),
    "dicom: sheared": (
        "v",
        slices(a=(ALL, lambda k: {"ImagePositionPatient": [-20, -30 + k, 10 + 2.5 * k]})),
        "sideways",
    ),
    "dicom: no position": (
        "v",
        slices(a=(ALL, {"ImagePositionPatient": None})),
        "ImagePositionPatient",
    ),
    "dicom: no pixel spacing": ("v", slices(a=([4], {"PixelSpacing": None})), "PixelSpacing"),
    "dicom: another pixel spacing": (
        "v",
        slices(a=([4], {"PixelSpacing": [2.1, 2.1]})),
        "pixel spacing.*IM0004",
    ),
    "dicom: a slice twice": (
        "v",
        slices(a=([4], {"ImagePositionPatient": [-20, -30, 17.5]})),
        "second time point",
    ),
    "dicom: a slice of its own": (
        "v",
        slices(a=([4], {"ImagePositionPatient": [-20, -30, 20.7]})),
        "mm between",
    ),
    "dicom: another size": (
        "v",
        slices(a=([4], {"pixels": np.ones((30, 24), np.uint16)})),
        "size.*IM0004",
    ),
    "dicom: distance said otherwise": (
        "v",
        slices(a=(ALL, {"SpacingBetweenSlices": 5.0, "SliceThickness": 5.0})),
        "distance between slices",
    ),
    "dicom: two series": ("v", two_series, "2 series"),
    "dicom: folders within": ("v", nested, "1 folders within"),
    "dicom: nothing": ("v", lambda p: p.mkdir() or p, "0 series"),
    "dicom: slope 0": ("v", slices(a=([3], {"RescaleSlope": 0})), "RescaleSlope"),
    "dicom: clip as volume": ("v.dcm", clip, "clip: 3 frames"),
    "dicom: still as volume": ("v.dcm", phantom.us_still, "one 2D image"),
    "dicom: frame twice": ("v.dcm", repeated, "frame 4"),
    "dicom: no DICOM": ("v.dcm", lambda p: p.write_text("hello") and p, "no DICOM"),
    "png as volume": (
        "v.png",
        lambda p: sitk.WriteImage(sitk.GetImageFromArray(phantom.still()), str(p)) or p,
        "needs `plane`",
    ),
    "another format": ("v.xyz", lambda p: p.write_bytes(b"00") and p, "ending '.xyz'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, what: str) -> None:
    name, write, match = REFUSED[what]
    path = write(tmp_path / name)
    for read in (volume.read, volume.examine):
        with pytest.raises(InputError, match=match) as error:
            read(path)
        assert str(tmp_path) in str(error.value)
        assert "\n" not in str(error.value)


def test_qform_elsewhere_is_told_and_sform_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def change(header: nibabel.Nifti1Header) -> None:
        moved = phantom.affine_ras()
        moved[0, 3] += 12
        header.set_sform(phantom.affine_ras(), 1)
        header.set_qform(moved, 1)

    image = volume.read(phantom.nifti(tmp_path / "v.nii", change=change))
    assert image.GetOrigin() == pytest.approx(phantom.ORIGIN)
    assert "12 mm apart; sform is taken" in caplog.text
