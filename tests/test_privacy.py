"""No name in a DICOM tag, a path or burnt into the picture reaches an output."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from phantom_project import NAME, PATIENT
from phantom_stages import through_the_stages
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ssus2mri import slices
from ssus2mri.images import volume


def still(path: Path) -> tuple[Path, sitk.Image]:
    """A plane with a bright name in a corner, and its head."""
    picture = phantom.still()
    picture[2:7, 2:14] = 255
    phantom.us_still(path, picture, PixelSpacing=[1.0, 1.0], **PATIENT)
    head = volume.read_plane(path) > 90
    head[:16, :9] = 0
    return path, head


def scan(folder: Path) -> tuple[Path, sitk.Image]:
    phantom.series(folder, change=lambda k, elements: elements.update(PATIENT))
    return folder, volume.read(folder) > 150


def nifti(path: Path) -> tuple[Path, sitk.Image]:
    """A volume with a name in every text field of its header, and in an extension."""

    def name(header: nibabel.Nifti1Header) -> None:
        for field in ("descrip", "aux_file", "db_name", "intent_name"):
            header[field] = NAME
        header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", NAME))

    phantom.nifti(path.with_suffix(".nii.gz"), change=name)
    return path.with_suffix(".nii.gz"), volume.read(path.with_suffix(".nii.gz")) > 150


def nrrd(path: Path) -> tuple[Path, sitk.Image]:
    text = NAME.decode()
    path = phantom.nrrd(path.with_suffix(".nrrd"), lines={"content": text, "patient:": f"={text}"})
    return path, volume.read(path) > 150


def meta(path: Path) -> tuple[Path, sitk.Image]:
    lines = {"Comment": NAME.decode(), "PatientName": NAME.decode()}
    path = phantom.meta(path.with_suffix(".mha"), lines={"ObjectType": "Image", **lines})
    return path, volume.read(path) > 150


def picture(path: Path) -> tuple[Path, sitk.Image]:
    """A plane with a name in the texts of a PNG and in its EXIF."""
    texts, exif = PngInfo(), Image.Exif()
    texts.add_text("Title", NAME.decode())
    texts.add_text("Comment", NAME.decode(), zip=True)
    exif[315] = NAME.decode()  # the artist
    path = path.with_suffix(".png")
    Image.fromarray(phantom.still()).save(path, pnginfo=texts, exif=exif)
    return path, volume.read_plane(path, 1.0) > 90


def tiff(path: Path) -> tuple[Path, sitk.Image]:
    path = path.with_suffix(".tif")
    texts = {270: NAME.decode(), 315: NAME.decode(), 305: NAME.decode()}
    Image.fromarray(phantom.still()).save(path, tiffinfo=texts)
    return path, volume.read_plane(path, 1.0) > 90


PLANES = (still, picture, tiff)
PIXEL_MM = {picture: 1.0, tiff: 1.0}
"""Of planes whose files do not say it."""


def placed(
    path: Path,
    head: sitk.Image,
    atlas: Path,
    out: Path,
    plane: str,
    pixel_mm: float | None = None,
) -> None:
    """Bring a scan through the stages, its head to the middle of the atlas."""
    points = np.argwhere(sitk.GetArrayFromImage(head)).mean(axis=0)[::-1]
    centre = head.TransformContinuousIndexToPhysicalPoint(points.tolist())
    to_atlas = sitk.TranslationTransform(head.GetDimension(), [-c for c in centre])
    modality = "us" if plane else "mr"
    about = {"modality": modality, "ga_weeks": 17.0, "plane": plane, "pixel_mm": pixel_mm}
    through_the_stages(path, head, to_atlas, atlas, out, **about)


@pytest.mark.parametrize("make", [scan, nifti, nrrd, meta, *PLANES])
def test_no_name_reaches_an_output(tmp_path: Path, template: Path, make) -> None:
    source = tmp_path / "MUSTERFRAU ERIKA"
    source.mkdir()
    path, head = make(source / ("MUSTERFRAU.dcm" if make is still else "MUSTERFRAU"))
    plane = "axial" if make in PLANES else ""
    placed(path, head, template, tmp_path / "out", plane, PIXEL_MM.get(make))
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 7
    for file in written:
        raw = file.read_bytes()
        plain = gzip.decompress(raw) if file.suffix == ".gz" else raw
        assert NAME not in plain.upper(), file


@pytest.mark.parametrize("make", [scan, nifti, nrrd, meta, *PLANES])
def test_an_image_is_read_without_what_its_file_says_of_the_patient(tmp_path: Path, make) -> None:
    """So `predict`, which writes images on the grid of what it has read, has nothing to tell."""
    path, _ = make(tmp_path / ("p.dcm" if make is still else "p"))
    read = volume.read_plane(path, PIXEL_MM.get(make)) if make in PLANES else volume.read(path)
    assert read.GetMetaDataKeys() == ()


def test_text_burnt_into_a_plane_is_removed(tmp_path: Path, template: Path) -> None:
    path, head = still(tmp_path / "p.dcm")
    out = tmp_path / "out"
    placed(path, head, template, out, "axial")
    for name in ("crop.nii.gz", "v.nii.gz"):
        values = sitk.GetArrayFromImage(volume.read_plane(out / name))
        assert values.max() <= 250, name
    assert slices.read(out / "v.h5").header.high <= 250
