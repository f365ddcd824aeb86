"""A disk that is full or cannot be written to: one message, no half file, and then it goes on."""

import re
import shlex
import shutil
import subprocess

import pytest
from phantom_failures import Smallest

from ssus2mri.why import STAGES

FULL = 'mount -t tmpfs -o size=4k none "$0"; head -c 4096 /dev/zero > "$0/full"; eval "$1"'
NO_MOUNT = 'ulimit -f 0; eval "$1"'
READ_ONLY = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; eval "$1"'
ALONE = ("unshare", "--map-root-user", "--mount")


@pytest.fixture(scope="module")
def mounts() -> bool:
    """Whether this system lets us mount, in a namespace of our own."""
    return bool(shutil.which(ALONE[0])) and not subprocess.run([*ALONE, "true"]).returncode


@pytest.fixture(scope="module")
def commands(undisturbed: Smallest) -> dict[str, str]:
    """The command of one job of each stage, without its log."""
    said = undisturbed.snakemake("--dry-run", "--printshellcmds", "--forceall")
    line = r"^(?: +|Shell command: )(ssus2mri (\w+) .*?)(?: &> \S+)?$"
    matches = re.findall(line, said, re.MULTILINE)
    commands = {stage: command for command, stage in reversed(matches)}
    assert {"crop", "train", "score"} <= set(commands), said
    return commands


def bash(project: Smallest, program: str, folder: str, command: str, *before: str):
    line = [*before, "bash", "-c", program, folder, command]
    return subprocess.run(
        line, cwd=project.folder, env=project.variables(), capture_output=True, text=True
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_message_and_harms_nothing(
    undisturbed: Smallest, commands: dict[str, str], mounts: bool, stage: str
) -> None:
    if stage not in commands:
        pytest.skip("no job of this project")
    results = undisturbed.folder / "results"
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    program, alone = (FULL, ALONE) if mounts else (NO_MOUNT, ())
    ended = bash(undisturbed, program, f"results/{stage}", commands[stage], *alone)
    assert ended.returncode == 1, ended.stderr
    assert re.search(rf"results/{stage}/\S+: expected a disk that can be", ended.stderr)
    assert "Free some space" in ended.stderr
    assert "Traceback" not in ended.stderr
    after = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    checkpoints = {path for path in after if "checkpoints" in path.parts}
    assert {path: after[path] for path in after.keys() - checkpoints} == before
    for path in checkpoints:  # of `train`: it goes on from there
        path.unlink()


def test_a_run_on_a_full_disk_goes_on_when_there_is_space(copied: Smallest) -> None:
    expected = copied.csvs()
    for folder in ("score", "render"):
        shutil.rmtree(copied.folder / "results" / folder)
    line = shlex.join(copied.line())
    failed = bash(copied, 'ulimit -f 1; eval "$1"', "", f"{line} 2>&1 | cat")
    assert "File too large" in failed.stdout
    assert not list((copied.folder / "results" / "score").glob("*.csv"))
    copied.snakemake()
    assert copied.csvs() == expected


@pytest.mark.parametrize("folder", ["results", "."])
def test_a_folder_that_cannot_be_written_to_stops_the_run_at_once(
    copied: Smallest, mounts: bool, folder: str
) -> None:
    if not mounts:
        pytest.skip("this system lets nobody mount (unshare --mount)")
    (copied.folder / "results" / "score" / "table2.csv").unlink()
    line = f"cd .; cd '{copied.folder}'; {shlex.join(copied.line())} 2>&1"
    refused = bash(copied, READ_ONLY, folder, line, *ALONE)
    assert "Read-only file system" in refused.stdout
    assert "Traceback" not in refused.stdout
    if folder == "results":
        assert "results: expected a folder that can be written to" in refused.stdout
        assert "rule score" not in refused.stdout
