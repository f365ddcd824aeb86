"""Check the working directory before the first job: no other run, a writable disk, a sane clock.

Snakemake locks a folder too, but cannot tell a run that works from one that was killed. Here the
kernel does: it gives a file lock back however its process ends.
"""

import fcntl
import logging
import os
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ssus2mri.errors import InputError

logger = logging.getLogger(__name__)

STATE = Path(".snakemake")
LOCK, SNAKEMAKE_LOCKS = STATE / "ssus2mri.lock", STATE / "locks"
WRITTEN = (STATE, Path("results"), Path("logs"))
_NO_RUN = frozenset(
    (
        *("-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--help", "--version"),
        *("--summary", "-S", "--detailed-summary", "-D", "--report", "--archive"),
        *("--dag", "--rulegraph", "--filegraph", "--d3dag", "--list-rules", "-l"),
        *("--list-changes", "--list-untracked", "--cleanup-metadata"),
        *("--conda-create-envs-only", "--generate-unit-tests"),
    )
)
ON_EXIT = (
    'status=$?; if [ "$status" -eq 137 ]; then'
    ' echo "ssus2mri: a process was killed (signal 9). Most often memory has run out: the'
    " machine has too little, or the job asked for too little. Ask for more"
    " (--set-resources RULE:mem_mb=16000, RULE as named below), or start fewer jobs at once"
    ' (--cores). The same command then goes on." >&2; fi'
)
"""What bash does at the end of a job's command."""
_SLACK_S = 60.0
"""How far clocks of a network may differ."""
_held: list[int] = []  # the descriptor: closed, and so unlocked, with the process


def executes(arguments: Sequence[str], dry_run: bool = False) -> bool:
    """Return whether a command line of Snakemake runs jobs."""
    return not dry_run and _NO_RUN.isdisjoint(arguments)


def begin(images: Iterable[str]) -> None:
    """Claim the working directory for a run, until the process ends.

    Locks that a killed run has left to Snakemake are removed.

    Raises:
        InputError: another run works there, or may; it cannot be written to; or files are of a time
            to come, so that every job would be done again.
    """
    paths = [*map(Path, images)]
    require_nameable([Path.cwd(), *paths], sys.getfilesystemencoding())
    require_writable(WRITTEN)
    _claim()
    require_past([*paths, *Path("results").glob("*/*")])


def require_nameable(paths: Iterable[Path], encoding: str) -> None:
    """Refuse letters that the language settings cannot write: files would seem to be missing.

    Args:
        paths: of files, as text.
        encoding: in which Python gives names of files to the system.

    Raises:
        InputError: a path beyond ASCII, and no UTF-8.
    """
    if encoding.lower().replace("-", "") == "utf8":
        return
    for path in paths:
        if not str(path).isascii():
            raise InputError(
                str(path),
                expected="language settings (LC_ALL, LANG) with UTF-8 for such letters",
                found=encoding,
                do="Set the environment variable PYTHONUTF8=1 and start again.",
            )


def require_writable(folders: Iterable[Path]) -> None:
    """Refuse folders that cannot be written to, before hours are spent.

    Raises:
        InputError: one cannot.
    """
    for folder in folders:
        probe = folder / f".partial-{os.getpid()}-probe"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
        except OSError as error:
            lost = folder.is_symlink() and not folder.exists()
            raise InputError(
                str(folder.absolute()),
                expected="a folder that can be written to",
                found="a link to what is not there" if lost else error.strerror or str(error),
                do="Change its permissions, or work in another folder (`snakemake --directory`).",
            ) from error
        finally:
            with suppress(OSError):
                probe.unlink()


def require_past(paths: Iterable[Path]) -> None:
    """Refuse files of a time to come: the clock was set back, and outputs would look out of date.

    Raises:
        InputError: there is one.
    """
    now = time.time()
    times = {}
    for path in paths:
        with suppress(OSError):
            times[path] = path.stat().st_mtime
    ahead = {path: stamp - now for path, stamp in times.items() if stamp - now > _SLACK_S}
    if ahead:
        last = max(ahead, key=lambda path: ahead[path])
        raise InputError(
            str(last),
            expected="a file dated in the past",
            found=f"a time {ahead[last]:.0f} s ahead of the clock, in {len(ahead)} file(s)",
            do="Correct the clock of this computer. If it is right, `touch` these files.",
        )


def _claim() -> None:
    if _held:
        return
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o664)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        before = _record(descriptor)
        os.close(descriptor)
        raise InputError(
            str(Path.cwd()),
            expected="no other run in this folder",
            found=f"one that is running there ({before})",
            do="Wait for it to end, or stop it; another project needs another folder.",
        ) from None
    except OSError:  # a file system without locks: Snakemake's own have to do
        os.close(descriptor)
        return
    _forget_killed_run(_record(descriptor))
    os.truncate(descriptor, 0)
    about = f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%F %T')}"
    os.pwrite(descriptor, about.encode(), 0)
    _held.append(descriptor)


def _record(descriptor: int) -> str:
    return os.pread(descriptor, 500, 0).decode("utf-8", "replace") or "unknown"


def _forget_killed_run(before: str) -> None:
    """Remove the locks of a run that was killed on this computer, and whose jobs have ended."""
    locks = list(SNAKEMAKE_LOCKS.glob("*.lock"))
    if not locks or before == "unknown":
        return
    if f" on {socket.gethostname()} " not in before:
        raise InputError(
            str(Path.cwd()),
            expected="no other run in this folder",
            found=f"the lock of one on another computer ({before})",
            do="Wait for it to end. If it was killed, run `snakemake --unlock`, then try again.",
        )
    orphans = _jobs_here()
    if orphans:
        raise InputError(
            str(Path.cwd()),
            expected="no other run in this folder",
            found=f"jobs of a run that was killed, still working: {', '.join(map(str, orphans))}",
            do="Wait for them to end, or stop them (`kill` with these numbers).",
        )
    for lock in locks:
        lock.unlink(missing_ok=True)
    logger.warning("the last run here was killed (%s): its unfinished jobs run again", before)


def _jobs_here() -> list[int]:
    """List processes of this package that work in this folder, where the kernel tells (Linux)."""
    here = Path.cwd()
    jobs = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")[:3]
            ours = any(Path(os.fsdecode(word)).name == "ssus2mri" for word in words)
            if ours and Path(os.readlink(process / "cwd")) == here:
                jobs.append(int(process.name))
    return sorted(jobs)


def tidy() -> None:
    """Remove half-written files that killed jobs have left; only when no job runs."""
    for left in Path("results").rglob(".partial-*"):
        left.unlink(missing_ok=True)
