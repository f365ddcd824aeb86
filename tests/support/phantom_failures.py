"""The smallest project with a job of every stage, to be run, killed and starved in the tests."""

import copy
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from phantom_project import Project

WEIRD = "weird 'a' \"b\" $HOME %s {} {volume} <logs> äß"
NOBODY = {"HOME": "/dev/null/nobody", "LC_ALL": "tr_TR.UTF-8"}  # a home that nobody can make
IMAGE = f"data/{WEIRD}.nii.gz"
MANIFEST = f"""\
volume,subject,modality,image,ga_weeks,split
us-1,s1,us,results/simulate/us-1.nii.gz,22.5,train
mr-2,s2,mr,"{IMAGE.replace('"', '""')}",23.0,train
us-3,s3,us,results/simulate/us-3.nii.gz,23.1,test
"""
ONCE = MANIFEST.replace(f'"{IMAGE.replace(chr(34), chr(34) * 2)}"', "results/simulate/mr-2.nii.gz")
LESS = """\
enabled_runs: [ours, matched]
simulate: {size: 32, spacing_mm: 3.0, ultrasound: {probe: {sides: {right: 1.0, left: 0.0}}}}
train: {checkpoint_minutes: 1.0e-9}
register: {slices_per_volume: 1}
compare: {slices_per_volume: 1}
"""


class Smallest(Project):
    """A project whose paths have every odd letter; ``environment`` is laid over that of tests.

    ``before`` stands before every command, and the variables ``unset`` are not passed on.
    """

    before: Sequence[str] = ()
    unset: Sequence[str] = ()

    def __init__(self, folder: Path, image: Path | None = None, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder)
        self.environment = environment
        (folder / "data_manifest.csv").write_text(MANIFEST, encoding="utf-8")
        (folder / "edit.yaml").write_text(LESS, encoding="utf-8")
        (folder / "data").mkdir()
        if image is None:
            (folder / "once.csv").write_text(ONCE, encoding="utf-8")
            self.snakemake("results/simulate/mr-2.nii.gz", manifest="once.csv")
            (folder / "results/simulate/mr-2.nii.gz").rename(folder / IMAGE)
        else:
            (folder / IMAGE).write_bytes(image.read_bytes())

    def at(self, folder: Path) -> "Smallest":
        """Return the same project in another folder, in the environment of the tests."""
        other = copy.copy(self)
        other.folder, other.environment, other.before, other.unset = folder, {}, (), ()
        return other

    def line(self, *arguments: str, manifest: str = "data_manifest.csv") -> list[str]:
        """Return the command line of Snakemake, with what stands before it."""
        return [*self.before, *super().line(*arguments, manifest=manifest)]

    def variables(self) -> dict[str, str]:
        """Return the environment without the variables that are unset."""
        return {k: v for k, v in super().variables().items() if k not in self.unset}

    def csvs(self) -> dict[str, bytes]:
        """Return the content of all CSVs among the results."""
        results = self.folder / "results"
        return {str(p.relative_to(results)): p.read_bytes() for p in sorted(results.rglob("*.csv"))}


def jobs(group: int) -> dict[str, int]:
    """Return stage -> process of all commands that a group of processes executes."""
    processes = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if os.getpgid(int(process.name)) == group and words[1].endswith(b"/ssus2mri"):
                processes[words[2].decode()] = int(process.name)
        except (OSError, IndexError):
            continue
    return processes


def kill_all(run: subprocess.Popen[str]) -> str:
    """Kill a group of processes at once, wait for their end, and give what they said."""
    os.killpg(run.pid, signal.SIGKILL)
    said = run.communicate()[0]
    while jobs(run.pid):
        time.sleep(0.01)
    return said


def offline() -> list[str]:
    """Return what cuts a command off the network, if the system lets us; see unshare(1)."""
    prefix = ["unshare", "--map-root-user", "--net"]
    can = shutil.which(prefix[0]) and not subprocess.run([*prefix, "true"]).returncode
    return prefix if can else []


def turkish(folder: Path) -> dict[str, str]:
    """Make a locale with decimal commas and letters that change case in another way, if we can."""
    locale = folder / "locale" / NOBODY["LC_ALL"]
    locale.parent.mkdir()
    maker = shutil.which("localedef")
    if maker is None or subprocess.run([maker, "-f", "UTF-8", "-i", "tr_TR", locale]).returncode:
        return {}
    return {"LOCPATH": str(locale.parent)}


def whole_run(folder: Path) -> Smallest:
    """Run the project without home, display and network, with odd letters in its paths."""
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}  # Snakemake insists on one
    project = Smallest(folder / WEIRD, **NOBODY, **turkish(folder), **cache)
    project.before = offline()
    project.unset = ("DISPLAY", "WAYLAND_DISPLAY", "MPLCONFIGDIR")
    project.snakemake()
    return project
