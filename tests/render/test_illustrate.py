"""The figures of the paper: laid out by its runs, honest about what is missing, the same twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom_render as phantom
import pytest
import SimpleITK as sitk
from conftest import configured
from PIL import Image

from ssus2mri import slices
from ssus2mri.config.evaluate import IllustrateSettings
from ssus2mri.errors import InputError
from ssus2mri.images import geometry
from ssus2mri.render.explained import read_explained
from ssus2mri.render.illustrate import run_illustrate
from ssus2mri.render.picture_grid import Panel, picture_grid, wrapped
from ssus2mri.render.whole_picture import around, whole_picture

SETTINGS = configured(IllustrateSettings, "illustrate")
WANTED = {"figure6": ["ours", "absent", "gan"], "figure8": ["ours"], "figure9": ["ours", "absent"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with an MR of the subject of us-7 and an explained run."""
    root = phantom.build(tmp_path_factory.mktemp("illustrate") / "results")
    header = phantom.header("mr-7", "mr", "test", 32)
    slices.write(phantom.cut(phantom.head(32, 10), header, 8), root / "extract" / "mr-7.h5")
    for volume in (*phantom.VOLUMES, "mr-7"):
        geometry.write_transform(sitk.Similarity3DTransform(), root / "align" / f"{volume}.tfm")
        image = sitk.GetImageFromArray(1000 * phantom.head(32, 10).astype(np.float32))
        image.SetSpacing([3.0] * 3)
        (root / "images").mkdir(exist_ok=True)
        sitk.WriteImage(image, str(root / "images" / f"{volume}.nii.gz"))
    latent = np.random.default_rng(0).random((48, 5, 5))
    picture = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    paths = {f"{name}_{letter}": latent for letter in "ad" for name in ("latent",)}
    paths |= {name: picture for name in ("us", "mr", "us_back", "attention_a", "attention_d")}
    (root / "explain").mkdir()
    place = {"run": "ours", "volume": "us-7", "plane": "axial", "index": 16}
    squares = np.broadcast_to(picture, (2, 3, 32, 32))
    paths |= {"stamped_us": squares, "stamped_mr": squares, "patterns": ["single", "multiple"]}
    paths |= {"planes": list(slices.PLANES)}
    np.savez(root / "explain" / "ours.npz", **place, **paths)
    return root


def illustrate(folder: Path, out: Path, **changes: object) -> Path:
    names = (*phantom.VOLUMES, "mr-7")
    options = {
        "volumes": phantom.VOLUMES,
        "labels": phantom.LABELS,
        "methods": phantom.METHODS,
        "images": {name: folder / "images" / f"{name}.nii.gz" for name in names},
        "mr": ["mr-7"],
        "out": out,
        "settings": SETTINGS.model_copy(update=WANTED),
        "explained": folder / "explain" / "ours.npz",
    }
    run_illustrate(folder, **(options | changes))
    return out


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_figures_show_the_enabled_runs_and_name_the_others(folder: Path, tmp_path: Path) -> None:
    out = illustrate(folder, tmp_path / "figures")
    assert sorted(path.name for path in out.iterdir()) == [
        f"figure{n}.{ending}" for n in (5, 6, 7, 8, 9) for ending in ("png", "svg")
    ]
    six = text_of(out / "figure6.svg")
    for head in ("Full US", "Source US", ">Ours<", "GAN &lt;i&gt;", "Real MR*", "true MR"):
        assert head in six
    assert "not among the enabled runs: absent" in six
    assert six.count("<image ") == 2 * 5
    eight = text_of(out / "figure8.svg")
    assert "Synth. MR (Ours)" in eight
    assert "mr-7, slice 1" in eight
    assert eight.count("<image ") == 5  # one subject has both modalities
    nine = text_of(out / "figure9.svg")
    assert "No data: no run with 3D auxiliaries is enabled." in nine
    with Image.open(out / "figure6.png") as picture:
        assert picture.width > 1000


@pytest.mark.slow
def test_latent_maps_of_both_encoders_are_drawn(folder: Path, tmp_path: Path) -> None:
    out = illustrate(folder, tmp_path / "figures")
    five = text_of(out / "figure5.svg")
    assert five.count("<image ") == 2 * (48 + 3)  # maps, and three pictures a side
    assert "48 maps of 5 x 5 pixels" in five
    seven = text_of(out / "figure7.svg")
    assert seven.count("<image ") == 3 * 4
    assert "US, multiple" in seven
    none = illustrate(folder, tmp_path / "none", explained=None)
    for name in ("figure5.svg", "figure7.svg"):
        assert "No data: no enabled run" in text_of(none / name)


@pytest.mark.slow
def test_same_input_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = (illustrate(folder, tmp_path / name) for name in ("a", "b"))
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_without_a_subject_of_both_modalities_figure_8_says_so(
    folder: Path, tmp_path: Path
) -> None:
    out = illustrate(folder, tmp_path / "figures", mr=["mr-1"])
    assert "No data: no test subject has both" in text_of(out / "figure8.svg")


def test_whole_picture_is_the_slice_and_what_is_around(folder: Path) -> None:
    """In the middle of the whole picture lies the slice itself, in each plane."""
    us = slices.read(folder / "extract" / "mr-7.h5")
    header = replace(us.header, low=0.0, high=1000.0)
    image = folder / "images" / "mr-7.nii.gz"
    transform = folder / "align" / "mr-7.tfm"
    for plane in range(3):
        place = int(np.flatnonzero(us.plane == plane)[3])
        whole = whole_picture(image, transform, header, plane, int(us.index[place]))
        assert whole.shape == (51, 51)
        edge = (51 - 32) / 2
        assert edge == 9.5  # half a pixel off: compare the means of neighbours
        middle = whole[10:41, 10:41]
        slice_ = us.image[place].astype(np.float32)
        mean = (slice_[:-1, :-1] + slice_[1:, :-1] + slice_[:-1, 1:] + slice_[1:, 1:]) / 4
        assert np.abs(middle - mean).max() < 0.02


def test_grid_around_a_slice_is_one_voxel_thick() -> None:
    header = phantom.header("us-7", "us", "test", 32)
    assert around(header, 0, 5).GetSize() == (51, 51, 1)
    assert around(header, 2, 5).GetSize() == (1, 51, 51)
    assert around(header, 2, 5).GetOrigin() == pytest.approx((15.0, -28.5, -28.5))


@pytest.mark.slow
def test_pictures_of_planes_keep_burnt_in_names_to_themselves(folder: Path, tmp_path: Path) -> None:
    path = folder / "extract" / "us-7.h5"
    stored = slices.read(path)
    flat = replace(stored.header, origin_mm=(0.0, 0.0))
    part = {
        name: getattr(stored, name)[:1] for name in ("image", "plane", "index", "head", "truth")
    }
    slices.write(replace(stored, header=flat, **part), path)
    try:
        out = illustrate(folder, tmp_path / "figures", volumes=["us-7"])
    finally:
        slices.write(stored, path)
    assert "burnt-in" in text_of(out / "figure6.svg")
    assert text_of(out / "figure6.svg").count("<image ") == 4


def test_bad_inputs_are_named(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "ours.npz"
    broken.write_bytes(b"no")
    with pytest.raises(InputError, match="written by `explain`"):
        read_explained(broken)
    np.savez(broken, run="ours")
    with pytest.raises(InputError, match="no array volume"):
        read_explained(broken)


def test_panels_without_pictures_say_why() -> None:
    figure = picture_grid("T", ["a"], [("row", [Panel(note="no data: $x_1$ & <b>")])])
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["no data: $x_1$ &\n<b>"]
    assert wrapped("one_two three\nfour", 7) == "one_two\nthree\nfour"
    assert wrapped("not among one_two", 14) == "not among\none_two"
    assert wrapped("long_name_of_a_scan", 9) == "long_\nname_of_\na_scan"
