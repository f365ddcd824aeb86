"""Synthetic MR of another tool in every format: what is read, measured and refused."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from conftest import CONFIG
from phantom_evaluate import SIZE, slices, store
from PIL import Image

from ssus2mri.errors import InputError
from ssus2mri.other_slices import converted, files_of
from ssus2mri.slices import PLANES, read
from ssus2mri.slicing import assemble, cut

PLACES = ((0, 30), (1, 31), (2, 32))


@pytest.fixture
def us(tmp_path) -> Path:
    return store(tmp_path / "extract", slices("us-5", PLACES, modality="us", truth=True))


@pytest.fixture
def truth(us):
    """The truth of every slice: what a perfect tool would make."""
    return read(us).truth.astype(np.float32)


def as_stack(folder: Path, truth, places=PLACES, name="us-5") -> Path:
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / f"{name}.h5", "w") as file:
        file["image"] = truth
        file["plane"], file["index"] = np.array(places).T
    return folder


def as_pictures(folder: Path, truth, rows=None, dtype=np.uint8) -> Path:
    folder.mkdir(exist_ok=True)
    lines = ["file,volume,plane,index"]
    for number, (image, (plane, index)) in enumerate(zip(truth, PLACES, strict=True)):
        scaled = np.rint(image * np.iinfo(dtype).max).astype(dtype)
        Image.fromarray(scaled).save(folder / f"{number}.png")
        lines.append(f"{number}.png,us-5,{PLANES[plane]},{index}")
    (folder / "slices.csv").write_text("\n".join(rows or lines) + "\n")
    return folder


def as_volume(folder: Path, us: Path, change=lambda image: image) -> Path:
    folder.mkdir(exist_ok=True)
    own = read(us)
    image = assemble(own)
    sitk.WriteImage(change(image), folder / "us-5.nii.gz")
    return folder


def test_stacks_are_read(tmp_path, us, truth):
    order = [2, 0, 1]  # any order
    folder = as_stack(tmp_path / "other", truth[order], [PLACES[n] for n in order])
    with converted(folder, [us], "mine") as (path,):
        own = read(path)
    assert (own.header.volume, own.header.run, own.header.modality) == ("us-5", "mine", "mr")
    np.testing.assert_allclose(own.image, truth * own.head, atol=1e-3)
    assert own.truth is None
    assert not path.exists()


@pytest.mark.parametrize(("dtype", "atol"), [(np.uint8, 0.003), (np.uint16, 0.001)])
def test_pictures_are_read_black_0_and_white_1(tmp_path, us, truth, dtype, atol):
    folder = as_pictures(tmp_path / "other", truth, dtype=dtype)
    with converted(folder, [us], "mine") as (path,):
        np.testing.assert_allclose(read(path).image, truth * read(us).head, atol=atol)


def test_volumes_are_cut_where_the_scan_is(tmp_path, us):
    folder = as_volume(tmp_path / "other", us)
    with converted(folder, [us], "mine") as (path,):
        own = read(path)
    array = sitk.GetArrayFromImage(sitk.ReadImage(folder / "us-5.nii.gz"))
    expected = cut(array, own.plane, own.index) * own.head
    np.testing.assert_allclose(own.image, expected, atol=1e-3)


def test_a_perfect_tool_is_found_perfect_and_stands_in_the_tables(
    tmp_path, us, truth, command_line
):
    """From the folder to Table IV by the commands alone."""
    mr = store(tmp_path / "extract", slices("mr-1", PLACES))
    folder = as_stack(tmp_path / "other", truth)
    settings = f"--settings={CONFIG}"
    own = [f"--synthetic={folder}", "--run=mine", f"--extracts={us}", settings]
    compare, register = tmp_path / "compare.csv", tmp_path / "register.csv"
    score = tmp_path / "score"
    labels, methods = json.dumps({"mine": "Mine"}), json.dumps({"mine": "other"})
    for arguments in (
        ["compare", *own, f"--out={compare}"],
        ["register", *own, f"--references={mr}", f"--out={register}"],
        [
            *("score", f"--register={register}", f"--compare={compare}", f"--labels={labels}"),
            *(f"--methods={methods}", f"--out={score}", settings),
        ],
    ):
        assert command_line(*arguments)[0] == 0, arguments
    rows = pd.read_csv(compare)
    assert set(rows["run"]) == {"mine"}
    np.testing.assert_allclose(rows["ssim"], 1, atol=1e-4)
    table = pd.read_csv(score / "table4.csv").set_index(["Settings", "Value"])
    assert table.loc[("SSIM ↑, with the true MR", "mean ± std"), "Mine"] == "1.0000 ± 0.0000"


def moved(image):
    image.SetOrigin((5.0, 0.0, 0.0))
    return image


def stack(change=lambda truth: truth, **names):
    """A stack of slices that are not what they should be."""
    return lambda folder, truth, us: as_stack(folder, change(truth), **names)


def picture(old="", new=""):
    """A list of a single picture with something replaced."""
    rows = ["file,volume,plane,index", "0.png,us-5,axial,30".replace(old, new)]
    return lambda folder, truth, us: as_pictures(folder, truth, rows)


REFUSED = {
    "nothing there": (lambda folder, truth, us: folder.mkdir(), "found none"),
    "a size": (stack(lambda truth: truth[:, :32, :32]), "expected (64, 64) pixels; found (32, 32)"),
    "a slice too few": (
        stack(lambda truth: truth[:2], places=PLACES[:2]),
        "1 of them missing, first sagittal slice 32",
    ),
    "a slice twice": (stack(places=(PLACES[0], PLACES[0], PLACES[2])), "axial slice 30 again"),
    "an unknown scan": (stack(name="us-6"), "us-6.h5: expected a name out of us-5"),
    "a range": (stack(lambda truth: truth * 255), "expected intensities in [0, 1]"),
    "not numbers": (stack(lambda truth: np.where(truth > 0.5, np.nan, truth)), "not all finite"),
    "an index beyond": (stack(places=((0, SIZE), *PLACES[1:])), f"indices below {SIZE}"),
    "no stack": (
        lambda folder, truth, us: (folder.mkdir(), (folder / "us-5.h5").write_text("x")),
        "HDF5 with datasets image, plane, index",
    ),
    "another grid": (
        lambda folder, truth, us: as_volume(folder, us, lambda image: image[:32]),
        "the atlas grid: size (64, 64, 64)",
    ),
    "another place": (lambda folder, truth, us: as_volume(folder, us, moved), "origin"),
    "two formats of a scan": (
        lambda folder, truth, us: (as_stack(folder, truth), as_volume(folder, us)),
        "us-5.h5 too",
    ),
    "a picture of an unknown scan": (
        picture("us-5", "us-6"),
        "slices.csv row 2: expected a volume out of us-5; found us-6",
    ),
    "an unknown plane": (picture("axial", "oblique"), "a plane out of axial, coronal, sagittal"),
    "a picture from elsewhere": (
        picture("0.png", "../extract/us-5.h5"),
        "expected a PNG beside the list",
    ),
    "pictures too few": (picture(), "2 of them missing, first coronal slice 31"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_is_refused_with_its_reason(tmp_path, us, truth, case):
    make, message = REFUSED[case]
    make(tmp_path / "other", truth, us)
    with (
        pytest.raises(InputError, match=re.escape(message)),
        converted(tmp_path / "other", [us], "mine"),
    ):
        pass


@pytest.mark.parametrize(
    ("files", "folder", "run"), [([], False, "mine"), (["a.h5"], True, "mine"), ([], True, "")]
)
def test_either_files_or_a_folder_with_a_name(tmp_path, us, files, folder, run):
    with (
        pytest.raises(InputError, match="--synthetic FOLDER with --run"),
        files_of([Path(path) for path in files], tmp_path if folder else None, [us], run),
    ):
        pass
