"""Train one run: slice files and settings in, a model, its losses and its circumstances out."""

import hashlib
import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ssus2mri import __version__, provenance
from ssus2mri.config.learn import TrainSettings
from ssus2mri.files import write_text
from ssus2mri.learn import device as devices
from ssus2mri.learn.checkpoint import (
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
    write_model,
)
from ssus2mri.learn.dataset import Data, load
from ssus2mri.learn.loop import Loop, Row
from ssus2mri.learn.methods import UNTRAINED, objective
from ssus2mri.learn.progress import Progress
from ssus2mri.models.blocks import count_parameters

logger = logging.getLogger(__name__)


def run_train(
    extracts: list[Path],
    *,
    run: str,
    out: Path,
    checkpoints: Path,
    settings: TrainSettings,
    threads: int,
) -> None:
    """Train one run, or go on with it where it was interrupted.

    Beside the model stand ``losses.csv``, a row an epoch, and ``train.json``. SIGTERM and SIGUSR1
    save a checkpoint and end with exit code 128 + signal.

    Args:
        extracts: slice files of splits train and val.
        run: name of the run.
        out: the model, ``.safetensors``.
        checkpoints: folder of this run's checkpoints.
        settings: of the run.
        threads: of the CPU.

    Raises:
        InputError: unfit slice files or checkpoint, or a loss that is not finite.
    """
    device = devices.prepare(threads)
    data = load(extracts)
    if settings.method in UNTRAINED:
        tensors = UNTRAINED[settings.method](data.mr).state_dict()
        facts = _facts(run, settings, data, device, [], steps=0, parameters={})
        history: list[Row] = []
    else:
        loop = Loop(objective(settings), data, settings, device)
        _train(loop, run=run, out=out, checkpoints=checkpoints, data=data)
        tensors = loop.average.module.state_dict()
        parameters = {
            "generator": count_parameters(loop.objective.generator),
            "discriminators": count_parameters(loop.objective.discriminators),
        }
        facts = _facts(
            run, settings, data, device, loop.seconds, steps=loop.steps, parameters=parameters
        )
        history = loop.history
    write_text(losses_csv(history), out.with_name("losses.csv"))
    write_text(json.dumps(facts, indent=2) + "\n", out.with_name("train.json"))
    write_model(out, tensors, run=run, settings=settings, subjects=data.subjects)
    remove_checkpoint(checkpoints)  # or a training on changed images would find it finished


def losses_csv(history: list[Row]) -> str:
    """Give the history as CSV: no times, so that the same seed gives the same bytes.

    Args:
        history: a row an epoch, as `Loop` makes it.

    Returns:
        Header and rows; without an epoch the three columns that every run has.
    """
    columns = list(history[0]) if history else ["epoch", "step", "learning_rate"]
    lines = [",".join(f"{row[name]:.7g}" for name in columns) for row in history]
    return "\n".join([",".join(columns), *lines]) + "\n"


def _train(loop: Loop, *, run: str, out: Path, checkpoints: Path, data: Data) -> None:
    identity = _identity(loop.settings, data)
    state = read_checkpoint(checkpoints, identity)
    if state is not None:
        loop.restore(state)
        logger.info("%s: going on from epoch %d, step %d", run, loop.epoch, loop.step)
    with Progress(run) as progress, _signals() as caught:

        def save(loop: Loop) -> None:
            write_checkpoint(checkpoints, loop.state(), identity)
            write_text(losses_csv(loop.history), out.with_name("losses.csv"))
            progress.epoch(loop)

        done = loop.run(stop=lambda: bool(caught), on_step=progress.step, on_epoch=save)
    if not done:
        write_checkpoint(checkpoints, loop.state(), identity)
        logger.warning("%s: stopped; the same command goes on from here", run)
        raise SystemExit(128 + caught[0])


def _identity(settings: TrainSettings, data: Data) -> str:
    """Hash what a training must not change on its way; the label may."""
    content = hashlib.sha256()
    for pool in (data.us, data.mr, data.val_us, data.val_mr):
        content.update(str(list(pool.image.shape)).encode())
        content.update(pool.image.contiguous().numpy().data)
    code = provenance.fingerprint("ssus2mri.learn.train")
    values = settings.model_dump(exclude={"label"})
    return provenance.digest([values, data.subjects, content.hexdigest(), code])


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals by which schedulers announce the end."""
    caught: list[int] = []
    names = (signal.SIGTERM, signal.SIGUSR1)
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: list[Any] = [signal.signal(name, lambda n, _: caught.append(n)) for name in names]
    try:
        yield caught
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _facts(
    run: str,
    settings: TrainSettings,
    data: Data,
    device: torch.device,
    seconds: list[float],
    *,
    steps: int,
    parameters: dict[str, int],
) -> dict[str, Any]:
    """Gather what train.json says."""
    images = len(seconds) * steps * settings.batch_size
    return {
        "run": run,
        "settings": settings.model_dump(),
        "version": __version__,
        "torch": torch.__version__,
        "device": devices.describe(device),
        "threads": torch.get_num_threads(),
        "subjects": data.subjects,
        "slices": {
            "us": len(data.us),
            "mr": len(data.mr),
            "val_us": len(data.val_us),
            "val_mr": len(data.val_mr),
        },
        "parameters": parameters,
        "epochs": len(seconds),
        "steps": len(seconds) * steps,
        "seconds": round(sum(seconds), 2),
        "seconds_per_epoch": [round(value, 3) for value in seconds],
        "images_per_second": round(images / sum(seconds), 2) if seconds else None,
        "peak_memory_mb": round(devices.peak_memory_mb(device), 1),
    }
