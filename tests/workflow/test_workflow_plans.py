"""Plans of the workflow in a new project, and what stops it before or in the first job."""

import os
import re

import phantom_inputs as phantom
import pytest
from phantom_project import IMAGE, MANIFEST, Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project in which nothing has run. A file stands for its real MR."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / IMAGE).parent.mkdir(parents=True)
    (project.folder / IMAGE).write_bytes(b"0")
    return project


def test_failed_job_says_why_and_leaves_no_output(project):
    (project.folder / "data" / "bad.nii.gz").write_text("not an image")
    bad = project.folder / "bad.csv"
    bad.write_text(MANIFEST + "mr-9,s9,mr,data/bad.nii.gz,23.0,train,\n")
    with pytest.raises(pytest.fail.Exception) as failure:
        project.snakemake("results/crop/mr-9.nii.gz", manifest="bad.csv")
    assert "data/bad.nii.gz: expected" in str(failure.value)  # Snakemake shows the job's log
    assert "Traceback" not in str(failure.value)
    assert not list((project.folder / "results" / "crop").glob("*mr-9*"))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "edit.yaml",
            "{}",
            "corp: {margin_mm: 7.0}",
            "corp: expected a key that config/config.yaml",
        ),
        ("edit.yaml", "{}", "atlas: {volume: us-1}", "atlas.volume: expected"),
        (
            "data_manifest.csv",
            "us-2,s2,us",
            "us-2,s2,ct",
            "data_manifest.csv row 3, column modality",
        ),
    ],
)
def test_bad_configuration_stops_before_the_first_job(project, name, old, new, message):
    with project.edited(name, old, new):
        with pytest.raises(pytest.fail.Exception) as failure:
            project.plan()
        assert message in str(failure.value)
        assert "Traceback" not in str(failure.value)


@pytest.mark.parametrize("profile", ["default", "slurm", "slurm-gres"])
def test_profile_plans_the_whole_graph(project, profile):
    said = project.snakemake(
        "--dry-run",
        "--forceall",
        "--quiet",
        "rules",
        "--workflow-profile",
        f"workflow/profiles/{profile}",
    )
    assert re.search(r"^train +4$", said, re.MULTILINE)


def test_several_gpus_of_a_job_share_a_training(project):
    asked = ("--set-resources", "train:gpu=4", "train:processes=4", "--set-threads", "train=2")
    profile = ("--workflow-profile", "workflow/profiles/slurm")
    target = "results/train/ours/model.safetensors"
    said = project.snakemake(
        target, "--dry-run", "-p", "--forcerun", "train", *profile, *asked, "--until", "train"
    )
    (command,) = re.findall(r"ssus2mri train .*--run=ours .*", said)
    assert "--threads=2 --processes=4" in command
    assert "gpu=4" in said


def test_an_unknown_scan_is_named(project):
    with pytest.raises(pytest.fail.Exception) as failure:
        project.snakemake("--dry-run", "results/crop/us-77.nii.gz")
    assert "volume us-77: expected one of data_manifest.csv" in str(failure.value)


def test_lint_is_clean(project):
    assert "good condition" in project.snakemake("--lint")


def test_a_slice_replaced_and_data_beside_a_header_run_again(tmp_path):
    """Snakemake looks at a folder and a header only; their parts are inputs, too."""
    project = Project(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    phantom.series(data / "dcm")
    (data / "v.raw").write_bytes(b"0")
    phantom.meta(data / "v.mhd", lines={"ElementDataFile": "v.raw"}, data=b" ")
    rows = MANIFEST.replace(IMAGE, "data/dcm")
    rows = rows.replace("results/simulate/mr-3.nii.gz", "data/v.mhd")
    (tmp_path / "data_manifest.csv").write_text(rows)
    targets = [f"results/crop/{name}.nii.gz" for name in ("mr-3", "mr-4")]
    for path in targets:
        for end in (".nii.gz", "_mask.nii.gz"):
            output = tmp_path / path.replace(".nii.gz", end)
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_bytes(b"0")
    project.snakemake("--touch", *targets)
    assert "Nothing to be done" in project.snakemake("--dry-run", *targets)
    for edited, name in ((data / "dcm" / "IM0007.dcm", "mr-4"), (data / "v.raw", "mr-3")):
        later = (tmp_path / targets[0]).stat().st_mtime_ns + 10**10
        before = edited.stat()
        os.utime(edited, ns=(later, later))
        said = project.snakemake("--dry-run", *targets)
        assert re.findall(r"wildcards: volume=(\S+)", said) == [name]
        os.utime(edited, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_submission_reads_the_same_workflow(project):
    """What a cluster starts is another Snakemake, which knows its settings later."""
    said = project.snakemake("results/template/mr.nii.gz", "--mode", "remote", "--dry-run")
    assert "rule template" in said


@pytest.mark.parametrize("name", ["-x", "@x", "{}", "{volume}", "<logs>", "{no} <such>"])
def test_a_path_reaches_its_command_as_it_is(project, name):
    """The command refuses what is no image, and names it."""
    (project.folder / f"{name}.nii.gz").write_text("not an image")
    (project.folder / "odd.csv").write_text(MANIFEST.replace(IMAGE, f"{name}.nii.gz"))
    with pytest.raises(pytest.fail.Exception) as failure:
        project.snakemake("results/crop/mr-4.nii.gz", manifest="odd.csv")
    assert f"ssus2mri: {name}.nii.gz: expected a whole file" in str(failure.value)


def test_words_in_braces_stay_in_a_title_and_a_label(project):
    """They are parameters of rules, in which Snakemake fills in wildcards."""
    text = "render: {title: 'A {volume} {title}'}\nruns: {gan: {label: '{run} <gan>'}}\n"
    with project.edited("edit.yaml", "{}", text):
        said = project.snakemake("--dry-run", "--printshellcmds", "--until", "render")
    assert '"title":"A {volume} {title}"' in said
    assert '"gan": "{run} <gan>"' in said
