"""Several scans: one that fails does not stop the rest, and the exit code says what happened."""

import json
import os
from dataclasses import replace

import pytest
import SimpleITK as sitk
from conftest import blob_volume
from phantom_inputs import series
from phantom_prediction import network, prediction, saying

import ssus2mri
from ssus2mri.errors import InputError, RefusalError
from ssus2mri.prediction import run
from ssus2mri.prediction.source import Source
from ssus2mri.tissues import Tissue


@pytest.fixture
def _stub(monkeypatch):
    """Predict without a network: far scans are refused unless forced, the farthest are a fault."""
    monkeypatch.setattr(run, "load_network", lambda model: network(saying(Tissue.CORTEX)))

    def predict(image, *, ga_weeks, mask, model, force):
        if image.GetOrigin()[0] > 300:
            raise ZeroDivisionError("no such luck")
        bad = image.GetOrigin()[0] > 100
        if bad and not force:
            raise RefusalError("no head in it")
        return prediction(refused=("no head in it",) if bad else ())

    monkeypatch.setattr(run, "predict", predict)


def write_scans(tmp_path, **origins):
    scans = []
    for name, x in origins.items():
        image = blob_volume(origin=(x, 0.0, 0.0))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
        scans.append(Source(name, tmp_path / f"{name}.nii.gz", 23.0, plane=False))
    return scans


def outputs(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").glob("*.json"))


def start(tmp_path, scans, *, force=False):
    run.run_predict(scans, out=tmp_path / "out", model=None, force=force, threads=1)


@pytest.mark.usefixtures("_stub")
def test_a_refusal_writes_nothing_and_the_rest_goes_on(tmp_path):
    with pytest.raises(RefusalError, match=r"bad\.nii\.gz.*no head in it") as caught:
        start(tmp_path, write_scans(tmp_path, bad=200.0, good=0.0))
    assert outputs(tmp_path) == ["good.json"]
    assert not list((tmp_path / "out").glob("bad*"))
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_stub")
def test_outputs_of_an_earlier_call_are_told_where_a_scan_is_refused(tmp_path, caplog):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bad.json").write_text("{}")
    with pytest.raises(RefusalError):
        start(tmp_path, write_scans(tmp_path, bad=200.0))
    assert "bad.json are of an earlier prediction" in caplog.text
    assert (tmp_path / "out" / "bad.json").read_text() == "{}"


@pytest.mark.usefixtures("_stub")
def test_a_scan_of_a_manifest_is_named_by_its_volume(tmp_path):
    (scan,) = write_scans(tmp_path, bad=200.0)
    with pytest.raises(RefusalError, match=r"^volume us-7 \(.*bad\.nii\.gz\): expected an ultra"):
        start(tmp_path, [replace(scan, name="us-7", subject="a")])
    scan.path.unlink()
    with pytest.raises(InputError, match=r"^volume us-7: .*bad\.nii\.gz: expected"):
        start(tmp_path, [replace(scan, name="us-7", subject="a")])


@pytest.mark.usefixtures("_stub")
def test_a_fault_of_the_program_is_raised_after_the_other_scans(tmp_path):
    with pytest.raises(ZeroDivisionError):
        start(tmp_path, write_scans(tmp_path, broken=400.0, bad=200.0, good=0.0))
    assert outputs(tmp_path) == ["good.json"]


@pytest.mark.usefixtures("_stub")
def test_a_file_that_cannot_be_read_is_worse_than_a_refusal(tmp_path):
    scans = [
        *write_scans(tmp_path, bad=200.0, good=0.0),
        Source("gone", tmp_path / "gone.nii.gz", 23.0, False),
    ]
    with pytest.raises(InputError) as caught:
        start(tmp_path, scans)
    assert not isinstance(caught.value, RefusalError)
    assert len(str(caught.value).splitlines()) == 2
    assert outputs(tmp_path) == ["good.json"]


@pytest.mark.usefixtures("_stub")
def test_a_subject_of_the_training_is_refused_and_forced_outputs_say_so(tmp_path, monkeypatch):
    trained = replace(network(saying(Tissue.CORTEX)), subjects=("s1",))
    monkeypatch.setattr(run, "load_network", lambda model: trained)
    scans = [replace(scan, subject="s1") for scan in write_scans(tmp_path, good=0.0)]
    with pytest.raises(RefusalError, match="subject 's1', on whom the network was trained"):
        start(tmp_path, scans)
    assert outputs(tmp_path) == []
    start(tmp_path, scans, force=True)
    said = json.loads((tmp_path / "out" / "good.json").read_text())
    assert said["forced"]
    assert said["refused"] == ["subject 's1', on whom the network was trained"]


@pytest.mark.usefixtures("_stub")
def test_force_predicts_what_would_be_refused(tmp_path):
    start(tmp_path, write_scans(tmp_path, bad=200.0), force=True)
    assert outputs(tmp_path) == ["bad.json"]


@pytest.mark.usefixtures("_stub")
@pytest.mark.parametrize(
    ("arguments", "expected"), [("good", 0), ("bad", 3), ("gone", 1), ("bad --force", 0)]
)
def test_exit_codes(tmp_path, command_line, arguments, expected):
    write_scans(tmp_path, bad=200.0, good=0.0)
    name, *force = arguments.split()
    options = ["--ga-weeks=23", f"--out={tmp_path / 'out'}", "--threads=1", *force]
    code, said = command_line("predict", str(tmp_path / f"{name}.nii.gz"), *options)
    assert (code, "Traceback" in said) == (expected, False)


@pytest.mark.usefixtures("_stub")
@pytest.mark.parametrize("age", ["nan", "inf", "-5", "5", "161", "1e9", "23+4", "20,7"])
def test_an_age_that_no_scan_has_is_said_before_anything_is_read(command_line, age):
    code, said = command_line("predict", "gone.nii.gz", f"--ga-weeks={age}", "--out=o")
    assert code == 1
    assert said.startswith("ssus2mri: --ga-weeks: expected 10 to 45 weeks"), said


@pytest.mark.usefixtures("_stub")
@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_read(
    tmp_path, command_line, out
):
    write_scans(tmp_path, good=0.0)
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    scan = str(tmp_path / "good.nii.gz")
    code, said = command_line("predict", scan, "--ga-weeks=23", f"--out={tmp_path / out}")
    assert (code, "expected a folder that can be written to" in said) == (1, True), said
    assert "good" not in said
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_path_that_no_file_can_have(command_line):
    code, said = command_line("predict", "a" * 300, "--ga-weeks=23", "--out=o")
    assert code == 1
    assert "expected a path that can be used; found File name too long" in said


@pytest.mark.usefixtures("_stub")
def test_a_pipe_is_no_scan(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii.gz")
    with pytest.raises(InputError, match="expected a file"):
        start(tmp_path, [Source("pipe", tmp_path / "pipe.nii.gz", 23.0, plane=False)])


@pytest.mark.usefixtures("_stub")
def test_no_output_replaces_an_input(tmp_path, command_line):
    write_scans(tmp_path, a=0.0, a_mr=0.0)
    before = (tmp_path / "a_mr.nii.gz").read_bytes()
    code, said = command_line("predict", str(tmp_path), "--ga-weeks=23", f"--out={tmp_path}")
    assert (code, "expected a file of its own; found the input" in said) == (1, True), said
    assert (tmp_path / "a_mr.nii.gz").read_bytes() == before


@pytest.mark.usefixtures("_stub")
def test_mr_by_its_header_is_not_predicted_as_ultrasound(tmp_path):
    with pytest.raises(InputError, match="mr in the file, where us is meant"):
        start(tmp_path, [Source("mr", series(tmp_path / "mr"), 23.0, plane=False)])


def test_the_function_is_offered_by_the_package():
    assert ssus2mri.predict.__module__ == "ssus2mri.prediction.predict"
    assert ssus2mri.Prediction.__name__ == "Prediction"
    with pytest.raises(AttributeError):
        _ = ssus2mri.nothing


def test_an_empty_scan_is_refused(monkeypatch):
    from ssus2mri.prediction import predict as module

    monkeypatch.setattr(module, "load_network", lambda model: network(saying(Tissue.CORTEX)))
    image = blob_volume()
    empty = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(image)
    with pytest.raises(RefusalError, match="no head in it"):
        ssus2mri.predict(image, ga_weeks=23.0, mask=empty)
