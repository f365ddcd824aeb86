"""Every way to name scans for `predict` gives each scan once, with what belongs to it."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume
from phantom_inputs import series, us_still
from phantom_prediction import prediction
from PIL import Image

from ssus2mri.errors import InputError
from ssus2mri.images import volume
from ssus2mri.prediction.write import write
from ssus2mri.propose import proposals
from ssus2mri.sources import require_used, sources

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


def test_a_name_of_a_table_is_not_lengthened_by_that_of_a_folder(tmp_path):
    image = scan(tmp_path / "Jane Doe" / "one.nii.gz")
    table = image.parent / "manifest.csv"
    table.write_text(HEADER + "one,s1,us,one.nii.gz,21.5,test,,\n")
    other = scan(tmp_path / "b" / "one.nii.gz")
    assert [s.name for s in listed(table, other)] == ["one", "b-one"]
    with pytest.raises(InputError, match="different names"):
        listed(table, table)


def test_a_link_has_its_own_name(tmp_path):
    (tmp_path / "case1.nii.gz").symlink_to(scan(tmp_path / "store" / "Jane_Doe.nii.gz"))
    assert listed(tmp_path / "case1.nii.gz")[0].name == "case1"


def test_a_dot_in_a_name_is_no_ending(tmp_path):
    paths = [tmp_path / f"1.2.840.{number}" for number in (7, 8)]
    for path in paths:
        us_still(path)
    assert [s.name for s in listed(*paths)] == ["1.2.840.7", "1.2.840.8"]


def test_what_predict_has_written_is_no_scan(tmp_path):
    scan(tmp_path / "a.nii.gz")
    write(prediction(), "a", tmp_path, interval=0.9)
    write(prediction(refused=("no head in it",)), "b", tmp_path, interval=0.9)
    assert [(s.name, s.mask) for s in listed(tmp_path)] == [("a", None)]
    assert [row["image"] for row in proposals(tmp_path)] == [str(tmp_path / "a.nii.gz")]
    assert "labels" not in next(proposals(tmp_path))
    with pytest.raises(InputError, match="a synthetic image, which `predict` has written"):
        volume.require_modality(tmp_path / "a_mr.nii.gz", "us")
    volume.require_modality(tmp_path / "a.nii.gz", "us")


def test_names_are_safe_as_names_of_files(tmp_path):
    assert listed(scan(tmp_path / "a b;c.nii.gz"))[0].name == "a_b_c"


def test_an_age_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"gestational age.*--ga-weeks"):
        listed(scan(tmp_path / "a.nii.gz"), ga_weeks=0)


@pytest.mark.parametrize("column", ["ga_weeks", "pixel_mm"])
def test_an_option_that_would_count_for_no_scan_is_refused(tmp_path, column):
    table, image = tmp_path / "m.csv", tmp_path / "a.png"
    option = f"--{column.replace('_', '-')}: expected nothing: column {column}"
    with pytest.raises(InputError, match=option):
        require_used([table], **{column: 0.5})
    require_used([table], **{column: 0.0})
    require_used([table, image], **{column: 0.5})


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
