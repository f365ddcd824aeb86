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
    for name in ("us1", "mr1", "us2"):
        volume.write(blob_volume(), tmp_path / f"{name}.nii.gz")
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
        file.write("us3,d,us,us2.nii.gz,23,train,mask.nii.gz,\n")
        file.write("us4,e,us,us2.nii.gz,23,train,,nowhere.tfm\n")
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


def test_manifest_with_byte_order_mark_or_without_mr(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = project / "manifest.csv"
    raw = path.read_bytes()
    for bad, expected in (
        (b"\xef\xbb\xbf" + raw, "byte-order mark"),
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
