"""`check` finds everything wrong at once and says where."""

from pathlib import Path

import pytest
import SimpleITK as sitk
import yaml
from conftest import ROOT, blob_volume
from test_volume import BAD, break_image

from ssus2mri import __version__, cli
from ssus2mri.images import volume

CONFIG = str(ROOT / "config/config.yaml")
HEADER = "volume,subject,modality,image,ga_weeks,split,mask,transform\n"


def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """Run the command line; gives exit code and what it said."""
    monkeypatch.setattr("sys.argv", ["ssus2mri", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capfd.readouterr()
    return int(stop.value.code or 0), said.out + said.err


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a good configuration, manifest and images."""
    for number, name in enumerate(("us1", "mr1", "us2", "us3", "us4")):
        landmark = (15, 9, 10 + number)  # no two of them mirror images
        volume.write(blob_volume(landmark=landmark), tmp_path / f"{name}.nii.gz")
    (tmp_path / "manifest.csv").write_text(
        HEADER
        + "us1,a,us,us1.nii.gz,23,train,,\n"
        + "mr1,b,mr,mr1.nii.gz,23,train,,\n"
        + "us2,c,us,us2.nii.gz,23,test,,\n"
    )
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    values["manifest"] = str(tmp_path / "manifest.csv")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def test_all_in_order(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, "all in order" in said) == (0, True), said


def test_everything_wrong_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["atlas"]["volume"] = "nobody"
    (project / "us1.nii.gz").unlink()
    (project / "mask.nii.gz").write_text("no image")
    with (project / "manifest.csv").open("a") as file:
        file.write("us3,d,us,us3.nii.gz,23,train,mask.nii.gz,\n")
        file.write("us4,e,us,us4.nii.gz,23,train,,nowhere.tfm\n")
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert code == 1
    for expected in ("atlas.volume", "volume us1", "mask.nii.gz", "nowhere.tfm", "4 problem(s)"):
        assert expected in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("atlas", {"size": 160, "sice": 3}, "atlas.sice: expected a key"),
        ("train.batch_size", "many", "train.batch_size"),
        ("train.batch_size", 0, "train.batch_size"),
        ("atlas.size", 100, "atlas.size"),
        ("runs.ours", {"epochs": "x"}, "runs.ours.epochs"),
        ("runs.ours", {"lr": 1}, "runs.ours.lr"),
        ("enabled_runs", ["theirs"], "theirs"),
        ("score", None, "score"),
    ],
)
def test_bad_configuration(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    key: str,
    value: object,
    expected: str,
) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    *sections, last = key.split(".")
    target = values
    for section in sections:
        target = target[section]
    target[last] = value
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, expected in said, "Traceback" in said) == (1, True, False), said


@pytest.mark.parametrize("content", [None, "a: [", "just text", b"\xff\xfe\x00"])
def test_unreadable_configuration(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    content: str | bytes | None,
) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    code, said = run(monkeypatch, capfd, "check", str(path))
    assert (code, str(path) in said, "Traceback" in said) == (1, True, False), said


def test_outside_the_project_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(monkeypatch, capfd, "check")
    assert code == 1
    assert "config/config.yaml: expected a YAML file" in said
    assert f"work in the folder that it starts from, not in {tmp_path}" in said


@pytest.mark.parametrize("how", BAD)
def test_bad_image_stops_a_stage_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], how: str
) -> None:
    bad = break_image(tmp_path, how)
    out, out_mask = tmp_path / "crop" / "v.nii.gz", tmp_path / "crop" / "v_mask.nii.gz"
    out.parent.mkdir()
    out.write_text("an earlier result")
    arguments = ["crop", str(bad), "--modality", "us", "--ga-weeks", "23", "--out", str(out)]
    arguments += ["--out-mask", str(out_mask), "--settings", str(ROOT / "config/config.yaml")]
    code, said = run(monkeypatch, capfd, *arguments)
    assert (code, str(bad) in said, "Traceback" in said) == (1, True, False), said
    assert len(said.strip().splitlines()) == 1, said
    assert out.read_text() == "an earlier result"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--debug", "crop", str(tmp_path / "no.nii.gz"), "--modality", "us"]
    arguments += ["--ga-weeks", "23", "--out", "a.nii.gz", "--out-mask", "b.nii.gz"]
    arguments += ["--settings", str(ROOT / "config/config.yaml")]
    monkeypatch.setattr("sys.argv", ["ssus2mri", *arguments])
    with pytest.raises(ValueError, match="no such file"):
        cli.main()


def test_the_version_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capfd, "--version") == (0, f"ssus2mri {__version__}\n")


def refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *arguments: str,
) -> str:
    """Run a stage that must refuse; nothing new may appear and nothing old may change."""
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, said = run(monkeypatch, capfd, *arguments)
    assert (code, "Traceback" in said, len(said.strip().splitlines())) == (1, False, 1), said
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    return said


@pytest.mark.parametrize("how", ["empty mask", "grid"])
def test_bad_mask_stops_crop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], how: str
) -> None:
    scan = blob_volume()
    mask = sitk.Cast(scan > (1e6 if how == "empty mask" else 100), sitk.sitkUInt8)
    volume.write(scan, tmp_path / "scan.nii.gz")
    volume.write(mask if how == "empty mask" else mask[1:, :, :], tmp_path / "mask.nii.gz")
    arguments = ["crop", str(tmp_path / "scan.nii.gz"), "--modality", "mr", "--ga-weeks", "23"]
    arguments += ["--mask", str(tmp_path / "mask.nii.gz"), "--settings", CONFIG]
    arguments += ["--out", str(tmp_path / "v.nii.gz"), "--out-mask", str(tmp_path / "m.nii.gz")]
    said = refused(tmp_path, monkeypatch, capfd, *arguments)
    assert how in said
    assert "mask.nii.gz" in said


def test_singular_transform_stops_align(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scan = blob_volume()
    flat = sitk.AffineTransform([1.0, 0, 0, 0, 1.0, 0, 0, 0, 0], (0.0, 0.0, 0.0))
    sitk.WriteTransform(flat, str(tmp_path / "flat.tfm"))
    for name in ("scan", "template"):
        volume.write(scan, tmp_path / f"{name}.nii.gz")
    for name in ("mask", "labels"):
        volume.write(sitk.Cast(scan > 100, sitk.sitkUInt8), tmp_path / f"{name}.nii.gz")
    arguments = ["align", str(tmp_path / "scan.nii.gz"), "--modality", "mr", "--ga-weeks", "23"]
    arguments += ["--mask", str(tmp_path / "mask.nii.gz"), "--settings", CONFIG]
    arguments += ["--template", str(tmp_path / "template.nii.gz")]
    arguments += ["--template-labels", str(tmp_path / "labels.nii.gz")]
    arguments += ["--transform", str(tmp_path / "flat.tfm"), "--out", str(tmp_path / "v.nii.gz")]
    said = refused(tmp_path, monkeypatch, capfd, *arguments)
    assert "flat.tfm" in said
    assert "singular" in said


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"us1,d,us,us1.nii.gz,23,train,,", "column volume"),
        (b"a/b,d,us,us1.nii.gz,23,train,,", "column volume"),
        (b"..,d,us,us1.nii.gz,23,train,,", "column volume"),
        (b"x,d,ct,us1.nii.gz,23,train,,", "column modality"),
        (b"x,d,us,us1.nii.gz,23,later,,", "column split"),
        (b"x,c,us,us1.nii.gz,23,train,,", "one split for subject 'c'"),
        (b"x,Andr\xe9,us,us1.nii.gz,23,train,,", "not UTF-8"),
    ],
)
def test_bad_manifest(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    row: bytes,
    expected: str,
) -> None:
    with (project / "manifest.csv").open("ab") as file:
        file.write(row + b"\n")
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, expected in said, "Traceback" in said) == (1, True, False), said


def test_manifest_in_utf_16_or_without_mr(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = project / "manifest.csv"
    raw = path.read_bytes()
    for bad, expected in (
        (raw.decode().encode("utf-16"), "byte-order mark"),
        (raw.replace(b"mr1,b,mr", b"mr1,b,us"), "at least one mr image in split train"),
    ):
        path.write_bytes(bad)
        code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
        assert (code, expected in said, "Traceback" in said) == (1, True, False), said


def test_unknown_pathology(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = (project / "manifest.csv").read_text().splitlines()
    rows = [f"{line}," for line in lines[1:]]
    rows.append("s1,z,us,results/simulate/s1.nii.gz,23,test,,,flu")
    (project / "manifest.csv").write_text("\n".join([f"{lines[0]},pathology", *rows]) + "\n")
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, "Traceback" in said) == (1, False)
    assert "volume s1, column pathology: expected one of absent_cavum" in said


def checked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *rows: str
) -> tuple[int, str]:
    """Check the project with more rows; columns as of the table's header."""
    with (project / "manifest.csv").open("a") as file:
        file.writelines(f"{row}\n" for row in rows)
    return run(monkeypatch, capfd, "check", str(project / "config.yaml"))


def test_same_file_under_two_subjects(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "link.nii.gz").symlink_to("us2.nii.gz")
    code, said = checked(project, monkeypatch, capfd, "x,d,us,link.nii.gz,23,train,,")
    assert code == 1
    assert "rows 4, 5: expected an image of its own" in said
    assert "the same file for subjects 'c', 'd'" in said


def test_same_pixels_under_two_subjects(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    large = blob_volume((40, 40, 40))
    volume.write(large, project / "us1.nii.gz")
    volume.write(sitk.Flip(large, (True, False, False)), project / "us2.nrrd")
    code, said = checked(project, monkeypatch, capfd, "x,d,us,us2.nrrd,23,test,,")
    assert (code, "the same pixels for subjects 'a', 'd'" in said) == (1, True), said


def test_file_of_results_that_nothing_makes_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = checked(
        project,
        monkeypatch,
        capfd,
        "x,d,us,results/nowhere.nii.gz,23,train,,",
        "s,e,us,results/simulate/s.nii.gz,23,train,,results/simulate/s_pose.tfm",
    )
    assert (code, "1 problem(s)" in said) == (1, True), said
    assert "volume x: results/nowhere.nii.gz: expected a file; found no such file" in said


def test_transform_of_a_plane_is_2d(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    head = (project / "manifest.csv").read_text().splitlines()
    lines = [f"{head[0]},plane,pixel_mm", *(f"{line},," for line in head[1:])]
    for name, transform in (("t2", sitk.Similarity2DTransform()), ("t3", sitk.Euler3DTransform())):
        sitk.WriteTransform(transform, str(project / f"{name}.tfm"))
        picture = blob_volume(landmark=(15, 9, 12 if name == "t2" else 13))[:, :, 12]
        sitk.WriteImage(sitk.Cast(picture, sitk.sitkUInt16), str(project / f"{name}.png"))
        lines.append(f"{name},{name},us,{name}.png,23,train,,{name}.tfm,axial,0.9")
    (project / "manifest.csv").write_text("\n".join(lines) + "\n")
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, "1 problem(s)" in said, "t3.tfm: expected" in said) == (1, True, True), said


def test_a_row_that_makes_the_program_fail_hides_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "mr1.nii.gz").unlink()
    real = volume.examine

    def fails(path: Path) -> object:
        if path.name == "us1.nii.gz":
            raise KeyError("odd")
        return real(path)

    monkeypatch.setattr(volume, "examine", fails)
    code, said = run(monkeypatch, capfd, "check", str(project / "config.yaml"))
    assert (code, "2 problem(s)" in said, "Traceback" in said) == (1, True, False), said
    assert "volume us1: a fault of this program (KeyError" in said


def test_a_fault_of_the_program_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr("ssus2mri.check.run_check", lambda *_: 1 / 0)
    code, said = run(monkeypatch, capfd, "check")
    assert (code, "Traceback" in said) == (2, False), said
    assert "a fault of this program, not of your input: ZeroDivisionError" in said
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log.name) in said
    assert "ZeroDivisionError" in log.read_text()


CROP = ["--ga-weeks=23", "--modality=us", "--out={0}/o.nii.gz", "--out-mask={0}/m.nii.gz"]


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("--modality=US", "--modality: expected `us` or `mr`; found 'US'"),
        ("--ga-weeks=nan", "--ga-weeks: expected 10 to 45 weeks"),
        ("--ga-weeks=230", "--ga-weeks: expected 10 to 45 weeks"),
        ("--out-mask={0}/o.nii.gz", "the same file as --out"),
        ("--out={0}/us1.nii.gz", "the input"),
        ("--out-mask={0}/sub/../us1.nii.gz", "the input"),
        ("--plane=coronal", "--plane: expected `axial` or nothing"),
        ("--pixel-mm=inf", "--pixel-mm: expected 0.02 to 5 mm, or 0"),
        ("--frame=-1", "--frame: expected the number of a frame"),
    ],
)
def test_bad_option(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    option: str,
    found: str,
) -> None:
    options = [part.format(project) for part in (*CROP, option, f"--settings={CONFIG}")]
    said = refused(project, monkeypatch, capfd, "crop", str(project / "us1.nii.gz"), *options)
    assert found in said


@pytest.mark.parametrize("run_name", ["x$(id>pwned)", "../x", "a b", ""])
def test_name_of_a_run_is_a_name(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    run_name: str,
) -> None:
    (project / "mine.yaml").write_text(
        yaml.safe_dump({"runs": {run_name: {"label": "q"}}, "enabled_runs": [run_name, "copy"]})
    )
    code, said = run(
        monkeypatch, capfd, "check", str(project / "config.yaml"), str(project / "mine.yaml")
    )
    assert (code, "expected a name of" in said) == (1, True), said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("train: {epochs: 3}\ntrain: {epochs: 4}\n", "key `train` twice, in lines 1 and 2"),
        ("train: {epochs: 3, epochs: 4}\n", "key `epochs` twice"),
        ("crop: {margin_mm: .inf}\n", "no finite number, in line 1"),
        ("crop: {margin_mm: 1.0e+400}\n", "no finite number"),
        ("crop: {margin_mm: .nan}\n", "no finite number"),
        ("crop: {margin_mm: '1e400'}\n", "crop.margin_mm"),
        ("crop: {margin_mm: true}\n", "crop.margin_mm"),
        ("extract: {us_percentiles: [99.0, 1.0]}\n", "the smaller first"),
        ("extract: {mr_percentiles: [1.0, 900.0]}\n", "extract.mr_percentiles"),
        ("extract: {index_range: {axial: [0.8, 0.2]}}\n", "the smaller first"),
        ("enabled_runs: [copy, copy]\n", "every run once"),
        ("enabled_runs: 7\n", "enabled_runs"),
    ],
)
def test_settings_that_cannot_be_meant(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    text: str,
    found: str,
) -> None:
    (project / "mine.yaml").write_text(text)
    code, said = run(
        monkeypatch, capfd, "check", str(project / "config.yaml"), str(project / "mine.yaml")
    )
    assert (code, found in said, "Traceback" in said) == (1, True, False), said
