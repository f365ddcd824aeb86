"""Train one run on slice files; write its model, its losses and a summary."""

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
    get_state,
    read_checkpoint,
    remove_checkpoint,
    set_state,
    write_checkpoint,
)
from ssus2mri.learn.data.dataset import Data, load, missing_match
from ssus2mri.learn.generators import make_reference
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.hardware.parallel import join, leave
from ssus2mri.learn.loop import Loop, Request
from ssus2mri.learn.model_file import LAST, write_model
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.learn.progress import Progress
from ssus2mri.learn.start import start_from
from ssus2mri.learn.summary import Trained, facts, losses_csv
from ssus2mri.learn.tensorboard import TensorBoard
from ssus2mri.weights import file_digest, start_file

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
    """Train one run, or resume it where it was interrupted.

    Written beside the model: ``last.safetensors``, the weights of the last epoch, which the model
    has too unless an earlier epoch was better, ``losses.csv``, a row an epoch, and ``train.json``.
    SIGTERM and SIGUSR1 save a checkpoint and end with exit code 128 + signal. Of several processes
    (see `parallel`) the first one writes.

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
        raise missing_match(run)
    data = load(
        extracts,
        truth=settings.traits.needs_truth,
        labels=settings.traits.needs_labels,
        matched=matched if settings.learns_from_match else None,
    )
    seen: tuple[str, ...] = ()
    if settings.traits.learns:
        _require_truth(data, settings, run)
        with _signals() as received:  # before processes join: none may miss a signal later
            world = join(device, settings.batch_size)
            try:
                objective = make_objective(settings)
                start = start_file(settings.start)
                if start is not None:
                    seen = start_from(objective.generator, start)
                loop = Loop(objective, data, settings, world)
                _train(loop, received, run=run, out=out, checkpoints=checkpoints)
            finally:
                leave()
        if not world.first:
            return
        trained = Trained.from_loop(loop)
    else:
        tensors = make_reference(settings, data.mr).state_dict()
        trained = Trained(last=tensors, chosen=tensors)
    write_text(losses_csv(trained.history), out.with_name("losses.csv"))
    summary = facts(run, settings, data, device, trained)
    write_text(json.dumps(summary, indent=2) + "\n", out.with_name("train.json"))
    subjects = (*data.subjects, *seen)
    for path, tensors in ((out.with_name(LAST), trained.last), (out, trained.chosen)):
        write_model(
            path,
            tensors,
            run=run,
            settings=settings,
            subjects=subjects,
            us_scaling=data.us_scaling,
        )
    remove_checkpoint(checkpoints)  # else a training on changed images would find it finished


def _train(loop: Loop, received: list[int], *, run: str, out: Path, checkpoints: Path) -> None:
    """Run a loop to its end, saving checkpoints; exit after a signal."""
    world, settings = loop.world, loop.settings
    identity = _identity(settings, loop.data)
    state = read_checkpoint(checkpoints, identity)
    if state is not None:
        set_state(loop, state)
    if world.first:
        verb = "resuming" if state is not None else "training"
        logger.info("%s: %s from epoch %d, step %d", run, verb, loop.epoch, loop.step)
    curves = TensorBoard(
        out.parent / "tensorboard", loop, enabled=settings.tensorboard and world.first
    )
    saved = time.monotonic()

    with Progress(run, enabled=world.first) as progress:

        def request() -> Request:
            if received:
                return Request.STOP
            due = time.monotonic() - saved > 60 * settings.checkpoint_minutes
            return Request.SAVE if due else Request.CONTINUE

        def save(loop: Loop) -> None:
            nonlocal saved
            state = get_state(loop)
            if world.first:
                write_checkpoint(checkpoints, state, identity)
            saved = time.monotonic()

        def on_epoch(loop: Loop) -> None:
            save(loop)
            if world.first:
                write_text(losses_csv(loop.history), out.with_name("losses.csv"))
            curves.epoch(loop)
            progress.epoch(loop)

        finished = loop.run(request=request, on_step=progress.step, on_epoch=on_epoch, on_save=save)
        if not finished:
            save(loop)
    curves.close()
    if not finished:
        if world.first:
            logger.warning("%s: stopped; the same command resumes from here", run)
        raise SystemExit(128 + (received[0] if received else signal.SIGTERM))


def _require_truth(data: Data, settings: TrainSettings, run: str) -> None:
    """Refuse a method that learns from the truth, or from labels, if a volume has none."""
    needed = {"truth": settings.traits.needs_truth, "labels": settings.traits.needs_labels}
    for split, pool in (("train", data.us), ("val", data.val_us)):
        lacking = [name for name in needed if needed[name] and getattr(pool, name) is None]
        if len(pool) and lacking:
            raise InputError(
                f"run {run}, method {settings.method}",
                expected="ultrasound slices whose true MR is known",
                found=f"volumes of split {split} without `{lacking[0]}`",
                do="Train it on simulated volumes only, or leave it out of `enabled_runs`.",
            )


def _identity(settings: TrainSettings, data: Data) -> str:
    """Hash what must stay the same when a training is resumed; label and machine may change."""
    content = hashlib.sha256()
    for pool in (data.us, data.mr, data.val_us, data.val_mr):
        for images in (pool.image, pool.truth, pool.matched, pool.labels):
            if images is not None:
                content.update(str(list(images.shape)).encode())
                content.update(images.contiguous().numpy().data)
    code = provenance.fingerprint("ssus2mri.learn.train")
    start = file_digest(start_file(settings.start))
    return provenance.digest(
        [settings.training_inputs(), start, data.subjects, content.hexdigest(), code]
    )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals by which schedulers announce the end."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before: list[Any] = [
        signal.signal(number, lambda caught, _: received.append(caught)) for number in numbers
    ]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
