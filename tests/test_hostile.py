"""Files made to hurt: each is refused by one message, quickly, in little memory, with no trace."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT
from phantom_hostile import CASES

MOST_S, MOST_MB = 5.0, 500.0
MEASURED = ROOT / "tests" / "support" / "measured.py"


class Ended(NamedTuple):
    """How a command ended: exit code, what it said, CPU seconds, peak memory."""

    code: int
    said: str
    cpu_s: float
    peak_mb: float


def command(folder: Path, *words: str) -> Ended:
    """Run a command in a folder, no longer than ten times what is allowed."""
    limit = str(int(10 * MOST_S))
    measured = subprocess.run(
        [sys.executable, MEASURED, limit, sys.executable, "-m", "ssus2mri", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    return Ended(*json.loads(measured.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("what", CASES)
def test_refused_quickly_and_in_little_memory(tmp_path: Path, what: str) -> None:
    make, message = CASES[what]
    words = make(tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    ended = command(tmp_path, *words)
    assert message in ended.said, ended
    assert ended.code == 1, ended
    assert "Traceback" not in ended.said
    assert len(ended.said) < 3000
    assert ended.cpu_s < MOST_S, ended
    assert ended.peak_mb < MOST_MB, ended
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
