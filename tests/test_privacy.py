"""No name in a DICOM tag, a path or burnt into the picture reaches an output."""

import gzip
from pathlib import Path

import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from phantom_project import NAME, PATIENT
from test_landmark import CONFIG, template  # noqa: F401, a fixture

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings, CropSettings, ExtractSettings
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import run_align
from ssus2mri.prepare.crop import run_crop
from ssus2mri.prepare.extract import run_extract

SETTINGS = {
    "crop": load_section(CropSettings, CONFIG, "crop"),
    "align": load_section(AlignSettings, CONFIG, "align"),
    "extract": load_section(ExtractSettings, CONFIG, "extract"),
}


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


def through_the_stages(path: Path, head: sitk.Image, atlas: Path, out: Path, plane: str) -> None:
    """Write all that crop, align and extract write."""
    modality = "us" if plane else "mr"
    volume.write(sitk.Cast(head, sitk.sitkUInt8), out.parent / "mask.nii.gz")
    dimension = 2 if plane else 3
    points = np.argwhere(sitk.GetArrayFromImage(head)).mean(axis=0)[::-1]
    centre = head.TransformContinuousIndexToPhysicalPoint(points.tolist())
    to_atlas = sitk.TranslationTransform(dimension, [-c for c in centre])
    geometry.write_transform(to_atlas, out.parent / "given.tfm")
    run_crop(
        path,
        modality=modality,
        ga_weeks=17.0,
        mask=out.parent / "mask.nii.gz",
        pixel_mm=None,
        plane=plane,
        out=out / "crop.nii.gz",
        out_mask=out / "mask.nii.gz",
        settings=SETTINGS["crop"],
    )
    run_align(
        out / "crop.nii.gz",
        mask=out / "mask.nii.gz",
        template=atlas / f"{modality}.nii.gz",
        template_labels=atlas / "labels.nii.gz",
        modality=modality,
        ga_weeks=17.0,
        plane=plane,
        transform=out.parent / "given.tfm",
        out=out / "v.nii.gz",
        settings=SETTINGS["align"],
    )
    run_extract(
        out / "v.nii.gz",
        mask=out / "mask.nii.gz",
        transform=out / "v.tfm",
        volume="v",
        subject="s",
        modality=modality,
        ga_weeks=17.0,
        split="train",
        plane=plane,
        labels=None,
        truth=None,
        pathology="",
        out=out / "v.h5",
        settings=SETTINGS["extract"],
    )


@pytest.mark.parametrize("make", [scan, still])
def test_no_name_reaches_an_output(tmp_path: Path, template: Path, make) -> None:  # noqa: F811
    source = tmp_path / "MUSTERFRAU ERIKA"
    source.mkdir()
    path, head = make(source / ("MUSTERFRAU" if make is scan else "MUSTERFRAU.dcm"))
    through_the_stages(path, head, template, tmp_path / "out", "axial" if make is still else "")
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 7
    for file in written:
        raw = file.read_bytes()
        plain = gzip.decompress(raw) if file.suffix == ".gz" else raw
        assert NAME not in plain.upper(), file


def test_text_burnt_into_a_plane_is_removed(tmp_path: Path, template: Path) -> None:  # noqa: F811
    path, head = still(tmp_path / "p.dcm")
    out = tmp_path / "out"
    through_the_stages(path, head, template, out, "axial")
    for name in ("crop.nii.gz", "v.nii.gz"):
        values = sitk.GetArrayFromImage(volume.read_plane(out / name))
        assert values.max() <= 250, name
    assert slices.read(out / "v.h5").header.high <= 250
