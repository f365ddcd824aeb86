"""The share of the gap between lower and upper bound that a run closes, by likeness to the truth.

A likeness says little by itself: the MR of other subjects at the same place is already similar, and
no ultrasound shows all that an MR shows. On a scale from the lower bound (0, the method ``atlas``)
to the upper bound (1, see `ssus2mri.methods`) a run that learned nothing about the subject is at 0,
or below. The paper has no such measure, since it has no true MR.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate.bootstrap import bounds, resampled_means
from ssus2mri.methods import ROLES

LOWER_BOUND = "atlas"
"""The method at which the scale begins."""

MEASURES = ("ssim", "psnr")
COLUMNS = (
    *("run", "label", "lower_bound", "upper_bound", "measure"),
    *("n_slices", "n_volumes", "share", "ci_low", "ci_high"),
)
_SLICE = ["volume", "plane", "index"]


def gaps_closed(
    truth: pd.DataFrame,
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    settings: ScoreSettings,
) -> list[dict[str, object]]:
    """Place every trained run between every two bounds, on the slices that all three have.

    Args:
        truth: rows of `compare` of kind ``truth``, of subjects without a pathology.
        labels: run -> its name in tables, in their order.
        methods: run -> its method.
        settings: section ``score``.

    Returns:
        A row per lower bound, upper bound, trained run and measure (`COLUMNS`): the ``share`` with
        its interval. There is no row without common slices, no share where the upper bound is not
        above the lower one, and no interval where it is not in some resample.
    """
    lower_bounds = [run for run in labels if methods[run] == LOWER_BOUND]
    upper_bounds = [run for run in labels if ROLES[methods[run]] == "upper_bound"]
    trained = [run for run in labels if ROLES[methods[run]] == "trained"]
    rows: list[dict[str, object]] = []
    by_run = {m: truth.pivot_table(index=_SLICE, columns="run", values=m) for m in MEASURES}
    for lower, upper, run, measure in product(lower_bounds, upper_bounds, trained, MEASURES):
        values = by_run[measure].reindex(columns=[run, lower, upper]).dropna()
        if len(values):
            key = {"run": run, "label": labels[run], "lower_bound": lower, "upper_bound": upper}
            rows.append({**key, "measure": measure, **_statistics(values, settings)})
    return rows


def share(means: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share of the gap between the bounds that runs close.

    Args:
        means: ``(..., 3)``: of the run, of the lower bound, of the upper bound.

    Returns:
        ``(...)``: 0 at the lower bound, 1 at the upper; NaN where the upper is not above the lower.
    """
    run, lower, upper = np.moveaxis(np.asarray(means, dtype=np.float64), -1, 0)
    gap = np.where(upper > lower, upper - lower, np.nan)
    return np.asarray((run - lower) / gap)


def _statistics(values: pd.DataFrame, settings: ScoreSettings) -> dict[str, float | None]:
    array = values.to_numpy(dtype=np.float64)
    volumes = values.index.get_level_values("volume").to_numpy(dtype=str)
    closed = float(share(array.mean(axis=0)))
    means = resampled_means(array, volumes, settings=settings)
    resampled = np.array([np.nan]) if means is None else share(means)
    low, high = (None, None) if np.isnan(resampled).any() else bounds(resampled, settings=settings)
    return {
        "n_slices": len(array),
        "n_volumes": len(np.unique(volumes)),
        "share": None if np.isnan(closed) else closed,
        "ci_low": low,
        "ci_high": high,
    }
