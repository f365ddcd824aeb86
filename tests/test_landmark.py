"""A landmark keeps its world coordinates through every stage, whatever the format."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import ROOT, blob_volume, brightest_point
from phantom_images import write_dicom_series

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings, CropSettings, ExtractSettings
from ssus2mri.config.rows import AlignRow, CropRow, ExtractRow
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import run_align
from ssus2mri.prepare.crop import run_crop
from ssus2mri.prepare.extract import run_extract
from ssus2mri.tissues import Tissue

CONFIG = str(ROOT / "config/config.yaml")
SPACING_MM = 1.0
SIZE = 64


def head(grid: sitk.Image) -> np.ndarray:
    """A round head in the middle of the atlas."""
    points = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    return (points**2).sum(axis=0) < (0.4 * SIZE) ** 2


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Template files of a round head."""
    grid = geometry.grid(SIZE, SPACING_MM, (0.0, 0.0, 0.0))
    inside = head(grid)
    folder = tmp_path / "template"
    for name in ("us", "mr"):
        volume.write(
            geometry.from_array(inside.astype(np.float32) * 100, grid), folder / f"{name}.nii.gz"
        )
    labels = inside.astype(np.uint8) * int(Tissue.WHITE_MATTER)
    volume.write(geometry.from_array(labels, grid), folder / "labels.nii.gz")
    volume.write(geometry.from_array(inside.astype(np.uint8), grid), folder / "head.nii.gz")
    return folder


@pytest.mark.parametrize("form", ["scan.nii.gz", "scan.nrrd", "scan.mha", "series"])
def test_landmark_through_crop_align_extract(tmp_path: Path, template: Path, form: str) -> None:
    scan = blob_volume((40, 44, 36), landmark=(25, 17, 20))
    landmark = brightest_point(scan)
    if form == "series":
        write_dicom_series(tmp_path / form, scan)
    else:
        sitk.WriteImage(scan, str(tmp_path / form))
    stored = volume.read(tmp_path / form)
    mask = sitk.Cast(stored > 60, sitk.sitkUInt8)
    volume.write(mask, tmp_path / "mask.nii.gz")
    middle = [(n - 1) / 2 for n in scan.GetSize()]
    transform = sitk.Euler3DTransform()
    transform.SetCenter(scan.TransformContinuousIndexToPhysicalPoint(middle))
    transform.SetRotation(0.1, -0.2, 0.15)
    transform.SetTranslation([-c for c in transform.GetCenter()])
    geometry.write_transform(transform, tmp_path / "given.tfm")

    crop = tmp_path / "crop"
    run_crop(
        tmp_path / form,
        row=CropRow(modality="us", ga_weeks=23.0),
        mask=tmp_path / "mask.nii.gz",
        out=crop / "v.nii.gz",
        out_mask=crop / "v_mask.nii.gz",
        settings=load_section(CropSettings, CONFIG, "crop"),
    )
    cropped = volume.read(crop / "v.nii.gz")
    assert np.prod(cropped.GetSize()) <= np.prod(scan.GetSize())
    np.testing.assert_allclose(brightest_point(cropped), landmark, atol=1e-2)

    run_align(
        crop / "v.nii.gz",
        mask=crop / "v_mask.nii.gz",
        template=template / "us.nii.gz",
        template_labels=template / "labels.nii.gz",
        row=AlignRow(modality="us", ga_weeks=23.0),
        transform=tmp_path / "given.tfm",
        out=tmp_path / "align" / "v.nii.gz",
        settings=load_section(AlignSettings, CONFIG, "align"),
    )
    aligned = volume.read(tmp_path / "align" / "v.nii.gz")
    expected = np.array(transform.TransformPoint(landmark.tolist()))
    np.testing.assert_allclose(brightest_point(aligned), expected, atol=SPACING_MM)

    run_extract(
        tmp_path / "align" / "v.nii.gz",
        mask=crop / "v_mask.nii.gz",
        transform=tmp_path / "align" / "v.tfm",
        row=ExtractRow(volume="v", subject="v", modality="us", ga_weeks=23.0, split="test"),
        labels=None,
        truth=None,
        out=tmp_path / "v.h5",
        # Nothing cut off at the top: the landmark must stay the brightest.
        settings=load_section(ExtractSettings, CONFIG, "extract").model_copy(
            update={"us_percentiles": [0.0, 100.0]}
        ),
    )
    extracted = slices.read(tmp_path / "v.h5")
    x, y, z = aligned.TransformPhysicalPointToIndex(expected.tolist())
    seen = {"axial": (z, (y, x)), "coronal": (y, (z, x)), "sagittal": (x, (z, y))}
    for number, plane in enumerate(slices.PLANES):
        index, pixel = seen[plane]
        number_of_slice = np.flatnonzero(
            (extracted.plane == number) & (abs(extracted.index - index) <= 1)
        )
        brightest = max(number_of_slice, key=lambda k: extracted.image[k].max())
        where = np.unravel_index(
            int(extracted.image[brightest].argmax()), extracted.image[brightest].shape
        )
        assert np.abs(np.array(where) - pixel).max() <= 1
