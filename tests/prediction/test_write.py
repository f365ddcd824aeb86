"""The files of a prediction say what it is worth; the page is whole and safe."""

import json
import re

import numpy as np
import SimpleITK as sitk
from phantom_prediction import prediction

from ssus2mri.prediction.sizes import Size
from ssus2mri.prediction.write import ENDINGS, facts, write


def note(path) -> str:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader.GetMetaData("ITK_FileNotes")


def test_every_output_is_there_and_says_that_it_is_research(tmp_path):
    write(prediction(), "scan", tmp_path, interval=0.9)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"scan{e}" for e in ENDINGS)
    said = json.loads((tmp_path / "scan.json").read_text())
    assert "not for diagnosis" in said["notice"]
    assert said["forced"] is False
    assert said["sizes"]["cavum"]["low_mm"] == 4.0
    assert said["made_with"]["weights_sha256"] == "0" * 64
    page = (tmp_path / "scan.html").read_text()
    assert "not for diagnosis" in page
    assert "Forced" not in page
    assert "not for diagnosis" in note(tmp_path / "scan_mr.nii.gz")


def test_force_marks_every_output(tmp_path):
    write(prediction(refused=("no head in it",)), "scan", tmp_path, interval=0.9)
    for kind in ("mr", "labels", "trust"):
        assert note(tmp_path / f"scan_{kind}.nii.gz").startswith("FORCED")
    said = json.loads((tmp_path / "scan.json").read_text())
    assert (said["forced"], said["refused"]) == (True, ["no head in it"])
    assert "would have been refused" in (tmp_path / "scan.html").read_text()


def test_without_tissues_there_are_no_labels_and_no_trust(tmp_path):
    write(prediction(labels=None, trust=None, sizes={}), "scan", tmp_path, interval=0.9)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "scan.html",
        "scan.json",
        "scan_mr.nii.gz",
    ]


def test_nothing_is_left_of_an_earlier_prediction(tmp_path):
    write(prediction(), "scan", tmp_path, interval=0.9)
    write(prediction(), "other", tmp_path, interval=0.9)
    write(prediction(labels=None, trust=None, sizes={}), "scan", tmp_path, interval=0.9)
    assert not list(tmp_path.glob("scan_[lt]*"))
    assert len(list(tmp_path.glob("other*"))) == len(ENDINGS)


def test_the_page_needs_nothing_else_and_escapes(tmp_path):
    evil = prediction(refused=("<script>alert(1)</script>",), pose={"method": "<b>"})
    write(evil, "scan", tmp_path, interval=0.9)
    page = (tmp_path / "scan.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)


def test_the_page_claims_no_more_than_is_known(tmp_path):
    """No probability that was not measured, no hundredth percentile."""
    wide = {"cavum": Size(9.0, 7.0, 11.0, 4.4, 99.9995)}
    write(prediction(head_probability=None, sizes=wide), "scan", tmp_path, interval=0.9)
    page = (tmp_path / "scan.html").read_text()
    assert "probability of a fetal head" not in page
    assert "&gt; 99<" in page
    assert "width of the cavum" in page


def test_numbers_that_are_not_finite_do_not_break_the_json():
    sizes = {"cavum": Size(5.0, 0.0, np.inf, np.nan, np.float32(50.0))}
    said = facts(prediction(sizes=sizes), "scan", interval=0.9)
    json.dumps(said, allow_nan=False)
    assert said["sizes"]["cavum"]["high_mm"] is None
    assert said["sizes"]["cavum"]["percentile"] == 50.0
