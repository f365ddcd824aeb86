"""The page of a test scan: every run at the places of its ultrasound, and real MR beside it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom_render as phantom
import pytest
from conftest import configured

from ssus2mri import slices
from ssus2mri.config.evaluate import BrowseSettings
from ssus2mri.errors import InputError
from ssus2mri.render.browse import run_browse

SETTINGS = configured(BrowseSettings, "browse")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom.build(tmp_path_factory.mktemp("browse") / "results", labels=phantom.BOUNDED)


def browse(folder: Path, **changes: object) -> dict:
    """Write the page of us-7 and return its data."""
    options = {
        "synthetic": [folder / "synthesize" / run / "us-7.h5" for run in phantom.BOUNDED],
        "mr": [],
        "labels": phantom.BOUNDED,
        "methods": phantom.METHODS,
        "out": folder / "browse" / "us-7.html",
        "settings": SETTINGS,
    }
    run_browse(folder / "extract" / "us-7.h5", **(options | changes))
    text = (folder / "browse" / "us-7.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="content">(.*?)</script>', text, re.S).group(1))


def test_layers_are_ultrasound_every_run_and_the_truth(folder: Path) -> None:
    content = browse(folder)
    names = [layer["name"] for layer in content["layers"]]
    assert names == [
        *("Ultrasound", "Ours", "GAN <i>", "Copy of the US", "Atlas MR"),
        *("Paired (upper bound)", "True MR"),
    ]
    assert [plane["name"] for plane in content["planes"]] == list(slices.PLANES)
    for plane in content["planes"]:
        assert len(plane["sheets"]) == 7
        assert len(plane["index"]) == 8


def test_same_input_same_bytes(folder: Path) -> None:
    browse(folder)
    before = (folder / "browse" / "us-7.html").read_bytes()
    browse(folder)
    assert (folder / "browse" / "us-7.html").read_bytes() == before


def test_where_the_truth_is_unknown_real_mr_says_what_it_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "us-7.h5"
    slices.write(replace(slices.read(folder / "extract" / "us-7.h5"), truth=None), path)
    options = {
        "synthetic": [folder / "synthesize" / "ours" / "us-7.h5"],
        "labels": {"ours": "Ours"},
        "methods": {"ours": "synthesis"},
        "settings": SETTINGS,
        "out": tmp_path / "page.html",
    }
    run_browse(path, mr=[folder / "extract" / "mr-1.h5"], **options)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"Real MR"' in text
    assert "nearest training MR: mr-1, 23 w" in text
    run_browse(path, mr=[], **options)
    assert '"Real MR"' not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_run_that_expects_an_error_has_trust_and_others_have_none(
    folder: Path, tmp_path: Path
) -> None:
    """An expected error of the tolerance is trusted by 1 - 1/e."""
    path = folder / "synthesize" / "ours" / "us-7.h5"
    stored = slices.read(path)
    spread = np.full_like(stored.image, SETTINGS.tolerance)
    slices.write(replace(stored, spread=spread), tmp_path / "us-7.h5")
    other_runs = [
        folder / "synthesize" / run / "us-7.h5" for run in phantom.BOUNDED if run != "ours"
    ]
    content = browse(folder, synthetic=[tmp_path / "us-7.h5", *other_runs])
    for plane in content["planes"]:
        assert [sheet is not None for sheet in plane["trust"]] == [False, True, *[False] * 5]
        drawn = np.asarray(phantom.decoded(plane["trust"][1]).convert("L"))
        assert drawn.max() == round(255 * (1 - np.exp(-1)))
    assert 'id="trust"' in (folder / "browse" / "us-7.html").read_text(encoding="utf-8")
    browse(folder)
    assert 'id="trust"' not in (folder / "browse" / "us-7.html").read_text(encoding="utf-8")


def test_slices_of_a_run_are_found_by_their_place(folder: Path, tmp_path: Path) -> None:
    """A run whose slices are in another order gives the same page; one that lacks some is named."""
    before = browse(folder)
    path = folder / "synthesize" / "gan" / "us-7.h5"
    stored = slices.read(path)
    order = np.arange(len(stored))[::-1]
    parts = ("image", "plane", "index", "head")
    turned = replace(stored, **{name: getattr(stored, name)[order] for name in parts})
    files = [folder / "synthesize" / run / "us-7.h5" for run in phantom.BOUNDED if run != "gan"]
    slices.write(turned, tmp_path / "us-7.h5")
    assert browse(folder, synthetic=[*files, tmp_path / "us-7.h5"]) == before
    few = replace(stored, **{name: getattr(stored, name)[1:] for name in parts})
    slices.write(few, tmp_path / "us-7.h5")
    with pytest.raises(InputError, match=r"run gan.*no such slice"):
        browse(folder, synthetic=[*files, tmp_path / "us-7.h5"])


def test_a_run_that_has_seen_the_subject_is_no_test(folder: Path, tmp_path: Path) -> None:
    stored = slices.read(folder / "synthesize" / "gan" / "us-7.h5")
    slices.write(replace(stored, header=replace(stored.header, seen=True)), tmp_path / "us-7.h5")
    files = [folder / "synthesize" / run / "us-7.h5" for run in phantom.BOUNDED if run != "gan"]
    browse(folder, synthetic=[*files, tmp_path / "us-7.h5"])
    text = (folder / "browse" / "us-7.html").read_text(encoding="utf-8")
    assert "no test <b>GAN &lt;i&gt; learned from this subject</b>" in text
    browse(folder)
    assert "no test" not in (folder / "browse" / "us-7.html").read_text(encoding="utf-8")


def test_a_run_without_its_file_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="slices of us-7 by run gan"):
        browse(folder, synthetic=[folder / "synthesize" / "ours" / "us-7.h5"])
    wrong = [folder / "synthesize" / run / "us-8.h5" for run in phantom.BOUNDED]
    with pytest.raises(InputError, match="slices of us-7"):
        browse(folder, synthetic=wrong)
