"""A whole run of the smallest project, left alone, and copies of it to do harm to."""

import shutil
import subprocess
from pathlib import Path

import pytest
from phantom_failures import WEIRD, Smallest

NOBODY = {"HOME": "/nonexistent", "LC_ALL": "tr_TR.ISO-8859-9", "LANG": "tr_TR.ISO-8859-9"}


def offline() -> list[str]:
    """Return what cuts a command off the network, if the system lets us; see unshare(1)."""
    prefix = ["unshare", "--map-root-user", "--net"]
    can = shutil.which(prefix[0]) and not subprocess.run([*prefix, "true"]).returncode
    return prefix if can else []


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Smallest:
    """A whole run in an odd environment: no home, display or network, odd letters in paths."""
    project = Smallest(tmp_path_factory.mktemp("left-alone") / WEIRD, **NOBODY)
    project.before = offline()
    project.unset = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    project.snakemake()
    return project


@pytest.fixture
def copied(undisturbed: Smallest, tmp_path: Path) -> Smallest:
    """A copy of the whole project in a folder with a plain name, times and all."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy")
    return undisturbed.at(tmp_path / "copy")
