"""The slice file: what is written is read, and what is no slice file is refused."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.slices import Header, Slices


def example(**changes: object) -> Slices:
    rng = np.random.default_rng(0)
    header = Header("us-1", "sub-1", "us", 23.4, "train", 0.6, 16, 3.5, 240.0)
    defaults = Slices(
        header,
        image=rng.random((5, 16, 16)).astype(np.float16),
        plane=np.array([0, 0, 1, 2, 2], np.uint8),
        index=np.array([3, 4, 8, 1, 2], np.int16),
        head=rng.random((5, 16, 16)) > 0.5,
    )
    return replace(defaults, **changes)  # type: ignore[arg-type]


def test_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    written = example(
        truth=rng.random((5, 16, 16)).astype(np.float16),
        labels=rng.integers(0, 15, (5, 16, 16)).astype(np.uint8),
        predicted_position=rng.random((5, 2)).astype(np.float32),
        spread=rng.random((5, 16, 16)).astype(np.float16),
    )
    slices.write(written, tmp_path / "a.h5")
    read = slices.read(tmp_path / "a.h5")
    assert read.header == written.header == slices.read_header(tmp_path / "a.h5")
    assert slices.examine(tmp_path / "a.h5")[1] == (5, 16, 16)
    assert len(read) == 5
    names = ("image", "plane", "index", "head", "truth", "labels", "predicted_position", "spread")
    for name in names:
        array = getattr(read, name)
        np.testing.assert_array_equal(array, getattr(written, name))
        assert array.dtype == getattr(written, name).dtype


def test_optional_datasets_stay_away(tmp_path: Path) -> None:
    slices.write(example(), tmp_path / "a.h5")
    read = slices.read(tmp_path / "a.h5")
    assert read.truth is read.labels is read.predicted_position is read.spread is None


def test_floats_are_stored_as_half(tmp_path: Path) -> None:
    slices.write(example(image=np.full((5, 16, 16), 0.3, np.float32)), tmp_path / "a.h5")  # type: ignore[arg-type]
    assert slices.read(tmp_path / "a.h5").image.dtype == np.float16


@pytest.mark.parametrize("name", ["image", "plane", "index", "head"])
def test_missing_dataset(tmp_path: Path, name: str) -> None:
    slices.write(example(), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
    with pytest.raises(InputError, match=f"no dataset {name}"):
        slices.read(tmp_path / "a.h5")


def test_missing_attribute(tmp_path: Path) -> None:
    slices.write(example(), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file.attrs["subject"]
    for read in (slices.read, slices.read_header):
        with pytest.raises(InputError, match="no attribute subject"):
            read(tmp_path / "a.h5")


def test_pathology_is_kept(tmp_path: Path) -> None:
    with_pathology = example(header=replace(example().header, pathology="cyst"))
    slices.write(with_pathology, tmp_path / "a.h5")
    assert slices.read_header(tmp_path / "a.h5").pathology == "cyst"


def test_no_slice_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        slices.read(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_text("text")
    with pytest.raises(InputError, match="HDF5"):
        slices.read(tmp_path / "a.h5")


def test_failed_write_keeps_the_earlier_file(tmp_path: Path) -> None:
    slices.write(example(), tmp_path / "a.h5")
    with pytest.raises(TypeError):
        slices.write(example(plane=object()), tmp_path / "a.h5")
    assert len(slices.read(tmp_path / "a.h5")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def spoil(file: h5py.File, how: str) -> None:
    """Make a slice file bad in a named way."""
    if how == "NaN":
        file["image"][2, 3, 4] = np.nan
    elif how in ("../escaped", "a b", " "):
        file.attrs["volume"] = np.bytes_(how)
    elif how == "endless":
        file.attrs["volume"] = "us-1"
    elif how in ("group", "link", "never written"):
        del file["image"]
        if how == "group":
            file.create_group("image")
        elif how == "link":
            file["image"] = h5py.ExternalLink("other.h5", "/image")
        else:
            file.create_dataset("image", (5, 16, 16), np.float16, chunks=(1, 16, 16))
    elif how == "soft link":
        del file["head"]
        file["head"] = h5py.SoftLink("/image")
    elif how == "text":
        del file["plane"]
        file["plane"] = [b"axial"] * 5
    elif how in ("plane", "index"):
        file[how][0] = 16
    elif how == "range":
        file["image"][0] = 200.0
    elif how == "age":
        file.attrs["ga_weeks"] = np.inf
    elif how == "number":
        file.attrs["volume"] = 7
    elif how == "one head less":
        head = file["head"][:-1]
        del file["head"]
        file["head"] = head
    elif how == "formula":
        file.attrs["subject"] = np.bytes_("=cmd()")
    elif how in ("subject", "low", "uncertain"):
        file.attrs[how] = {"subject": "x" * 300, "low": 1e9, "uncertain": 7}[how]
    elif how == "place":
        file.attrs["origin_mm"] = [1e30, 0.0, 0.0]
    elif how == "tissue":
        file.create_dataset("labels", data=np.full((5, 16, 16), 200, np.uint8))
        columns = np.zeros((5, len(file) - 3), np.uint32)
        del file["checksum"]
        file["checksum"] = columns
    elif how in ("a claim of 300 GB", "100 MB of nothing"):
        claim(file, 150_000 if how == "a claim of 300 GB" else 50, written="nothing" in how)


def claim(file: h5py.File, count: int, *, written: bool) -> None:
    """Replace the slices by so many of 1024 x 1024, of zeros that take next to no place."""
    for name in list(file):
        del file[name]
    for name, kind in (("image", np.float16), ("head", np.bool_)):
        how = {"chunks": (1, 1024, 1024), "compression": "gzip"}
        stack = file.create_dataset(name, (count, 1024, 1024), kind, **how)
        for k in range(count if written else 0):
            stack[k] = 0
    file["plane"], file["index"] = np.zeros(count, np.uint8), np.zeros(count, np.int16)
    file["checksum"] = np.zeros((count, 2), np.uint32)


SPOILT = {
    "subject": "attribute subject",
    "formula": "attribute subject '=cmd",
    "low": "greys from 1e",
    "uncertain": "attribute uncertain 7",
    "place": "attribute origin_mm",
    "tissue": "dataset labels with numbers",
    "a claim of 300 GB": "dataset image of shape",
    "100 MB of nothing": "bytes in [0-9]+ of the file",
    "NaN": "dataset image with 1 NaN",
    "../escaped": "attribute volume '../escaped'",
    "a b": "attribute volume",
    " ": "attribute volume",
    "endless": "attribute volume of variable length",
    "group": "image, which is no dataset",
    "link": "image, which is a link",
    "soft link": "head, which is a link",
    "never written": "parts are missing",
    "text": "dataset plane of type",
    "plane": "dataset plane with numbers from 0 to 16",
    "index": "dataset index with numbers",
    "range": "dataset image with numbers",
    "age": "attribute ga_weeks inf",
    "number": "attribute volume of type int",
    "one head less": "dataset head of shape",
}


@pytest.mark.parametrize("how", SPOILT)
def test_file_that_no_stage_wrote(tmp_path: Path, how: str) -> None:
    slices.write(example(), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        spoil(file, how)
    with pytest.raises(InputError, match=SPOILT[how]):
        slices.read(tmp_path / "a.h5")


def test_neither_writing_nor_reading_asks_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a network file system has no locks, asking for one fails. Memory has none."""
    asked: list[object] = []
    real = h5py.File

    def opened(*arguments: object, **options: object) -> object:
        asked.append((options.get("driver"), options.get("locking")))
        return real(*arguments, **options)

    monkeypatch.setattr(h5py, "File", opened)
    slices.write(example(), tmp_path / "a.h5")
    slices.read(tmp_path / "a.h5")
    assert asked == [("core", None), (None, False)]
