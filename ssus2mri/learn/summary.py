"""The summary of a training, written beside its weights: losses.csv and train.json."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ssus2mri import __version__
from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.dataset import Data
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.loop import Loop
from ssus2mri.learn.validate import Row
from ssus2mri.models.blocks import count_parameters


@dataclass(frozen=True)
class Trained:
    """The outcome of a training; the defaults are of a method that learns nothing."""

    last: dict[str, Tensor]
    chosen: dict[str, Tensor]
    history: list[Row] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    chosen_epoch: int | None = None
    processes: int = 1
    resident: bool = True

    @classmethod
    def from_loop(cls, loop: Loop) -> "Trained":
        """Return the outcome of a loop that has ended."""
        epoch, weights = loop.chosen()
        return cls(
            last=loop.average.state_dict(),
            chosen=weights,
            history=loop.history,
            seconds=loop.seconds,
            parameters={
                "generator": count_parameters(loop.objective.generator),
                "helpers": count_parameters(loop.objective.helpers),
                "discriminators": count_parameters(loop.objective.discriminators),
            },
            steps=loop.steps,
            chosen_epoch=epoch,
            processes=loop.world.size,
            resident=loop.batches.resident,
        )


def losses_csv(history: list[Row]) -> str:
    """Format the history as CSV, without times, so that the same seed gives the same bytes.

    Returns:
        Header and rows; without an epoch the three columns that every run has.
    """
    columns = list(history[0]) if history else ["epoch", "step", "learning_rate"]
    lines = [",".join(f"{row[name]:.7g}" for name in columns) for row in history]
    return "\n".join([",".join(columns), *lines]) + "\n"


def facts(
    run: str, settings: TrainSettings, data: Data, device: torch.device, trained: Trained
) -> dict[str, Any]:
    """Return the content of train.json.

    Returns:
        A JSON-serialisable dict; ``seconds`` are of all epochs, validation included.
    """
    seconds, epochs = sum(trained.seconds), len(trained.seconds)
    return {
        "run": run,
        "settings": settings.model_dump(),
        "version": __version__,
        "torch": torch.__version__,
        "device": devices.describe(device),
        "processes": trained.processes,
        "threads": torch.get_num_threads(),
        "subjects": data.subjects,
        "slices": {
            "us": len(data.us),
            "mr": len(data.mr),
            "val_us": len(data.val_us),
            "val_mr": len(data.val_mr),
        },
        "slices_on_device": trained.resident,
        "parameters": trained.parameters,
        "epochs": epochs,
        "kept_epoch": trained.chosen_epoch,
        "steps": epochs * trained.steps,
        "seconds": round(seconds, 2),
        "seconds_per_epoch": [round(value, 3) for value in trained.seconds],
        "images_per_second": round(epochs * trained.steps * settings.batch_size / seconds, 2)
        if seconds
        else None,
        "peak_memory_mb": round(devices.peak_memory_mb(device), 1),
    }
