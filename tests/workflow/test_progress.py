"""The progress line of `make demo`."""

import importlib.util
import io
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("progress", ROOT / "workflow" / "progress.py")
progress = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(progress)

RUN = """Job stats:
job      count
-----  -------
crop         2
train        1
total        3

rule crop:
    input: data/a.nii.gz
Finished jobid: 3 (Rule: crop)
1 of 3 steps (33%) done
rule train:
    output: results/train/ours/model.safetensors
"""


def follow(text: str) -> tuple[str, str]:
    log, screen = io.StringIO(), io.StringIO()
    progress.follow(text.splitlines(keepends=True), log, screen)
    return log.getvalue(), screen.getvalue()


def test_line_says_stage_and_jobs_done() -> None:
    log, screen = follow(RUN)
    assert log == RUN
    *_, last = screen.splitlines()
    assert last.startswith("train ")
    assert "1 of 3 jobs" in last
    assert "left" in last


def test_share_weighs_jobs_by_their_cost() -> None:
    state = progress.Progress()
    for line in RUN.splitlines():
        state.read(line)
    crop_share = 1 / (2 + progress.COST_S["train"])
    assert f"{100 * crop_share:3.0f} %" in state.describe(60.0)
    assert state.describe(1.0).endswith("about 1 min left")


def test_errors_reach_the_screen() -> None:
    error = "Error in rule train:\n    message: no such file\n    log: logs/train/ours.log\n\n"
    _, screen = follow(RUN + error + "Shutting down, this might take some time.\n")
    assert "message: no such file" in screen
    assert "log: logs/train/ours.log" in screen
    assert "data/a.nii.gz" not in screen


def test_nothing_to_be_done_is_said() -> None:
    assert follow("Nothing to be done (all requested files are present).\n")[1].startswith(
        "Nothing to be done"
    )
