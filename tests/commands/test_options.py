"""A command writes over none of its inputs, whatever they are made of; a file's modality counts."""

from pathlib import Path

import phantom_inputs as phantom
import pytest

from ssus2mri.check import check_images
from ssus2mri.commands.options import apart, texts
from ssus2mri.config.rows import AlignRow, CropRow, ExtractRow, load_row
from ssus2mri.errors import InputError
from ssus2mri.images import modality, volume
from ssus2mri.manifest import Manifest, Row


@pytest.mark.parametrize("value", ["", "[]", "{", "{}"])
def test_labels_that_are_no_object_are_refused(value: str) -> None:
    with pytest.raises(InputError, match="--labels: expected a JSON object"):
        texts("--labels", value)
    assert texts("--labels", '{"b": "B", "a": "A"}') == {"b": "B", "a": "A"}
    assert texts("--images", "{}", may_be_empty=True) == {}


def test_a_stage_is_told_its_own_columns_of_a_row() -> None:
    values = {"volume": "p", "subject": "s t", "modality": "us", "ga_weeks": 21.5, "split": "test"}
    values |= {"image": "p.png", "plane": "axial", "pixel_mm": 0.15}
    row = Row.model_validate(values)
    assert row.json_of(AlignRow) == '{"modality":"us","ga_weeks":21.5,"plane":"axial"}'
    by_hand = "modality=us ga_weeks=21.5 plane=axial pixel_mm=0.15"
    assert load_row(CropRow, row.json_of(CropRow)) == load_row(CropRow, by_hand)
    by_hand = "volume=p 'subject=s t' modality=us ga_weeks=21.5 split=test plane=axial"
    assert load_row(ExtractRow, row.json_of(ExtractRow)) == load_row(ExtractRow, by_hand)


def test_outputs_beside_the_inputs_are_apart(tmp_path: Path) -> None:
    image = phantom.nifti(tmp_path / "v.nii.gz")
    apart({"--out": tmp_path / "o.nii.gz", "--out-mask": tmp_path / "m.nii.gz"}, image, "")
    apart({"--out": tmp_path / "o.nii.gz"}, image, series=image)


def test_link_to_an_input(tmp_path: Path) -> None:
    image = phantom.nifti(tmp_path / "v.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to(image)
    with pytest.raises(InputError, match=r"--out .*link.nii.gz.*the input"):
        apart({"--out": tmp_path / "link.nii.gz"}, image)


def test_data_beside_a_header_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "v.raw").write_bytes(phantom.values().astype("<i2").tobytes())
    header = phantom.meta(tmp_path / "v.mhd", lines={"ElementDataFile": "v.raw"}, data=b" ")
    with pytest.raises(InputError, match=r"the input .*v.mhd"):
        apart({"--out": tmp_path / "v.raw"}, header)


def test_nothing_is_written_among_the_slices_of_a_series(tmp_path: Path) -> None:
    folder = phantom.series(tmp_path / "dcm")
    for name in ("IM0003.dcm", "new.nii.gz"):
        with pytest.raises(InputError, match=r"the input .*dcm"):
            apart({"--out": folder / name}, folder, series=folder)


def test_modality_that_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "v.vol").write_bytes(b"KRETZFILE 1.0   ")
    said = {
        "mr": phantom.series(tmp_path / "dcm"),
        "us": phantom.enhanced(tmp_path / "v.dcm"),
        "": phantom.nifti(tmp_path / "v.nii"),
    }
    assert {path: modality.said(path) for path in said.values()} == {v: k for k, v in said.items()}
    assert modality.said(tmp_path / "v.vol") == "us"
    assert modality.said(phantom.us_still(tmp_path / "p.dcm", Modality="OT")) == ""


def test_ultrasound_that_the_table_calls_mr(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = phantom.enhanced(tmp_path / "v.dcm")
    with pytest.raises(InputError, match="us in the file, where mr is meant"):
        volume.require_modality(path, "mr")
    volume.require_modality(path, "us")
    assert not caplog.records
    volume.tell_modality(path, "mr")
    assert "the file says us, the table mr" in caplog.text


def test_check_refuses_a_modality_that_the_file_denies(tmp_path: Path) -> None:
    row = {"subject": "a", "ga_weeks": 23, "split": "train", "volume": "v"}
    image = str(phantom.series(tmp_path / "dcm"))
    for stated, count in (("mr", 0), ("us", 1)):
        table = Manifest({"v": Row.model_validate({**row, "image": image, "modality": stated})})
        messages = check_images(table, tmp_path / "manifest.csv")
        assert len(messages) == count
        assert all("mr in the file, where us is meant" in message for message in messages)
