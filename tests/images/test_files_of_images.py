"""The files whose change makes an image another one are known without reading it."""

from pathlib import Path

import phantom_inputs as phantom
import pytest

from ssus2mri.errors import InputError
from ssus2mri.images.files import members, parts


def test_slices_of_a_folder(tmp_path: Path) -> None:
    folder = phantom.series(tmp_path / "dcm")
    assert len(parts(folder)) == len(members(folder)) == 22
    (folder / "notes.txt").write_text("a scan")
    assert len(members(folder)) == 22


@pytest.mark.parametrize("name", ["v.mhd", "v.nhdr"])
def test_data_beside_a_header(tmp_path: Path, name: str) -> None:
    (tmp_path / "v.raw").write_bytes(b"0")
    if name == "v.mhd":
        phantom.meta(tmp_path / name, lines={"ElementDataFile": "v.raw"}, data=b" ")
    else:
        phantom.nrrd(tmp_path / name, lines={"data file": "v.raw"}, data=b" ")
    assert parts(tmp_path / name) == [tmp_path / "v.raw"]


def test_one_file_is_all(tmp_path: Path) -> None:
    assert parts(phantom.meta(tmp_path / "v.mha")) == []
    assert parts(phantom.nifti(tmp_path / "v.nii")) == []
    assert parts(tmp_path / "nowhere.mhd") == []


def test_folders_within_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    with pytest.raises(InputError, match="1 folders within"):
        members(tmp_path)
