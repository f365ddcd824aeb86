"""`check` finds everything wrong with manifest and images at once and says where."""

from pathlib import Path

import pytest
import SimpleITK as sitk
import yaml
from conftest import CommandLine, blob_volume

from ssus2mri.images import volume


def test_all_in_order(project: Path, command_line: CommandLine) -> None:
    code, said = command_line("check", str(project / "config.yaml"))
    assert (code, "all in order" in said) == (0, True), said


def test_everything_wrong_at_once(project: Path, command_line: CommandLine) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["atlas"]["volume"] = "nobody"
    (project / "us1.nii.gz").unlink()
    (project / "mask.nii.gz").write_text("no image")
    with (project / "manifest.csv").open("a") as file:
        file.write("us3,d,us,us3.nii.gz,23,train,mask.nii.gz,\n")
        file.write("us4,e,us,us4.nii.gz,23,train,,nowhere.tfm\n")
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    code, said = command_line("check", str(project / "config.yaml"))
    assert code == 1
    for expected in ("atlas.volume", "volume us1", "mask.nii.gz", "nowhere.tfm", "4 problem(s)"):
        assert expected in said
    assert "Traceback" not in said


def test_unknown_pathology(project: Path, command_line: CommandLine) -> None:
    lines = (project / "manifest.csv").read_text().splitlines()
    rows = [f"{line}," for line in lines[1:]]
    rows.append("s1,z,us,results/simulate/s1.nii.gz,23,test,,,flu")
    (project / "manifest.csv").write_text("\n".join([f"{lines[0]},pathology", *rows]) + "\n")
    code, said = command_line("check", str(project / "config.yaml"))
    assert (code, "Traceback" in said) == (1, False)
    assert "volume s1, column pathology: expected one of absent_cavum" in said


def checked(project: Path, command_line: CommandLine, *rows: str) -> tuple[int, str]:
    """Check the project with more rows; columns as of the table's header."""
    with (project / "manifest.csv").open("a") as file:
        file.writelines(f"{row}\n" for row in rows)
    return command_line("check", str(project / "config.yaml"))


def test_same_file_under_two_subjects(project: Path, command_line: CommandLine) -> None:
    (project / "link.nii.gz").symlink_to("us2.nii.gz")
    code, said = checked(project, command_line, "x,d,us,link.nii.gz,23,train,,")
    assert code == 1
    assert "rows 4, 5: expected an image of its own" in said
    assert "the same file for subjects 'c', 'd'" in said


def test_same_pixels_under_two_subjects(project: Path, command_line: CommandLine) -> None:
    large = blob_volume((40, 40, 40))
    volume.write(large, project / "us1.nii.gz")
    volume.write(sitk.Flip(large, (True, False, False)), project / "us2.nrrd")
    code, said = checked(project, command_line, "x,d,us,us2.nrrd,23,test,,")
    assert (code, "the same pixels for subjects 'a', 'd'" in said) == (1, True), said


def test_file_of_results_that_nothing_makes_is_missing(
    project: Path, command_line: CommandLine
) -> None:
    code, said = checked(
        project,
        command_line,
        "x,d,us,results/nowhere.nii.gz,23,train,,",
        "s,e,us,results/simulate/s.nii.gz,23,train,,results/simulate/s_pose.tfm",
    )
    assert (code, "1 problem(s)" in said) == (1, True), said
    assert "volume x: results/nowhere.nii.gz: expected a file; found no such file" in said


def test_transform_of_a_plane_is_2d(project: Path, command_line: CommandLine) -> None:
    head = (project / "manifest.csv").read_text().splitlines()
    lines = [f"{head[0]},plane,pixel_mm", *(f"{line},," for line in head[1:])]
    for name, transform in (("t2", sitk.Similarity2DTransform()), ("t3", sitk.Euler3DTransform())):
        sitk.WriteTransform(transform, str(project / f"{name}.tfm"))
        picture = blob_volume(landmark=(15, 9, 12 if name == "t2" else 13))[:, :, 12]
        sitk.WriteImage(sitk.Cast(picture, sitk.sitkUInt16), str(project / f"{name}.png"))
        lines.append(f"{name},{name},us,{name}.png,23,train,,{name}.tfm,axial,0.9")
    (project / "manifest.csv").write_text("\n".join(lines) + "\n")
    code, said = command_line("check", str(project / "config.yaml"))
    assert (code, "1 problem(s)" in said, "t3.tfm: expected" in said) == (1, True, True), said


def test_a_row_that_makes_the_program_fail_hides_no_other(
    project: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mr1.nii.gz").unlink()
    real = volume.examine

    def fails(path: Path) -> object:
        if path.name == "us1.nii.gz":
            raise KeyError("odd")
        return real(path)

    monkeypatch.setattr(volume, "examine", fails)
    code, said = command_line("check", str(project / "config.yaml"))
    assert (code, "2 problem(s)" in said, "Traceback" in said) == (1, True, False), said
    assert "volume us1: a fault of this program (KeyError" in said


def test_labels_and_masks_are_no_image(project: Path, command_line: CommandLine) -> None:
    labels = sitk.Cast(blob_volume((40, 40, 40)) > 50, sitk.sitkUInt8) * 3
    volume.write(labels, project / "labels.nii.gz")
    code, said = checked(project, command_line, "x,d,mr,labels.nii.gz,23,train,,")
    assert (code, "1 problem(s)" in said) == (1, True), said
    assert "labels.nii.gz: expected the grey values of a scan; found 2 whole numbers" in said


def test_unusual_ages_are_told_and_not_refused(
    project: Path, command_line: CommandLine, caplog: pytest.LogCaptureFixture
) -> None:
    code, said = checked(project, command_line, "x,d,us,us3.nii.gz,12,train,,")
    assert (code, "all in order" in said) == (0, True), said
    assert "ga_weeks outside 18 to 30" in said + caplog.text
    assert "x (12)" in said + caplog.text
