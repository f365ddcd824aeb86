"""A run begins only where it is alone, can write, and the clock is right."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssus2mri import preflight
from ssus2mri.errors import InputError
from ssus2mri.preflight import LOCK, SNAKEMAKE_LOCKS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to run in; what is claimed is given back at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "_held", [])
    yield tmp_path
    for descriptor in preflight._held:
        os.close(descriptor)


def killed_run(host: str) -> Path:
    """Leave what a killed run leaves: the name of a process, and a lock of Snakemake."""
    SNAKEMAKE_LOCKS.mkdir(parents=True)
    LOCK.write_text(f"process 7 on {host} since 2026-01-01 00:00:00")
    lock = SNAKEMAKE_LOCKS / "0.input.lock"
    lock.write_text("results/crop/us-1.nii.gz\n")
    return lock


def test_a_second_run_is_refused_and_told_of_the_first(folder: Path) -> None:
    program = "import sys, time; from ssus2mri import preflight; preflight.begin([]);"
    program += "print('claimed', flush=True); time.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "claimed\n"
        with pytest.raises(InputError, match=rf"running there \(process {first.pid} on .*Wait for"):
            preflight.begin([])
    finally:
        first.kill()
        first.communicate()
    preflight.begin([])  # the kernel gives the lock of a killed process back
    assert f"process {os.getpid()} on {socket.gethostname()} since" in LOCK.read_text()


def test_the_lock_of_a_killed_run_is_removed(folder: Path) -> None:
    lock = killed_run(socket.gethostname())
    preflight.begin([])
    assert not lock.exists()


def test_the_lock_of_another_computer_is_left_alone(folder: Path) -> None:
    lock = killed_run("elsewhere")
    with pytest.raises(InputError, match=r"another computer \(process 7 on elsewhere.*--unlock"):
        preflight.begin([])
    assert lock.exists()


def test_jobs_that_outlived_their_run_are_waited_for(folder: Path) -> None:
    lock = killed_run(socket.gethostname())
    (folder / "ssus2mri").write_text("import time; time.sleep(60)")
    job = subprocess.Popen([sys.executable, str(folder / "ssus2mri"), "train"])
    try:
        while b"ssus2mri" not in Path(f"/proc/{job.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        with pytest.raises(InputError, match=rf"still working: {job.pid}\. Wait"):
            preflight.begin([])
        assert lock.exists()
    finally:
        job.kill()
        job.communicate()


def test_a_file_system_without_locks_leaves_it_to_snakemake(folder, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    lock = killed_run(socket.gethostname())
    monkeypatch.setattr(fcntl, "flock", refuse)
    preflight.begin([])
    assert lock.exists()


@pytest.mark.parametrize("name", ["results", "logs", ".snakemake"])
def test_a_folder_that_cannot_be_written_to_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("a file")
    with pytest.raises(InputError, match=rf"/{name}: expected a folder that can be written to"):
        preflight.begin([])


def test_a_clock_that_was_set_back_is_noticed_before_the_first_job(folder: Path) -> None:
    image, result = folder / "us.nii.gz", folder / "results" / "crop" / "us-1.nii.gz"
    result.parent.mkdir(parents=True)
    for path in (image, result):
        path.write_bytes(b"0")
    preflight.begin([str(image), str(folder / "missing")])
    os.utime(result, (time.time() + 7200,) * 2)
    with pytest.raises(InputError, match=r"us-1.nii.gz: .* a time 7[12]\d\d s ahead of the clock"):
        preflight.begin([str(image)])
    os.utime(image, (time.time() + 90_000,) * 2)
    with pytest.raises(InputError, match=r"us\.nii\.gz: .*in 2 file.*`touch`"):
        preflight.begin([str(image)])


@pytest.mark.parametrize(
    ("arguments", "dry_run", "expected"),
    [
        (["--cores", "2"], False, True),
        (["--cores", "2", "-n"], False, False),
        (["--cores", "2"], True, False),
        (["--unlock"], False, False),
    ],
)
def test_only_a_run_of_jobs_claims_the_folder(arguments, dry_run, expected) -> None:
    assert preflight.executes(arguments, dry_run) is expected


def test_letters_that_the_language_cannot_write_are_refused() -> None:
    paths = [Path("data/us.nii.gz"), Path("data/äß.nii.gz")]
    preflight.require_nameable(paths, "utf-8")
    preflight.require_nameable(paths[:1], "iso8859-9")
    with pytest.raises(InputError, match=r"äß\.nii\.gz: .*iso8859-9.*PYTHONUTF8=1"):
        preflight.require_nameable(paths, "iso8859-9")


def test_half_written_files_of_killed_jobs_are_removed(folder: Path) -> None:
    kept, left = (folder / "results" / "crop" / name for name in ("a.h5", ".partial-7-a.h5"))
    kept.parent.mkdir(parents=True)
    for path in (kept, left):
        path.write_bytes(b"0")
    preflight.tidy()
    assert kept.exists()
    assert not left.exists()


@pytest.mark.parametrize(("command", "said"), [("kill -9 $BASHPID", True), ("exit 1", False)])
def test_a_killed_command_says_why_in_its_stead(command: str, said: bool) -> None:
    line = f"set -euo pipefail; trap '{preflight.ON_EXIT}' EXIT; ( {command} )"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert ended.returncode == (137 if said else 1)
    assert ("memory has run out" in ended.stderr) is said


def test_results_that_are_a_link_to_nowhere_are_named(folder: Path) -> None:
    (folder / "results").symlink_to(folder / "gone")
    with pytest.raises(InputError, match=r"/results: .*found a link to what is not there"):
        preflight.begin([])
