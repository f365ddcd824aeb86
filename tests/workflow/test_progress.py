"""The progress line of `make demo`."""

import importlib.util
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("progress", ROOT / "workflow" / "progress.py")
progress = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(progress)

RUN = """Job stats:
job      count
-----  -------
crop         2
train        2
total        4

[Mon Nov 30 02:15:12 2026]
localrule crop:
    input: data/a.nii.gz
    log: logs/crop/a.log
    jobid: 3
    wildcards: volume=a
    resources: tmpdir=/tmp
[Mon Nov 30 02:15:14 2026]
Finished jobid: 3 (Rule: crop)
1 of 4 steps (25%) done
[Mon Nov 30 02:15:14 2026]
localrule train:
    output: results/train/ours/model.safetensors
    log: logs/train/ours.log
    jobid: 5
    wildcards: run=ours
    resources: tmpdir=/tmp
"""
EPOCHS = """02:16:51 ssus2mri.learn.train: ours: training from epoch 0, step 0
02:17:11 ssus2mri.learn.progress: ours: epoch 1 of 10: lat 0.088; criterion 1.1879; 3 min left
02:17:31 ssus2mri.learn.progress: ours: epoch 2 of 10: lat 0.012; criterion 0.7286; 3 min left
"""


@pytest.fixture(autouse=True)
def _costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress, "COST_S", {"train": 100.0, "train ours": 150.0})
    monkeypatch.chdir(tmp_path)


def train_log(text: str) -> None:
    Path("logs/train").mkdir(parents=True)
    Path("logs/train/ours.log").write_text(text)


def state() -> "progress.Progress":
    state = progress.Progress()
    for line in RUN.splitlines():
        state.read(line.strip())
    return state


def follow(text: str) -> tuple[str, str]:
    log, screen = io.StringIO(), io.StringIO()
    progress.follow(text.splitlines(keepends=True), log, screen)
    return log.getvalue(), screen.getvalue()


def test_line_says_what_runs_and_jobs_done() -> None:
    log, screen = follow(RUN)
    assert log == RUN
    *_, last = screen.splitlines()
    assert last.endswith("1 of 4 jobs  train ours")


def test_share_weighs_jobs_by_their_cost() -> None:
    """One of two crops, 1 s each, and none of the trainings, 100 s each on average."""
    line = state().describe(60.0)
    assert line.startswith("  0 %  about 201 min left")


def test_share_grows_with_the_epochs_of_a_training() -> None:
    train_log(EPOCHS)
    line = state().describe(60.0)
    done, total = 1 + 150 * 2 / 10, 2 * 1 + 2 * 100
    assert line.startswith(f"{100 * done / total:3.0f} %  about 6 min left")
    assert line.endswith("1 of 4 jobs  train ours 2/10")


def test_a_training_without_an_epoch_counts_for_nothing_yet() -> None:
    train_log(EPOCHS.splitlines()[0])
    assert state().describe(60.0).endswith("  train ours")


def test_line_is_shown_again_while_snakemake_is_silent() -> None:
    lines = progress.ticking(slowly(["a\n", "b\n"], seconds=0.05), seconds=0.01)
    told = list(lines)
    assert [line for line in told if line] == ["a\n", "b\n"]
    assert "" in told[told.index("a\n") : told.index("b\n")]


def slowly(lines: list[str], seconds: float) -> Iterator[str]:
    for line in lines:
        yield line
        time.sleep(seconds)


class Terminal(io.StringIO):
    """A screen whose line can be rewritten."""

    def isatty(self) -> bool:
        return True


def test_terminal_shows_each_epoch_on_the_same_line() -> None:
    train_log(EPOCHS)
    log, screen = io.StringIO(), Terminal()
    progress.follow([*RUN.splitlines(keepends=True), ""], log, screen)
    assert log.getvalue() == RUN
    assert screen.getvalue().count("\n") == 1
    assert "train ours 2/10" in screen.getvalue().split("\r")[-1]


def test_errors_reach_the_screen() -> None:
    error = "Error in rule train:\n    jobid: 5\n    message: no such file\n"
    error += "    log: logs/train/ours.log (check log file(s) for error details)\n\n"
    _, screen = follow(RUN + error + "Shutting down, this might take some time.\n")
    assert "message: no such file" in screen
    assert "log: logs/train/ours.log" in screen
    assert "data/a.nii.gz" not in screen


def test_nothing_to_be_done_is_said() -> None:
    assert follow("Nothing to be done (all requested files are present).\n")[1].startswith(
        "Nothing to be done"
    )
