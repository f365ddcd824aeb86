"""Trainings small enough for a test, in this process or in one of their own."""

import sys
from pathlib import Path

import torch
from phantom_learn import settings
from safetensors.torch import load_file
from torch import Tensor

from ssus2mri.learn.train import run_train

Outcome = tuple[dict[str, Tensor], bytes]


def train(
    folder: Path, paths: list[Path], run: str = "ours", *, matched: Path | None = None, **changes
) -> Outcome:
    """Train a tiny run; give weights and losses.csv."""
    run_train(
        paths,
        run=run,
        out=folder / "model.safetensors",
        checkpoints=folder / "checkpoints",
        settings=settings(run, **changes),
        threads=1,
        matched=matched,
    )
    return outcome(folder)


def command(folder: Path, paths: list[Path], run: str = "ours", **changes) -> list[str]:
    """Return the command line of the same training, and a whole line of Python before it."""
    return [
        *(sys.executable, "-m", "ssus2mri", "train", *map(str, paths), f"--run={run}"),
        *(f"--out={folder / 'model.safetensors'}", f"--checkpoints={folder / 'checkpoints'}"),
        f"--settings={settings(run, **changes).model_dump_json()}",
    ]


def outcome(folder: Path) -> Outcome:
    """Read what a training has left."""
    return load_file(folder / "model.safetensors"), (folder / "losses.csv").read_bytes()


def same(first: Outcome, second: Outcome) -> bool:
    """Whether weights and losses are equal, bit by bit."""
    return (
        first[1] == second[1]
        and first[0].keys() == second[0].keys()
        and all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    )
