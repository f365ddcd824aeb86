"""A stage that refuses says why in one line, and leaves every file as it was."""

from pathlib import Path

import pytest
import SimpleITK as sitk
from conftest import CONFIG, CommandLine, blob_volume
from phantom_images import BAD

from ssus2mri import __version__, cli
from ssus2mri.images import volume

CROP = ["--row=modality=us ga_weeks=23", "--out={0}/o.nii.gz", "--out-mask={0}/m.nii.gz"]


def refused(tmp_path: Path, command_line: CommandLine, *arguments: str) -> str:
    """Run a stage that must refuse; nothing new may appear and nothing old may change."""
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, said = command_line(*arguments)
    assert (code, "Traceback" in said, len(said.strip().splitlines())) == (1, False, 1), said
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    return said


@pytest.mark.parametrize("how", BAD)
def test_bad_image_stops_a_stage_and_harms_nothing(
    tmp_path: Path, command_line: CommandLine, how: str
) -> None:
    name, write, _ = BAD[how]
    bad = write(tmp_path / name)
    (tmp_path / "o.nii.gz").write_text("an earlier result")
    options = [option.format(tmp_path) for option in CROP]
    said = refused(tmp_path, command_line, "crop", str(bad), *options, f"--settings={CONFIG}")
    assert str(bad) in said


@pytest.mark.parametrize("how", ["empty mask", "grid"])
def test_bad_mask_stops_crop(tmp_path: Path, command_line: CommandLine, how: str) -> None:
    scan = blob_volume()
    mask = sitk.Cast(scan > (1e6 if how == "empty mask" else 100), sitk.sitkUInt8)
    volume.write(scan, tmp_path / "scan.nii.gz")
    volume.write(mask if how == "empty mask" else mask[1:, :, :], tmp_path / "mask.nii.gz")
    arguments = ["crop", str(tmp_path / "scan.nii.gz"), "--row", "modality=mr ga_weeks=23"]
    arguments += ["--mask", str(tmp_path / "mask.nii.gz"), f"--settings={CONFIG}"]
    arguments += ["--out", str(tmp_path / "v.nii.gz"), "--out-mask", str(tmp_path / "m.nii.gz")]
    said = refused(tmp_path, command_line, *arguments)
    assert how in said
    assert "mask.nii.gz" in said


def test_singular_transform_stops_align(tmp_path: Path, command_line: CommandLine) -> None:
    scan = blob_volume()
    flat = sitk.AffineTransform([1.0, 0, 0, 0, 1.0, 0, 0, 0, 0], (0.0, 0.0, 0.0))
    sitk.WriteTransform(flat, str(tmp_path / "flat.tfm"))
    for name in ("scan", "template"):
        volume.write(scan, tmp_path / f"{name}.nii.gz")
    for name in ("mask", "labels"):
        volume.write(sitk.Cast(scan > 100, sitk.sitkUInt8), tmp_path / f"{name}.nii.gz")
    arguments = ["align", str(tmp_path / "scan.nii.gz"), "--row", "modality=mr ga_weeks=23"]
    arguments += ["--mask", str(tmp_path / "mask.nii.gz"), f"--settings={CONFIG}"]
    arguments += ["--template", str(tmp_path / "template.nii.gz")]
    arguments += ["--template-labels", str(tmp_path / "labels.nii.gz")]
    arguments += ["--transform", str(tmp_path / "flat.tfm"), "--out", str(tmp_path / "v.nii.gz")]
    said = refused(tmp_path, command_line, *arguments)
    assert "flat.tfm" in said
    assert "singular" in said


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--row=modality=US ga_weeks=23", "--row.modality: expected 'us' or 'mr'; found \"US\""),
        ("--row=modality=us ga_weeks=nan", "--row.ga_weeks: expected a finite number"),
        ('--row={{"modality":"us","ga_weeks":NaN}}', "--row: expected JSON"),
        ("--row=modality=us ga_weeks=230", "--row.ga_weeks: expected less than or equal to 45"),
        ("--row=modality=us", "plane, pixel_mm, frame; found unknown [], missing"),
        ("--row=modality=us ga_weeks=23 age=2", "found unknown ['age'], missing []"),
        ("--row=modality=us ga_weeks=23 ga_weeks=24", "--row: expected JSON, or words"),
        ("--row=us 23", "found 'us' without = and a value"),
        ("--out-mask={0}/o.nii.gz", "the same file as --out"),
        ("--out={0}/us1.nii.gz", "the input"),
        ("--out-mask={0}/sub/../us1.nii.gz", "the input"),
        ("--row=modality=us ga_weeks=23 plane=coronal", "--row.plane: expected `axial`"),
        ("--row=modality=us ga_weeks=23 pixel_mm=inf", "--row.pixel_mm: expected a finite number"),
        ("--row=modality=us ga_weeks=23 frame=0", "--row.frame: expected greater than or equal"),
    ],
)
def test_bad_option(project: Path, command_line: CommandLine, option: str, message: str) -> None:
    options = [part.format(project) for part in (*CROP, option, f"--settings={CONFIG}")]
    said = refused(project, command_line, "crop", str(project / "us1.nii.gz"), *options)
    assert message in said


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--debug", "crop", str(tmp_path / "no.nii.gz")]
    arguments += ["--row", "modality=us ga_weeks=23", "--out", "a.nii.gz", "--out-mask", "b.nii.gz"]
    arguments += [f"--settings={CONFIG}"]
    monkeypatch.setattr("sys.argv", ["ssus2mri", *arguments])
    with pytest.raises(ValueError, match="no such file"):
        cli.main()


def test_the_version_is_said(command_line: CommandLine) -> None:
    assert command_line("--version") == (0, f"ssus2mri {__version__}\n")


def test_a_fault_of_the_program_is_told_as_such(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr("ssus2mri.check.run_check", lambda *_, **__: 1 / 0)
    code, said = command_line("check")
    assert (code, "Traceback" in said) == (2, False), said
    assert "a fault of this program, not of your input: ZeroDivisionError" in said
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log.name) in said
    assert "ZeroDivisionError" in log.read_text()
