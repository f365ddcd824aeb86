"""The flow as a user meets it: a whole run, then what an edit makes run again, and nothing else."""

import os
import shutil

import pandas as pd
import pytest
from phantom_project import MANIFEST, Project

pytestmark = pytest.mark.slow

VOLUMES, SIMULATED, RUNS = 6, 5, 4

REPORT = {"score": 1, "render": 1}
SHOW = {"browse": 1, "illustrate": 1}
EVALUATE = {"register": RUNS, "compare": RUNS, "segment": RUNS, **REPORT}
OPINIONS = {"rate": 1, "collect": 1}
SYNTHESIZE = {"synthesize": RUNS, "probe": RUNS, **SHOW, **OPINIONS, **EVALUATE}
TRAIN = {"train": RUNS, "explain": 1, **SYNTHESIZE}
EXTRACT = {"extract": VOLUMES, "match": 1, **TRAIN}
ALIGN = {"align": VOLUMES, "blend": 1, **EXTRACT}
VIEW = {"view": 2}
CROP = {"crop": VOLUMES, **ALIGN}
SIMULATE = {"template": 1, **VIEW, "simulate": SIMULATED, "crop": SIMULATED, **ALIGN}
ONE_RUN = {
    **dict.fromkeys(("train", "synthesize", "register", "compare", "probe", "segment"), 1),
    **SHOW,
    **OPINIONS,
    **REPORT,
}
NOT_TRAINED = {name: 1 for name in ONE_RUN if name != "train"}
MATCH = {"match": 1, **NOT_TRAINED}
BLEND = {"blend": 1, **MATCH}
WITH_PATHOLOGY = {
    "simulate": 2,
    "crop": 2,
    "align": 2,
    "extract": 2,
    "match": 1,
    "explain": 1,
    **SYNTHESIZE,
}
PREPARE_ONE = {"crop": 1, "align": 1, "extract": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project with everything made. One MR is a file of its own, as a real one is."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "data").mkdir()
    once = MANIFEST.replace("data/mr-4", "results/simulate/mr-4")
    (project.folder / "once.csv").write_text(once)
    project.snakemake("results/simulate/mr-4.nii.gz", manifest="once.csv")
    simulated = project.folder / "results" / "simulate"
    shutil.move(simulated / "mr-4.nii.gz", project.folder / "data" / "mr-4.nii.gz")
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


def test_whole_run_measures_the_subject_with_pathology(project):
    table = pd.read_csv(project.folder / "results" / "score" / "pathology.csv")
    assert set(table["pathology"]) == {"cyst"}
    assert set(table[table["measure"] == "mae_cyst"]["run"]) == {
        *("ours", "gan", "copy", "matched")
    }
    page = (project.folder / "results" / "render" / "report.html").read_text(encoding="utf-8")
    assert "Error in cyst" in page
    assert "No healthy test subject has a true or paired MR" in page


def test_snakemake_makes_its_own_report_of_it(project):
    project.snakemake("--report", "snakemake.html")
    said = (project.folder / "snakemake.html").read_text(encoding="utf-8")
    assert "results/render/report.html" in said
    assert "results/illustrate/figure6.png" in said


def test_second_run_says_nothing_to_be_done(project):
    assert "Nothing to be done" in project.snakemake()


SETTINGS = {
    "simulate": ("simulate: {seed: 1}", SIMULATE),
    "pathology": ("pathologies: {cyst: {diameter_mm: 9.0}}", WITH_PATHOLOGY),
    "pathology nobody has": ("pathologies: {bleed: {diameter_mm: 9.0}}", {}),
    "atlas": ("atlas: {spacing_mm: 3.2}", {"template": 1, **VIEW, **ALIGN}),
    "crop": ("crop: {margin_mm: 7.0}", CROP),
    "align": ("align: {steps: 9}", ALIGN),
    "extract": ("extract: {min_head_fraction: 0.25}", {"blend": 1, **EXTRACT}),
    "view": ("view: {scans: 2}", {**VIEW, **MATCH}),
    "match": ("match: {window_mm: 3.0}", BLEND),
    "train": ("train: {learning_rate: 0.0003}", TRAIN),
    "train, the machine's": ("train: {checkpoint_minutes: 3, device_share: 0.1}", {}),
    "one run": ("runs: {gan: {weights: {app: 2.0}}}", ONE_RUN),
    "one run, ours": ("runs: {ours: {weights: {app: 2.0}}}", {"explain": 1, **ONE_RUN}),
    "one run, a reference": ("runs: {copy: {seed: 3}}", ONE_RUN),
    "one run, matched": ("runs: {matched: {seed: 3}}", ONE_RUN),
    "a run's name in tables": ("runs: {gan: {label: Another}}", {**SHOW, **REPORT}),
    "a run left out": ("enabled_runs: [ours, copy]", {**SHOW, **OPINIONS, **REPORT}),
    "a run more": ("enabled_runs: [ours, gan, copy, matched, atlas]", ONE_RUN),
    "a run more, which learns from matched MR": (
        "enabled_runs: [ours, gan, copy, matched, ours_match]",
        {"match": 2, **ONE_RUN},
    ),
    "a run that is not enabled": ("runs: {no_att: {label: Other}}", {}),
    "synthesize": ("synthesize: {fuse: false}", SYNTHESIZE),
    "register": ("register: {slices_per_volume: 4}", {"register": RUNS, **REPORT}),
    "compare": ("compare: {slices_per_volume: 4}", {"compare": RUNS, **REPORT}),
    "probe": (
        "probe: {slices_per_volume: 4}",
        {"probe": RUNS, "explain": 1, "illustrate": 1, **REPORT},
    ),
    "segment": ("segment: {atrium: {aside_mm: 6.0}}", {"segment": RUNS}),
    "rate": ("rate: {images: 60}", {**OPINIONS, **REPORT}),
    "score": ("score: {confidence: 0.9}", {"collect": 1, **REPORT}),
    "illustrate": ("illustrate: {figure8: [gan]}", {"illustrate": 1, "render": 1}),
    "browse": ("browse: {slices_per_plane: 9}", {"browse": 1}),
    "render": ("render: {title: Another}", {"render": 1}),
    "split, with no subject to decide": ("split: {test: 0.3}", {}),
    "the same number, written otherwise": ("crop: {margin_mm: 6}", {}),
}


@pytest.mark.parametrize("edit", SETTINGS)
def test_setting_reruns_what_depends_on_it(project, edit):
    text, expected = SETTINGS[edit]
    with project.edited("edit.yaml", "{}", text):
        assert project.plan() == expected


CODE = {
    "simulate/template.py": {"template": 1, **ALIGN},
    "simulate/cohort.py": SIMULATE,
    "simulate/pathology.py": SIMULATE,
    "prepare/crop.py": CROP,
    "prepare/align.py": ALIGN,
    "prepare/extract.py": {"blend": 1, **EXTRACT},
    "prepare/blend.py": BLEND,
    "prepare/match.py": MATCH,
    "deform.py": {
        **{"blend": 1, "match": 1, "synthesize": 1, "probe": 1},
        **{**SHOW, **OPINIONS, **EVALUATE, "segment": 1},
    },
    "models/generator.py": TRAIN,
    "methods.py": TRAIN,
    "learn/train.py": TRAIN,
    "infer/synthesize.py": SYNTHESIZE,
    "infer/roi.py": SYNTHESIZE,
    "infer/probe.py": {"probe": RUNS, **REPORT},
    "rate/showing.py": {**OPINIONS, **REPORT},
    "rate/opinion.py": {"collect": 1, **REPORT},
    "segment/segment.py": {"segment": RUNS},
    "evaluate/segment.py": {"segment": RUNS},
    "evaluate/register.py": {"register": RUNS, **REPORT},
    "evaluate/compare.py": {"compare": RUNS, **REPORT},
    "evaluate/position.py": {"compare": RUNS, **REPORT},
    "evaluate/score.py": REPORT,
    "infer/explain.py": {"explain": 1, "illustrate": 1, "render": 1},
    "render/viewer.py": {"browse": 1},
    "render/illustrate.py": {"illustrate": 1, "render": 1},
    "render/report.py": {"render": 1},
    "render/templates/viewer.js": {"browse": 1},
    "render/templates/report.html": {"render": 1},
    "render/templates/report.css": {"render": 1},
    "render/templates/page.html": {"browse": 1, **OPINIONS, **REPORT},
}


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


ROWS = {
    "training scan added": (
        "",
        "us-6,s6,us,results/simulate/us-6.nii.gz,23.4,train,\n",
        {"simulate": 1, **PREPARE_ONE, **TRAIN},
    ),
    "test scan added": (
        "",
        "us-7,s7,us,results/simulate/us-7.nii.gz,22.8,test,\n",
        {"simulate": 1, **PREPARE_ONE, "match": 1, **SYNTHESIZE, "browse": 2},
    ),
    "training scan's age changed": (
        ",22.5,",
        ",22.6,",
        {"simulate": 1, **PREPARE_ONE, **TRAIN},
    ),
    "test MR's age changed": (
        "mr-5.nii.gz,23.1",
        "mr-5.nii.gz,23.3",
        {"simulate": 1, **PREPARE_ONE, "compare": RUNS, "illustrate": 1, **OPINIONS, **REPORT},
    ),
    "test MR taken away": (
        "mr-5,s5,mr,results/simulate/mr-5.nii.gz,23.1,test,cyst\n",
        "",
        {"compare": RUNS, "illustrate": 1, **OPINIONS, **REPORT},
    ),
    "scan moved from training to test": (
        "mr-4.nii.gz,23.2,train",
        "mr-4.nii.gz,23.2,test",
        {"extract": 1, "blend": 1, "match": 1, **TRAIN},
    ),
}


@pytest.mark.parametrize("edit", ROWS)
def test_row_reruns_what_depends_on_it(project, edit):
    old, new, expected = ROWS[edit]
    with project.edited("data_manifest.csv", old, new):
        assert project.plan() == expected


def test_changed_image_reruns_what_depends_on_it(project):
    path = project.folder / "data" / "mr-4.nii.gz"
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(before + b"\0")
    try:
        assert project.plan() == {**PREPARE_ONE, "blend": 1, "match": 1, **TRAIN}
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_touched_image_reruns_nothing(project):
    (project.folder / "data" / "mr-4.nii.gz").touch()
    assert project.plan() == {}


def test_lost_output_is_made_again(project):
    path = project.folder / "results" / "score" / "table2.csv"
    text, times = path.read_bytes(), path.stat()
    path.unlink()
    try:
        assert project.plan() == REPORT
    finally:
        path.write_bytes(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_same_seed_gives_the_same_bytes(project):
    """Everything anew, from the simulated heads on: every table has the bytes that it had."""
    results = project.folder / "results"
    before = {path: path.read_bytes() for path in sorted(results.rglob("*.csv"))}
    assert {path.parent.name for path in before} >= {"ours", "register", "compare", "score"}
    project.snakemake("--forcerun", "simulate", "template")
    assert [str(path) for path, old in before.items() if path.read_bytes() != old] == []
