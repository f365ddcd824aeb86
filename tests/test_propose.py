"""`init` says what the files say, leaves the rest to a person, and writes over nothing."""

import csv
import os
from pathlib import Path

import numpy as np
import phantom_inputs as phantom
import pytest
import SimpleITK as sitk
from phantom_kretz import kretz_file

from ssus2mri.errors import InputError
from ssus2mri.propose import run_init


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def test_a_row_for_each_image(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    phantom.nifti(images / "a.nii.gz")
    phantom.nifti(images / "a_mask.nii.gz")
    phantom.series(images / "mr")
    (images / "stills").mkdir()
    phantom.us_still(images / "stills" / "s.dcm", SequenceOfUltrasoundRegions=[phantom.region()])
    phantom.enhanced(images / "volume.dcm")
    sitk.WriteImage(sitk.GetImageFromArray(phantom.still()), str(images / "a b.png"))
    angles = np.linspace(-0.5, 0.5, 9)
    fan = kretz_file(
        np.zeros((9, 9, 9)), step_mm=1.0, first_mm=40.0, axis_mm=10.0, theta=angles, phi=angles
    )
    (images / "x.vol").write_bytes(fan)
    (images / "notes.txt").write_text("no image")
    path, count = run_init(images, tmp_path / "manifest.csv")
    proposals = rows(path)
    assert count == len(proposals) == 6
    assert proposals["images/a.nii.gz"]["mask"] == "images/a_mask.nii.gz"
    assert proposals["images/mr"]["modality"] == "mr"
    assert proposals["images/x.vol"]["modality"] == "us"
    assert proposals["images/volume.dcm"]["modality"] == "us"
    assert proposals["images/stills/s.dcm"]["pixel_mm"] == "0.3"
    assert proposals["images/a b.png"]["volume"] == "a-b"
    for row in proposals.values():
        assert row["subject"] == row["ga_weeks"] == row["split"] == row["plane"] == ""
    assert len({row["volume"] for row in proposals.values()}) == count


def test_nothing_is_written_over(tmp_path: Path) -> None:
    phantom.nifti(tmp_path / "a.nii.gz")
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(InputError, match="nothing is written over"):
        run_init(tmp_path, tmp_path / "manifest.csv")
    assert (tmp_path / "manifest.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_folder_without_images(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="image"):
        run_init(tmp_path / name, tmp_path / "manifest.csv")


def test_odd_files_hide_no_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = tmp_path / "images"
    images.mkdir()
    phantom.us_still(images / "a.dcm")
    (images / "cut.dcm").write_bytes((images / "a.dcm").read_bytes()[:700])
    clip = phantom.us_still(
        images / "frames.dcm", np.stack([phantom.still()] * 2), NumberOfFrames=2
    )
    clip.write_bytes(clip.read_bytes().replace(b"IS\x02\x002 ", b"IS\x02\x00x "))
    os.mkfifo(images / "pipe")
    path, count = run_init(images, tmp_path / "manifest.csv")
    assert (list(rows(path)), count) == (["images/a.dcm"], 1)
    assert "cut.dcm" in caplog.text
    assert "frames.dcm" in caplog.text


def test_masks_and_labels_belong_to_the_image_whose_name_they_begin_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("crl_t2w", "crl_mask", "crl_labels", "x_us", "x_mr", "x_seg", "fetal_head", "y_mask")
    for name in names:
        phantom.nifti(tmp_path / f"{name}.nii.gz")
    path, count = run_init(tmp_path, tmp_path / "manifest.csv")
    proposals = rows(path)
    images = {"crl_t2w.nii.gz", "x_us.nii.gz", "x_mr.nii.gz", "fetal_head.nii.gz"}
    assert set(proposals) == images
    assert count == 4
    assert proposals["crl_t2w.nii.gz"]["mask"] == "crl_mask.nii.gz"
    assert proposals["crl_t2w.nii.gz"]["labels"] == "crl_labels.nii.gz"
    left_out = [record.args[0].name for record in caplog.records]
    assert left_out == ["x_seg.nii.gz", "y_mask.nii.gz"]
