"""US-to-MR synthesis of the fetal brain, from a manifest to a report.

The flow, a stage a word: simulate, crop, align, extract, train, synthesize, register, compare,
score, render. ``docs/architecture.md`` says what each reads and writes.

Axis letters of array shapes: ``Z`` inferior to superior, ``Y`` anterior to posterior, ``X`` right
to left (so index order ``[z, y, x]``), ``N`` batch, ``C`` channels, ``S`` slices, ``H`` rows, ``W``
columns. World coordinates are ITK's: LPS, in mm.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load `predict` and `Prediction` when they are asked for: importing the package is cheap."""
    if name in ("predict", "Prediction"):
        return getattr(import_module("ssus2mri.prediction.predict"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
