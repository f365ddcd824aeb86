"""Settings and slice files small enough to train on in a test."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import CONFIG

from ssus2mri import slices
from ssus2mri.config.base import load_yaml, merge, parse
from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.batches import Batch
from ssus2mri.slices import Header, Slices

torch.set_num_threads(1)  # threads would only wait for each other over tensors as small as these
SIZE = 64
TINY = {
    "network": {
        "encoder_channels": 3,
        "decoder_channels": 4,
        "final_channels": [3, 2],
        "attention_channels": 2,
        "locator_channels": [3, 2, 2, 2],
        "discriminator_channels": [2, 3, 3, 4],
        "resnet": {"channels": 2, "blocks": 2, "patch_channels": 2, "image_pool": 3},
        "nce": {"patches": 16, "features": 4},
    },
    "batch_size": 2,
    "epochs": 2,
    "steps_per_epoch": 2,
    "norm_batches": 2,
    "validation_slices": 3,
}


def settings(run: str = "ours", **changes: Any) -> TrainSettings:
    """Return a run's settings, tiny, with changes."""
    values = load_yaml(CONFIG)
    values = merge(merge(merge(values["train"], TINY), values["runs"][run]), changes)
    return parse(TrainSettings, values, run)


def batch(size: int = SIZE, *, channels: int = 1, count: int = 2, seed: int = 0) -> Batch:
    """Make a batch of noise in [0, 1], all fields; planes 0, 1, 2, ..., indices 30, 31, ..."""
    random = torch.Generator().manual_seed(seed)
    us, mr, truth, matched = (
        torch.rand(count, number, size, size, generator=random) for number in (channels, 1, 1, 1)
    )
    number = torch.arange(count)
    labels = torch.randint(22, (count, size, size), generator=random).to(torch.uint8)
    ga_weeks = torch.full((count,), 23.0)
    return Batch(
        us,
        mr,
        number % 3,
        30 + number,
        ga_weeks,
        number % 3,
        20 + number,
        truth,
        matched,
        seed=seed,
        labels=labels,
    )


def run_batch(run: str, **changes: Any) -> Batch:
    """Make a batch of noise with as many slices as a run's generator reads at once."""
    return batch(channels=1 + 2 * settings(run).network.neighbours, **changes)


def some_slices(
    volume: str, *, modality: str = "us", split: str = "train", count: int = 4, **header: Any
) -> Slices:
    """Make slices of noise within a disc, in turn of each plane, index 30, 30, 30, 31, ..."""
    rng = np.random.default_rng(sum(volume.encode()))
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    head = np.repeat(((y**2 + x**2) < 24**2)[None], count, axis=0)
    defaults = {
        **{"subject": f"person-{volume}", "ga_weeks": 23.0, "origin_mm": (-5.0, -6.0, -7.0)},
        **{"percentiles": (2.0, 98.0), "depth_mm": 3.0},
    }
    return Slices(
        header=Header(
            volume=volume,
            modality=modality,
            split=split,
            spacing_mm=1.5,
            size=SIZE,
            low=0.0,
            high=255.0,
            **(defaults | header),
        ),
        image=(rng.random(head.shape) * head).astype(np.float16),
        plane=np.arange(count, dtype=np.uint8) % 3,
        index=(30 + np.arange(count) // 3).astype(np.int16),
        head=head,
    )


def write_cohort(folder: Path) -> list[Path]:
    """Write three training volumes and one to validate on."""
    cohort = [
        some_slices("us-a"),
        some_slices("us-b"),
        some_slices("mr-a", modality="mr", count=3),
        some_slices("us-v", split="val"),
    ]
    for volume in cohort:
        slices.write(volume, folder / f"{volume.header.volume}.h5")
    return [folder / f"{volume.header.volume}.h5" for volume in cohort]
