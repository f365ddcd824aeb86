"""The flow as a user meets it: a whole run, then what an edit makes run again, and nothing else."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import phantom_inputs as phantom
import planes
import pytest
import SimpleITK as sitk
from phantom_project import IMAGE, MANIFEST, NAME, PATIENT, Project
from PIL import Image
from reruns import ALIGN, CODE, CROP, DELINEATE, PREPARE_ONE, REPORT, ROWS, SETTINGS, TRAIN

from ssus2mri.learn.model_file import read_model

pytestmark = pytest.mark.slow


def unpacked(path: Path) -> list[bytes]:
    """The content of a file, of an archive or of what is compressed that of its parts."""
    if path.suffix == ".gz":
        return [gzip.decompress(path.read_bytes())]
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return [archive.read(name) for name in archive.namelist()]
    return [path.read_bytes()]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project with everything made. One MR is a file of its own, as a real one is."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / IMAGE).parent.mkdir(parents=True)
    once = MANIFEST.replace(IMAGE, "results/simulate/mr-4.nii.gz")
    (project.folder / "once.csv").write_text(once)
    project.snakemake("results/simulate/mr-4.nii.gz", manifest="once.csv")
    simulated = project.folder / "results" / "simulate"
    scan = sitk.ReadImage(str(simulated / "mr-4.nii.gz"))
    phantom.enhanced(project.folder / IMAGE, scan, patient=True, Modality="MR", **PATIENT)
    for left in simulated.glob("mr-4*"):
        left.unlink()
    project.snakemake()
    return project


def test_whole_run_leaves_what_the_design_promises(project):
    results = project.folder / "results"
    for path in (
        "render/report.html",
        "render/scans.html",
        "browse/us-5.html",
        "delineate/us-5.npz",
        "illustrate/figure5.png",
        "illustrate/figure8.svg",
        *(
            f"score/{table}.csv"
            for table in (
                *("table2", "table3", "table4", "table5"),
                *("deformation", "likeness", "auxiliary", "differences", "paper"),
                "position",
                "gap_closed",
                "summary",
                "pathology",
                "anatomy",
            )
        ),
        *(f"{stage}/ours.csv" for stage in ("register", "compare", "probe", "segment")),
        *(f"rate/{name}" for name in ("study.html", "key.csv", "mos.csv", "agreement.csv")),
        *(f"train/{run}/model.safetensors" for run in ("ours", "gan", "copy", "matched")),
        *(f"synthesize/{run}/us-5.nii.gz" for run in ("ours", "gan", "copy", "matched")),
        "align/us-5.tfm",
        "align/us-5.json",
        "align/us-5.png",
        "benchmark/train/ours.tsv",
    ):
        assert (results / path).stat().st_size > 0, path
    assert not list(results.rglob(".partial-*"))


def test_every_table_says_what_the_models_of_its_runs_have_seen(project):
    """But the paper's own values, and losses: they lie beside the model, and score no scan."""
    results = project.folder / "results"
    certificates = {
        path.parent.name: read_model(path).certificate
        for path in results.glob("train/*/model.safetensors")
    }
    assert len(certificates) == 4
    paths = set(results.rglob("*.csv")) - set(results.glob("train/*/losses.csv"))
    for path in paths - {results / "score" / "paper.csv"}:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if "Settings" in table:  # as the paper lays it out: a column per run
            cells = table[table["Value"] == "certificate"].iloc[0, 2:]
            assert set(cells) == {*certificates.values(), *["no model"][: "Real" in table]}, path
            continue
        assert "certificate" in table, path
        assert {"seen", "n_seen"} & set(table.columns), path
        for row in table.to_dict("records"):
            own = {certificates[row[name]] for name in ("run", "other") if name in row}
            assert own <= set(row["certificate"].split()), path


def test_whole_run_measures_the_subject_with_pathology(project):
    table = pd.read_csv(project.folder / "results" / "score" / "pathology.csv")
    assert set(table["pathology"]) == {"cyst"}
    assert set(table[table["measure"] == "mae_cyst"]["run"]) == {
        *("ours", "gan", "copy", "matched")
    }
    page = (project.folder / "results" / "render" / "report.html").read_text(encoding="utf-8")
    assert "Error in cyst" in page
    assert "No healthy test subject has a true or paired MR" in page


def test_no_name_of_a_patient_reaches_an_output(project):
    """It is in the tags and the path of an image. Logs do name paths, for those who have them."""
    paths = [path for path in (project.folder / "results").rglob("*") if path.is_file()]
    kinds = {".h5", ".html", ".csv", ".json", ".gz", ".tfm", ".png", ".txt", ".tsv", ".safetensors"}
    assert {path.suffix for path in paths} >= kinds
    assert {path.parent.name for path in paths} >= {"provenance", "lists", "rate", "illustrate"}
    for path in paths:
        assert NAME not in str(path).upper().encode()
        for part in unpacked(path):
            assert NAME not in part.upper(), path


def test_snakemake_makes_its_own_report_of_it(project):
    project.snakemake("--report", "snakemake.html")
    said = (project.folder / "snakemake.html").read_text(encoding="utf-8")
    assert "results/render/report.html" in said
    assert "results/illustrate/figure6.png" in said


def test_second_run_says_nothing_to_be_done(project):
    assert "Nothing to be done" in project.snakemake()


@pytest.mark.parametrize("edit", SETTINGS)
def test_setting_reruns_what_depends_on_it(project, edit):
    text, expected = SETTINGS[edit]
    with project.edited("edit.yaml", "{}", text):
        assert project.plan() == expected


@pytest.mark.parametrize("module", CODE)
def test_code_reruns_what_uses_it(project, module):
    with project.edited(f"ssus2mri/{module}", "", "\nEDITED = 1\n"):
        assert project.plan() == CODE[module]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config/config.yaml", "", "# a comment\n"),
        ("workflow/rules/prepare.smk", "rule crop:", "# a comment\nrule crop:"),
        ("ssus2mri/prepare/crop.py", "", "# a comment\n"),
        ("ssus2mri/render/report.py", '"""', '"""Now: '),
        ("data_manifest.csv", MANIFEST, "\n".join(MANIFEST.splitlines()) + "\n"),
    ],
)
def test_comments_rerun_nothing(project, name, old, new):
    with project.edited(name, old, new):
        assert project.plan() == {}


@pytest.mark.parametrize("edit", ROWS)
def test_row_reruns_what_depends_on_it(project, edit):
    old, new, expected = ROWS[edit]
    with project.edited("data_manifest.csv", old, new):
        assert project.plan() == expected


def test_a_2d_plane_is_prepared_by_one_process(project):
    """Volumes are not, beside it; a plane that cannot be read is named, and others go on."""
    picture, head = planes.draw(0)
    place = Path(IMAGE).parent
    data = project.folder / place
    phantom.us_still(data / "p.dcm", picture, PixelSpacing=[0.15, 0.15], **PATIENT)
    Image.fromarray(head).save(data / "head.png")
    (data / "bad.dcm").write_text("not an image")
    first, *rows = MANIFEST.splitlines()
    flat = "{0},{0},us,{1}/{0}.dcm,21.0,train,,{1}/head.png,axial,\n"
    table = "\n".join([f"{first},mask,plane,pixel_mm", *(f"{row},,," for row in rows), ""])
    both = [f"results/extract/{name}.h5" for name in ("bad", "p")]
    with project.edited("data_manifest.csv", MANIFEST, table + flat.format("p", place)):
        assert project.plan() == {"prepare": 1, **TRAIN}
        with (
            project.edited("data_manifest.csv", "", flat.format("bad", place)),
            pytest.raises(pytest.fail.Exception) as failure,
        ):
            project.snakemake("--keep-going", *both)
        assert f"{place}/bad.dcm: expected" in str(failure.value)
        assert project.plan() == TRAIN
        for edit, expected in (("crop: {margin_mm: 7.0}", CROP), ("align: {steps: 9}", ALIGN)):
            with project.edited("edit.yaml", "{}", edit):
                assert project.plan() == {"prepare": 1, **expected}


def test_changed_image_reruns_what_depends_on_it(project):
    with project.restored(IMAGE) as path:
        path.write_bytes(path.read_bytes() + b"\0")
        assert project.plan() == {**PREPARE_ONE, "blend": 1, "match": 1, **DELINEATE, **TRAIN}


def test_touched_image_reruns_nothing(project):
    (project.folder / IMAGE).touch()
    assert project.plan() == {}


def test_lost_output_is_made_again(project):
    with project.restored("results/score/table2.csv") as path:
        path.unlink()
        assert project.plan() == REPORT


@pytest.mark.parametrize(
    ("name", "stage"),
    [("rate/mos.csv", "collect"), ("compare/ours.csv", "compare"), ("rate/study.html", "rate")],
)
def test_lost_output_behind_others_is_made_again(project, name, stage):
    with project.restored(f"results/{name}") as path:
        path.unlink()
        assert project.plan()[stage] == 1


def test_same_seed_gives_the_same_bytes(project):
    """Everything anew, from the simulated heads on: every table has the bytes that it had."""
    results = project.folder / "results"
    before = {path: path.read_bytes() for path in sorted(results.rglob("*.csv"))}
    assert {path.parent.name for path in before} >= {"ours", "register", "compare", "score"}
    project.snakemake("--forcerun", "simulate", "template")
    assert [str(path) for path, old in before.items() if path.read_bytes() != old] == []
