"""docs/inputs.md names the ways in that the tests hold, and no other."""

import re

import test_inputs_planes
import test_inputs_volumes
from conftest import ROOT

WAYS = {*test_inputs_volumes.WAYS, *test_inputs_planes.SAME}


def test_document_names_every_way_in_that_is_tested() -> None:
    text = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    named = set(re.findall(r"(?<![\w`./])[a-z]+[a-z0-9]*(?:-[a-z0-9]+)*(?=,| \|)", "\n".join(rows)))
    assert named >= WAYS
    formats = ("nifti", "nrrd", "mha", "mhd", "dicom", "png", "tiff")
    extra = {word for word in named if word.split("-")[0] in formats} - WAYS
    assert not extra
