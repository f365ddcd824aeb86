"""Every way to name scans for `predict` gives each scan once, with what belongs to it."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume
from phantom_inputs import series
from PIL import Image

from ssus2mri.errors import InputError
from ssus2mri.images import volume
from ssus2mri.sources import sources

HEADER = "volume,subject,modality,image,ga_weeks,split,plane,pixel_mm\n"


def scan(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(blob_volume(), str(path))
    return path


def picture(path: Path) -> Path:
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(path)
    return path


def listed(*paths: Path, ga_weeks: float = 23.0, pixel_mm: float | None = None):
    return sources([*paths], ga_weeks=ga_weeks, pixel_mm=pixel_mm)


def test_a_volume_and_a_plane(tmp_path):
    volume, plane = listed(scan(tmp_path / "a.nii.gz"), picture(tmp_path / "b.png"), pixel_mm=0.2)[
        :2
    ]
    assert (volume.name, plane.name, plane.plane, plane.pixel_mm) == ("a", "b", True, 0.2)
    assert not listed(tmp_path / "a.nii.gz")[0].plane


def test_a_folder_gives_all_its_images_and_their_masks(tmp_path):
    scan(tmp_path / "a.nii.gz")
    scan(tmp_path / "a_mask.nii.gz")
    picture(tmp_path / "b.png")
    scans = listed(tmp_path, pixel_mm=0.2)
    assert [(s.name, s.plane, s.pixel_mm) for s in scans] == [("a", False, None), ("b", True, 0.2)]
    assert scans[0].mask == tmp_path / "a_mask.nii.gz"


def test_a_manifest_has_its_own_ages_and_its_mr_does_not_count(tmp_path):
    for name in ("a", "m"):
        scan(tmp_path / f"{name}.nii.gz")
    picture(tmp_path / "p.png")
    table = tmp_path / "manifest.csv"
    table.write_text(
        HEADER
        + "one,s1,us,a.nii.gz,21.5,test,,\n"
        + "two,s2,us,p.png,24,test,axial,0.15\n"
        + "three,s3,mr,m.nii.gz,23,train,,\n"
    )
    scans = listed(table, ga_weeks=0)
    assert [(s.name, s.ga_weeks, s.plane, s.pixel_mm) for s in scans] == [
        ("one", 21.5, False, None),
        ("two", 24.0, True, 0.15),
    ]


def test_scans_of_one_name_get_that_of_their_folder(tmp_path):
    paths = [scan(tmp_path / folder / "scan.nii.gz") for folder in ("a", "b")]
    assert [s.name for s in listed(*paths)] == ["a-scan", "b-scan"]
    with pytest.raises(InputError, match="different names"):
        listed(paths[0], paths[0])


def test_names_are_safe_as_names_of_files(tmp_path):
    assert listed(scan(tmp_path / "a b;c.nii.gz"))[0].name == "a_b_c"


def test_an_age_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"gestational age.*--ga-weeks"):
        listed(scan(tmp_path / "a.nii.gz"), ga_weeks=0)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(InputError, match="expected ultrasound images"):
        listed(tmp_path)


def test_a_folder_of_dicom_slices_is_a_scan_and_a_folder_of_those_several(tmp_path):
    def ultrasound(k, elements):
        elements["Modality"] = "US"

    (tmp_path / "exam").mkdir()
    series(tmp_path / "exam" / "first", change=ultrasound)
    scan_of_folder = listed(tmp_path / "exam" / "first")
    assert [(s.name, s.plane) for s in scan_of_folder] == [("first", False)]
    image = volume.read(scan_of_folder[0].path)
    assert image.GetSpacing() == pytest.approx((2.0, 2.0, 2.5))
    series(tmp_path / "exam" / "second", change=ultrasound)
    assert [s.name for s in listed(tmp_path / "exam")] == ["first", "second"]


def test_a_folder_of_mr_says_so(tmp_path):
    series(tmp_path / "mr")
    with pytest.raises(InputError, match="MR only"):
        listed(tmp_path / "mr")
