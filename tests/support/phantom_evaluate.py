"""A small head in slice files, and the settings of the stages that evaluate."""

from pathlib import Path

import numpy as np
from conftest import configured

from ssus2mri.config.evaluate import CompareSettings, RegisterSettings, ScoreSettings
from ssus2mri.evaluate.score import run_score
from ssus2mri.slices import Header, Slices, write

SIZE, SPACING = 64, 1.5


def register_settings(**changes):
    return configured(RegisterSettings, "register", **{"slices_per_volume": 3, **changes})


def compare_settings(**changes):
    return configured(CompareSettings, "compare", **{"slices_per_volume": 3, **changes})


def score_settings(**changes):
    return configured(ScoreSettings, "score", **changes)


def score(out, labels, methods, **changes):
    """Run `score` on the rows of some stages (paths, by keyword); other keywords are settings."""
    stages = ("register", "compare", "probe", "segment", "mos", "ratings")
    rows = {name: None if name in stages[4:] else [] for name in stages}
    rows |= {name: changes.pop(name) for name in stages if name in changes}
    settings = score_settings(**changes)
    run_score(**rows, labels=labels, methods=methods, out=out, settings=settings)


def picture(shift_mm=(0.0, 0.0), size=SIZE, spacing=SPACING):
    """A smooth head with ventricles and spots, (H, W) in [0, 1], and its mask; moved by shift."""
    axis = (np.arange(size) - (size - 1) / 2) * spacing
    y, x = np.meshgrid(axis - shift_mm[0], axis - shift_mm[1], indexing="ij")
    head = (y / 36) ** 2 + (x / 28) ** 2 < 1
    image = 0.45 + 0.15 * np.sin(y / 4) * np.cos(x / 5)
    for cy, cx, radius, value in (
        (-6, -8, 7, 0.45),
        (-6, 8, 7, 0.4),
        (16, 4, 6, -0.3),
        (-22, 0, 5, 0.3),
    ):
        image += value * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / radius**2)
    return np.clip(image * head, 0, 1).astype(np.float32), head


def header(volume, **changes):
    defaults = {
        **{"subject": volume, "modality": "mr", "ga_weeks": 23.0, "split": "train"},
        **{"spacing_mm": SPACING, "size": SIZE, "low": 0.0, "high": 1.0},
    }
    return Header(volume=volume, **(defaults | changes))


def slices(volume, places=((0, 30), (1, 31), (2, 32)), *, seed=0, truth=False, **changes):
    """One slice a place (plane, index), each of its own; truth and labels on request."""
    generator = np.random.default_rng(seed)
    image, head = picture()
    images = np.stack([image * (1 - 0.02 * i) for i in range(len(places))])
    noisy = np.clip(images + 0.1 * generator.standard_normal(images.shape), 0, 1) * head
    stored = noisy if seed else images
    labels = np.where(head, np.where(np.arange(SIZE) < SIZE // 2, 1, 5), 0)
    return Slices(
        header=header(volume, **changes),
        image=stored.astype(np.float16),
        plane=np.array([plane for plane, _ in places], np.uint8),
        index=np.array([index for _, index in places], np.int16),
        head=np.repeat(head[None], len(places), axis=0),
        truth=images.astype(np.float16) if truth else None,
        labels=np.repeat(labels[None], len(places), axis=0).astype(np.uint8) if truth else None,
    )


def store(folder: Path, value: Slices) -> Path:
    path = folder / f"{value.header.volume}.h5"
    write(value, path)
    return path
