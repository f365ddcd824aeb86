"""What the workflow of GitHub names is there, and is what runs here."""

import os
import re
import tomllib

import yaml
from conftest import ROOT

STEPS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["ci"]


def test_it_runs_the_same_script() -> None:
    (step,) = [step for step in STEPS["steps"] if step.get("run") == ".ci/run"]
    assert step["env"] == {"SSUS2MRI_SLURM": "1"}
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_python_and_versions_are_those_of_the_project() -> None:
    (setup,) = [step["with"] for step in STEPS["steps"] if "python-version" in step.get("with", {})]
    assert (ROOT / setup["cache-dependency-path"]).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least = re.fullmatch(r">=3\.(\d+)", project["requires-python"])
    assert least
    assert int(setup["python-version"].removeprefix("3.")) >= int(least[1])


def test_targets_of_the_script_are_there() -> None:
    """And a lock of versions has what SLURM needs."""
    script, make = ((ROOT / path).read_text() for path in (".ci/run", "Makefile"))
    for target in re.findall(r"make ([\w.-]+)", script):
        assert re.search(rf"^{re.escape(target)}:", make, re.MULTILINE), target
    for path in re.findall(r"(?:config|tests/config)/\w+\.yaml", script):
        assert (ROOT / path).is_file()
    assert "snakemake-executor-plugin-slurm==" in (ROOT / "requirements.lock").read_text()
