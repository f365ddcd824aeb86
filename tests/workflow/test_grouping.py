"""Groups of jobs: none may wait for itself, and what succeeded in one that fails is kept."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from ssus2mri.grouping import install, succeeded

SNAKEFILE = """\
from ssus2mri import grouping

grouping.install()

rule last:
    input: "b", "c"
    output: "d"
    shell: "cat {input} > {output}"

rule first:
    output: "a"
    shell: "true > {output}"

rule between:
    input: "a"
    output: "b"
    shell: "true > {output}"

rule beside:
    input: "a"
    output: "c"
    shell: "true > {output}"
"""


def plan(folder: Path, *groups: str) -> subprocess.CompletedProcess[str]:
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "-n", "-q", "rules", "--groups", *groups]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_group_that_waits_for_itself_is_refused(tmp_path: Path) -> None:
    said = plan(tmp_path, "first=g", "last=g", "beside=g")
    assert said.returncode == 1
    assert "A group of jobs waits for itself" in said.stderr + said.stdout
    assert "between" in said.stderr + said.stdout


@pytest.mark.parametrize(("mode", "goes_on"), [("default", False), ("remote", True)])
def test_within_a_submission_a_job_that_fails_stops_no_other(
    tmp_path: Path, mode: str, goes_on: bool
) -> None:
    bad = """
rule bad:
    output: "bad"
    priority: 1
    shell: "false"
"""
    (tmp_path / "Snakefile").write_text(SNAKEFILE + bad)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--mode", mode, "bad", "a"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "bad" in done.stderr
    assert (tmp_path / "a").exists() is goes_on


def test_a_group_that_does_not_is_planned(tmp_path: Path) -> None:
    said = plan(tmp_path, "first=g", "between=g", "beside=g", "last=g")
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("output_s", "record_s", "expected"),
    [(1, 2, True), (2, 2, True), (2, 1, False), (None, 2, False), (1, None, False)],
)
def test_a_job_has_succeeded_if_its_record_is_the_last_file(
    tmp_path: Path, output_s: int | None, record_s: int | None, expected: bool
) -> None:
    for name, seconds in (("out", output_s), ("record", record_s)):
        if seconds is not None:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (seconds, seconds))
    assert succeeded([str(tmp_path / "out")], str(tmp_path / "record")) is expected
    assert not succeeded([str(tmp_path / "out")], None)


@dataclass
class Job:
    """A job of a group, which notes whether its end is treated as a failure."""

    output: list[str]
    benchmark: str
    failed: bool | None = None

    async def postprocess(self, *, error: bool, check_output_mtime: bool) -> None:
        self.failed = error


def test_what_succeeded_in_a_group_that_fails_is_kept(tmp_path: Path) -> None:
    import snakemake.cli  # noqa: F401, its modules import each other: this is the way in
    from snakemake.jobs import GroupJob

    install()
    jobs = [Job([str(tmp_path / f"{name}.h5")], str(tmp_path / f"{name}.tsv")) for name in "ab"]
    for path in (*jobs[0].output, jobs[0].benchmark, *jobs[1].output):  # the second has no record
        Path(path).touch()
    asyncio.run(GroupJob.postprocess(SimpleNamespace(toposorted=[jobs]), error=True))
    assert [job.failed for job in jobs] == [False, True]
