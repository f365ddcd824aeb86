"""What a user gets who installs the package and has no clone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from ssus2mri import project
from ssus2mri.errors import InputError

MANIFEST = """\
volume,subject,modality,image,ga_weeks,split
us-1,s1,us,results/simulate/us-1.nii.gz,22.5,train
mr-1,s2,mr,results/simulate/mr-1.nii.gz,23.5,train
us-2,s3,us,results/simulate/us-2.nii.gz,23.5,test
"""


def run(folder: Path, packages: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_wheel_lays_out_a_project_that_plans_the_whole_workflow(tmp_path):
    wheels, packages, outside = (tmp_path / name for name in ("wheels", "packages", "outside"))
    outside.mkdir()
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    isolated = ("--no-deps", "--no-build-isolation", "--no-cache-dir")
    run(outside, packages, *pip, "wheel", *isolated, "--wheel-dir", str(wheels), str(ROOT))
    (wheel,) = wheels.glob("ssus2mri-*.whl")
    run(outside, packages, *pip, "install", "--no-deps", "--target", str(packages), str(wheel))
    assert "workflow/" in run(outside, packages, "-m", "ssus2mri", "new", "mine")
    mine = outside / "mine"
    (mine / "data_manifest.csv").write_text(MANIFEST)
    run(mine, packages, "-m", "ssus2mri", "check")
    demo = ("--manifest", "demo_manifest.csv")
    run(mine, packages, "-m", "ssus2mri", "check", "config/small.yaml", "config/demo.yaml", *demo)
    for profile in ("default", "slurm", "slurm-gres"):
        chosen = ("--workflow-profile", f"workflow/profiles/{profile}")
        said = run(mine, packages, "-m", "snakemake", "--dry-run", "--quiet", "rules", *chosen)
        assert "render" in said


def test_a_new_project_has_what_the_clone_has(tmp_path):
    project.lay_out(tmp_path / "mine")
    assert (tmp_path / "mine" / "workflow" / "profiles" / "slurm" / "config.yaml").is_file()
    assert (tmp_path / "mine" / "config" / "config.yaml").is_file()
    assert (tmp_path / "mine" / "demo_manifest.csv").is_file()
    assert not list((tmp_path / "mine").rglob("__pycache__"))


def test_a_folder_with_content_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a new or empty folder"):
        project.lay_out(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
