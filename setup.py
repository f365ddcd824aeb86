"""Put what a project needs beside the package, such as the workflow, into the wheel.

Everything else is in pyproject.toml. `ssus2mri new` lays these folders out (`ssus2mri/project.py`).
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PARTS = ("workflow", "config", "envs")
DEMO = "data_manifest.csv"


class BuildWithLayout(build_py):
    """Copies `PARTS` into the built package; an editable install finds them in the clone."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if not self.editable_mode:
            layout = Path(self.build_lib) / "ssus2mri" / "layout"
            shutil.rmtree(layout, ignore_errors=True)
            for part in PARTS:
                shutil.copytree(part, layout / part, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copyfile(DEMO, layout / DEMO)


setup(cmdclass={"build_py": BuildWithLayout})
