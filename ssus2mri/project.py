"""Lay out a new project: workflow, profiles and configuration as they are installed."""

import shutil
from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.files import unwritable

PARTS = ("workflow", "config", "envs")
"""What a project needs beside the package; the folders of the repository."""
DEMO, DEMO_LAID_OUT = "data_manifest.csv", "demo_manifest.csv"
"""The simulated cohort of the repository; a project's own table has its name."""
INSTALLED = Path(__file__).parent / "layout"
"""Where an installed package keeps them (`setup.py`); in a clone they lie beside the package."""


def source() -> Path:
    """Return the folder that holds `PARTS`: of the installed package, else of the clone."""
    return INSTALLED if INSTALLED.is_dir() else Path(__file__).parent.parent


def lay_out(folder: Path) -> None:
    """Copy workflow, profiles, configuration, environment and the demo's table into a new folder.

    Raises:
        InputError: it has content, or cannot be written.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(
            str(folder),
            expected="a new or empty folder",
            found="a file" if folder.is_file() else "files in it",
            do="Give another name.",
        )
    is_new = not folder.exists()
    try:
        for part in PARTS:
            compiled = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source() / part, folder / part, ignore=compiled)
        shutil.copyfile(source() / DEMO, folder / DEMO_LAID_OUT)
    except OSError as error:  # shutil.Error among them
        for part in PARTS:
            shutil.rmtree(folder / part, ignore_errors=True)
        (folder / DEMO_LAID_OUT).unlink(missing_ok=True)
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise unwritable(folder, error) from error
