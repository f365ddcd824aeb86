"""Train one run: slice files and settings in, a model, its losses and its circumstances out."""

import hashlib
import json
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssus2mri import provenance
from ssus2mri.config.learn import TrainSettings
from ssus2mri.errors import InputError
from ssus2mri.files import write_text
from ssus2mri.learn.checkpoint import (
    LAST,
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
    write_model,
)
from ssus2mri.learn.data.dataset import Data, lacks_match, load
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.hardware.parallel import join, leave
from ssus2mri.learn.loop import Ask, Loop
from ssus2mri.learn.networks import NEEDS_TRUTH, UNTRAINED, objective
from ssus2mri.learn.progress import Progress
from ssus2mri.learn.state import restore, state
from ssus2mri.learn.summary import Trained, facts, losses_csv
from ssus2mri.learn.tensorboard import Board

logger = logging.getLogger(__name__)


def run_train(
    extracts: list[Path],
    *,
    run: str,
    out: Path,
    checkpoints: Path,
    settings: TrainSettings,
    threads: int,
    matched: Path | None = None,
) -> None:
    """Train one run, or go on with it where it was interrupted.

    Beside the model stand ``last.safetensors``, which the model is too unless an earlier epoch was
    better, ``losses.csv``, a row an epoch, and ``train.json``. SIGTERM and SIGUSR1 save a
    checkpoint and end with exit code 128 + signal. Of several processes (see `parallel`) the first
    one writes.

    Args:
        extracts: slice files of splits train and val.
        run: name of the run.
        out: the model, ``.safetensors``.
        checkpoints: folder of this run's checkpoints.
        settings: of the run.
        threads: of the CPU.
        matched: folder of the MR that `match` wrote, for runs with the term `match`.

    Raises:
        InputError: unfit slice files or checkpoint, or a loss that is not finite.
    """
    device = devices.prepare(threads)
    if settings.learns_from_match and matched is None:
        raise lacks_match(run)
    data = load(
        extracts,
        truth=settings.method in NEEDS_TRUTH,
        matched=matched if settings.learns_from_match else None,
    )
    if settings.method in UNTRAINED:
        tensors = UNTRAINED[settings.method](data.mr).state_dict()
        trained = Trained(last=tensors, kept=tensors)
    else:
        _require_truth(data, settings, run)
        with _signals() as caught:  # before the processes meet: none may miss one later
            world = join(device, settings.batch_size)
            try:
                loop = Loop(objective(settings), data, settings, world)
                _train(loop, caught, run=run, out=out, checkpoints=checkpoints)
            finally:
                leave()
        if not world.first:
            return
        trained = Trained.by(loop)
    write_text(losses_csv(trained.history), out.with_name("losses.csv"))
    said = facts(run, settings, data, device, trained)
    write_text(json.dumps(said, indent=2) + "\n", out.with_name("train.json"))
    for path, tensors in ((out.with_name(LAST), trained.last), (out, trained.kept)):
        write_model(path, tensors, run=run, settings=settings, subjects=data.subjects)
    remove_checkpoint(checkpoints)  # or a training on changed images would find it finished


def _train(loop: Loop, caught: list[int], *, run: str, out: Path, checkpoints: Path) -> None:
    world, settings = loop.world, loop.settings
    identity = _identity(settings, loop.data)
    found = read_checkpoint(checkpoints, identity)
    if found is not None:
        restore(loop, found)
    if world.first:
        how = "going on from" if found is not None else "training from"
        logger.info("%s: %s epoch %d, step %d", run, how, loop.epoch, loop.step)
    board = Board(out.parent / "tensorboard", loop, wanted=settings.tensorboard and world.first)
    clock = time.monotonic()

    with Progress(run, wanted=world.first) as progress:

        def ask() -> Ask:
            due = time.monotonic() - clock > 60 * settings.checkpoint_minutes
            return Ask.STOP if caught else Ask.SAVE if due else Ask.GO

        def save(loop: Loop) -> None:
            nonlocal clock
            taken = state(loop)
            if world.first:
                write_checkpoint(checkpoints, taken, identity)
            clock = time.monotonic()

        def on_epoch(loop: Loop) -> None:
            save(loop)
            if world.first:
                write_text(losses_csv(loop.history), out.with_name("losses.csv"))
            board.epoch(loop)
            progress.epoch(loop)

        done = loop.run(ask=ask, on_step=progress.step, on_epoch=on_epoch, on_save=save)
        if not done:
            save(loop)
    board.close()
    if not done:
        if world.first:
            logger.warning("%s: stopped; the same command goes on from here", run)
        raise SystemExit(128 + (caught[0] if caught else signal.SIGTERM))


def _require_truth(data: Data, settings: TrainSettings, run: str) -> None:
    """Refuse a method that learns from the truth where a volume has none."""
    for name, known in (("train", data.us), ("val", data.val_us)):
        if settings.method in NEEDS_TRUTH and len(known) and known.truth is None:
            raise InputError(
                f"run {run}, method {settings.method}",
                expected="ultrasound slices whose true MR is known",
                found=f"volumes of split {name} without `truth`",
                do="Train it on simulated volumes only, or leave it out of `enabled_runs`.",
            )


def _identity(settings: TrainSettings, data: Data) -> str:
    """Hash what a training must not change on its way; label and machine may."""
    content = hashlib.sha256()
    for pool in (data.us, data.mr, data.val_us, data.val_mr):
        for known in (pool.image, pool.truth, pool.matched):
            if known is not None:
                content.update(str(list(known.shape)).encode())
                content.update(known.contiguous().numpy().data)
    code = provenance.fingerprint("ssus2mri.learn.train")
    return provenance.digest([settings.grounds(), data.subjects, content.hexdigest(), code])


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
