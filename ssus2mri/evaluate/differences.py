"""Paired comparison of every two runs on the slices that they have in common.

Runs are measured on the same slices, so the interval of a difference is narrower than those of the
two means suggest. With many pairs some intervals exclude 0 by chance: they are not adjusted.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.bootstrap import interval
from ssus2mri.evaluate.statistics import where

COLUMNS = (
    *("stage", "measure", "kind", "run", "other", "n_slices", "n_volumes"),
    *("difference", "ci_low", "ci_high", "better"),
)
LESS_IS_BETTER = ("deformation", "mae")
Comparison = tuple[str, str, str]  # stage, measure, kind
_COMPARED = {
    ("register", "deformation", ""): {},
    ("compare", "ssim_registered", "pair"): {"kind": "pair"},
    ("compare", "ssim", "truth"): {"kind": "truth"},
    ("compare", "psnr", "truth"): {"kind": "truth"},
    ("compare", "mae", "truth"): {"kind": "truth"},
    ("compare", "index_right", "position"): {"kind": "position"},
    ("probe", "psnr_db", "multiple"): {"pattern": "multiple"},
}
_OF_SCANS = ("agreement", "dice_mean")
_RATED = ("run", "group", "volume", "plane", "index", "rating", "repeat_of")
_SLICE = ["volume", "plane", "index"]


def compared(frames: Mapping[str, pd.DataFrame]) -> dict[Comparison, pd.DataFrame]:
    """Return the rows in which runs are compared: of the paper's measures and those beside them."""
    return {key: where(frames[key[0]], **values) for key, values in _COMPARED.items()}


def of_scans(segmented: pd.DataFrame) -> dict[Comparison, pd.DataFrame]:
    """Return rows of `segment` in which runs are compared; each stands for a slice of its own."""
    return {
        ("segment", measure, ""): where(segmented, measure=measure)
        .rename(columns={"value": measure})
        .assign(plane="", index=0)
        for measure in _OF_SCANS
    }


def rated(ratings: Path | None) -> dict[Comparison, pd.DataFrame]:
    """Return the first ratings of every group, without real MR, which is of other scans."""
    if ratings is None:
        return {}
    text = (*tables.KEYS, "group", "repeat_of", "observer", "image")
    frame = where(tables.read([ratings], _RATED, text=text), repeat_of="")
    return {
        ("rate", "mos", str(group)): rows.rename(columns={"rating": "mos"})
        for group, rows in frame.groupby("group")
    }


def differences(
    frames: Mapping[Comparison, pd.DataFrame], runs: Sequence[str], settings: ScoreSettings
) -> list[dict[str, object]]:
    """Compare every run with every later one.

    Args:
        frames: for each comparison rows with ``run``, ``volume``, ``plane``, ``index`` and the
            measure; several rows of a slice count by their mean.
        runs: in their order.
        settings: section ``score``.

    Returns:
        Rows of ``differences.csv``, columns `COLUMNS`: the mean of ``run`` minus that of ``other``
        with its interval, by resampling whole volumes; ``better`` is the run that is better by an
        interval without 0, or empty. No row where two runs have no slice in common.
    """
    rows: list[dict[str, object]] = []
    for (stage, measure, kind), frame in frames.items():
        by_run = frame.pivot_table(index=_SLICE, columns="run", values=measure)
        for pair in combinations([run for run in runs if run in by_run], 2):
            values = by_run[list(pair)].dropna()
            if len(values):
                key = {"stage": stage, "measure": measure, "kind": kind}
                rows.append({**key, **_difference(values, measure, settings)})
    return rows


def _difference(values: pd.DataFrame, measure: str, settings: ScoreSettings) -> dict[str, object]:
    run, other = values.columns
    difference = (values[run] - values[other]).to_numpy(dtype=np.float64)
    volumes = values.index.get_level_values("volume").to_numpy(dtype=str)
    limits = interval(difference, volumes, settings=settings)
    better = ""
    if limits and (limits[0] > 0 or limits[1] < 0):
        better = run if (limits[0] > 0) != (measure in LESS_IS_BETTER) else other
    return {
        "run": run,
        "other": other,
        "n_slices": len(values),
        "n_volumes": len(np.unique(volumes)),
        "difference": float(difference.mean()),
        "ci_low": limits[0] if limits else None,
        "ci_high": limits[1] if limits else None,
        "better": better,
    }
