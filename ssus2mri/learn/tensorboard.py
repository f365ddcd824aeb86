"""Curves for TensorBoard, an optional dependency."""

import shutil
from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.learn.loop import Loop


class TensorBoard:
    """Writes the values of every epoch; does nothing if disabled. Call `close` at the end.

    Args:
        folder: of the event files; emptied when a training starts anew.
        loop: about to run.
        enabled: False: do nothing.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, loop: Loop, *, enabled: bool) -> None:
        self.writer = None
        if not enabled:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                "train.tensorboard",
                expected="TensorBoard",
                found="it is not installed",
                do='Run `pip install "ssus2mri[tensorboard]"`, or set train.tensorboard to false.',
            ) from error
        if loop.epoch == 0:
            shutil.rmtree(folder, ignore_errors=True)
        self.writer = SummaryWriter(folder, purge_step=loop.epoch + 1)

    def epoch(self, loop: Loop) -> None:
        """Write the last row of the history; ``val_lat`` becomes ``val/lat``."""
        if self.writer is None:
            return
        for name, value in loop.history[-1].items():
            if name not in ("epoch", "step"):
                tag = f"val/{name[4:]}" if name.startswith("val_") else f"train/{name}"
                self.writer.add_scalar(tag, value, loop.epoch)
        self.writer.flush()

    def close(self) -> None:
        """Close the files."""
        if self.writer is not None:
            self.writer.close()
