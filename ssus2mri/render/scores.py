"""Scores as the page needs them, from the tables of `score`: by measure, then by run."""

import math
from typing import NamedTuple

import pandas as pd

from ssus2mri.evaluate.statistics import COUNTS


class Score(NamedTuple):
    """Statistics of a measure over slices; NaN where unknown."""

    n_slices: float = 0.0
    n_volumes: float = 0.0
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan


Scores = dict[tuple[str, ...], dict[str, Score]]
"""Group of slices and measure -> run -> score, in the order of the file."""


class Anatomy(NamedTuple):
    """What ``anatomy.csv`` holds, by (pathology, measure): a scan counts as a slice.

    ``of_true_mr`` are the numbers of the true MR, ``missing`` says of each run in how many scans
    the structure was not found.
    """

    scores: Scores
    of_true_mr: dict[tuple[str, ...], float]
    missing: dict[tuple[str, ...], dict[str, float]]


def scores_of(table: pd.DataFrame, *keys: str) -> Scores:
    """Return the scores of a table, grouped by some of its columns."""
    mean = "share" if "share" in table else "mean"
    unknown = dict.fromkeys(("std", *COUNTS, "ci_low", "ci_high"), math.nan)
    table = table.assign(**{name: table.get(name, nan) for name, nan in unknown.items()})
    scores: Scores = {}
    for row in table.to_dict("records"):
        numbers = [float(row[name]) for name in (*COUNTS, mean, "std", "ci_low", "ci_high")]
        key = tuple(str(row[name]) for name in keys)
        scores.setdefault(key, {})[str(row["run"])] = Score(*numbers)
    return scores


def anatomy_of(table: pd.DataFrame) -> Anatomy:
    """Return what ``anatomy.csv`` holds."""
    keys = ("pathology", "measure")
    missing: dict[tuple[str, ...], dict[str, float]] = {}
    of_true_mr: dict[tuple[str, ...], float] = {}
    for row in table.to_dict("records"):
        key = tuple(str(row[name]) for name in keys)
        missing.setdefault(key, {})[str(row["run"])] = float(row["n_missing"])
        if not math.isnan(row["true_mr"]):
            of_true_mr[key] = float(row["true_mr"])  # of the same scans whatever the run
    return Anatomy(scores_of(table.assign(n_slices=table["n_volumes"]), *keys), of_true_mr, missing)
