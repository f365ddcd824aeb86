"""A user's project in a folder of its own: small cohort, smallest settings, a copy of the code."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

NAME = b"MUSTERFRAU"
PATIENT = {
    "PatientName": "MUSTERFRAU^ERIKA",
    "PatientID": "MUSTERFRAU1",
    "InstitutionName": "MUSTERFRAU HOSPITAL",
    "PatientComments": "MUSTERFRAU",
    "StudyDescription": "MUSTERFRAU",
}
"""DICOM tags that name a patient."""
IMAGE = "data/MUSTERFRAU ERIKA/mr-4.dcm"
"""The scan that is a file of its own; its tags and its path name a patient."""
MANIFEST = f"""\
volume,subject,modality,image,ga_weeks,split,pathology
us-1,s1,us,results/simulate/us-1.nii.gz,22.5,train,
us-2,s2,us,results/simulate/us-2.nii.gz,23.5,val,
mr-3,s3,mr,results/simulate/mr-3.nii.gz,23.0,train,
mr-4,s4,mr,{IMAGE},23.2,train,
us-5,s5,us,results/simulate/us-5.nii.gz,23.1,test,cyst
mr-5,s5,mr,results/simulate/mr-5.nii.gz,23.1,test,cyst
"""
TINY = "enabled_runs: [ours, gan, copy, matched]\n"


@cache
def planner() -> subprocess.Popen[str]:
    """Start `forked_snakemake`, which ends when this process no longer holds its input."""
    path = Path(__file__).with_name("forked_snakemake.py")
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.Popen(
        [sys.executable, "-P", str(path)],
        env=variables,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


class Project:
    """A folder with all that a user's project holds, the package among it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        for name in ("config", "workflow", "envs", "ssus2mri"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        (folder / "data_manifest.csv").write_text(MANIFEST)
        smoke = (ROOT / "tests" / "config" / "smoke.yaml").read_text(encoding="utf-8")
        (folder / "tiny.yaml").write_text(smoke + TINY)
        (folder / "edit.yaml").write_text("{}\n")

    def snakemake(self, *arguments: str, manifest: str = "data_manifest.csv") -> str:
        """Run Snakemake there, on the package there; give all that it says."""
        line = self.line(*arguments, manifest=manifest)
        alone = line[0] == sys.executable  # or what stands before it would be left out
        run = self.planned if alone and "--dry-run" in arguments else self.ran
        code, said = run(line)
        if code:
            pytest.fail(said[-6000:])
        return said

    def ran(self, line: list[str]) -> tuple[int, str]:
        """Run a command in a process of its own; give its exit code and what it says."""
        run = subprocess.run(
            line,
            cwd=self.folder,
            env=self.variables(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return run.returncode, run.stdout

    def planned(self, line: list[str]) -> tuple[int, str]:
        """Do the same with a line that only plans, in a second less."""
        server = planner()
        assert server.stdin
        assert server.stdout
        with tempfile.NamedTemporaryFile() as said:
            asked = {
                "arguments": line[3:],
                "folder": str(self.folder),
                "environment": self.variables(),
                "said": said.name,
            }
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
            return code, said.read().decode()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake as the head of a group of processes."""
        return subprocess.Popen(
            self.line(*arguments),
            cwd=self.folder,
            env=self.variables(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def line(self, *arguments: str, manifest: str = "data_manifest.csv") -> list[str]:
        """Return the command line of Snakemake."""
        config = ("--configfile", "tiny.yaml", "edit.yaml", "--config", f"manifest={manifest}")
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, *config]

    def variables(self) -> dict[str, str]:
        """Return the environment: the package there, and the commands of this interpreter."""
        path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
        return {**os.environ, "PYTHONPATH": str(self.folder), "PATH": path, **self.environment}

    def plan(self, *arguments: str) -> dict[str, int]:
        """Ask which rules would run, and how often."""
        said = self.snakemake("--dry-run", "--quiet", "rules", *arguments)
        if "Nothing to be done" in said:
            return {}
        table = said.split("Job stats:")[1].split("total")[0]
        jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        assert jobs.pop("all") == 1
        return jobs

    @contextmanager
    def edited(self, name: str, old: str, new: str) -> Iterator[None]:
        """Replace text in a file for a while; without ``old``, put ``new`` at the end."""
        with self.restored(name) as path:
            text = path.read_text()
            assert old in text, f"{old!r} is not in {name}"
            path.write_text(text.replace(old, new, 1) if old else text + new)
            yield

    @contextmanager
    def restored(self, name: str) -> Iterator[Path]:
        """A file to change or to remove: afterwards it is as it was, its times too."""
        path = self.folder / name
        before, times = path.read_bytes(), path.stat()
        try:
            yield path
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
