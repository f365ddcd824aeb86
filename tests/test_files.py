"""Outputs appear whole or not at all, and a disk that cannot take them is one message."""

import errno
from pathlib import Path

import pytest

from ssus2mri.errors import InputError
from ssus2mri.files import whole, write_text


def test_a_full_disk_leaves_the_file_before(tmp_path: Path):
    path = tmp_path / "table.csv"
    write_text("before", path)

    def fill() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"table\.csv: .*No space left on device\. Free some"):
        fill()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(InputError, match=r"results/table\.csv: expected a disk"):
        write_text("text", tmp_path / "results" / "table.csv")


def test_other_errors_stay_what_they_are(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "a") as partial:
        partial.write_text(str(1 / 0))
    assert not list(tmp_path.iterdir())
