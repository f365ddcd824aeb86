"""Progress of a training: a bar on a terminal, and one line an epoch, there or in a log."""

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from ssus2mri.learn.loop import Loop

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

logger = logging.getLogger(__name__)


class Progress:
    """Reports the progress of a run; a context manager."""

    def __init__(self, run: str, *, enabled: bool) -> None:
        self.run, self.enabled = run, enabled
        self.bar: Bar | None = None

    def __enter__(self) -> "Progress":
        if self.enabled and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self.bar = Bar(console=Console(stderr=True))
            self.task = self.bar.add_task(self.run)
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def step(self, loop: Loop) -> None:
        """Advance the bar."""
        if self.bar is not None:
            done = loop.epoch * loop.steps + loop.step
            self.bar.update(self.task, completed=done, total=loop.settings.epochs * loop.steps)

    def epoch(self, loop: Loop) -> None:
        """Write a line: training terms, the criterion, and the remaining time."""
        if not self.enabled:
            return
        row = loop.history[-1]
        parts = [", ".join(f"{name} {row[name]:.3f}" for name in loop.objective.weights)]
        if "val_criterion" in row:
            best = " (best)" if loop.best.get("epoch") == loop.epoch else ""
            parts.append(f"criterion {row['val_criterion']:.4f}{best}")
        epochs = loop.settings.epochs
        remaining = sum(loop.seconds) / len(loop.seconds) * (epochs - loop.epoch)
        parts.append(f"{duration(remaining)} left")
        line = f"{self.run}: epoch {loop.epoch} of {epochs}: {'; '.join(parts)}"
        if self.bar is not None:
            self.bar.console.print(line, highlight=False)  # above the bar
        else:
            logger.info("%s", line)


def duration(seconds: float) -> str:
    """Format a duration: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
