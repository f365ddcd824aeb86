"""Likeness to the truth in; out, how much of the way from the atlas to the ceiling a run covers.

A likeness says little by itself: the MR of other subjects at the same place is alike already, and
no ultrasound shows all of the MR. On the scale from one (0, the method ``atlas``) to the other (1,
the ceiling, `ssus2mri.roles`) a run that learned nothing of the subject has 0, below
it a negative number. It is not in the paper, which has no true MR.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate.bootstrap import bounds, resampled_means
from ssus2mri.roles import FLOOR, ROLES

MEASURES = ("ssim", "psnr")
COLUMNS = (
    *("run", "label", "floor", "ceiling", "measure"),
    *("n_slices", "n_volumes", "share", "ci_low", "ci_high"),
)
_SLICE = ["volume", "plane", "index"]


def ways(
    truth: pd.DataFrame,
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    settings: ScoreSettings,
) -> list[dict[str, object]]:
    """Measure every trained run between every atlas and every ceiling, on slices that all have.

    Args:
        truth: rows of `compare` of kind ``truth``, of healthy subjects.
        labels: run -> its name in tables, in their order.
        methods: run -> its method.
        settings: section ``score``.

    Returns:
        A row a floor, ceiling, trained run and measure (`COLUMNS`): the ``share`` with its
        interval. None where there are no common slices, for the share where the ceiling is not
        above the floor, and for the interval where it is not in some resample.
    """
    floors = [run for run in labels if methods[run] == FLOOR]
    ceilings = [run for run in labels if ROLES[methods[run]] == "ceiling"]
    trained = [run for run in labels if ROLES[methods[run]] == "trained"]
    rows: list[dict[str, object]] = []
    known = {m: truth.pivot_table(index=_SLICE, columns="run", values=m) for m in MEASURES}
    for floor, ceiling, run, measure in product(floors, ceilings, trained, MEASURES):
        three = known[measure].reindex(columns=[run, floor, ceiling]).dropna()
        if len(three):
            key = {"run": run, "label": labels[run], "floor": floor, "ceiling": ceiling}
            rows.append({**key, "measure": measure, **_numbers(three, settings)})
    return rows


def share(means: NDArray[np.floating]) -> NDArray[np.float64]:
    """Place runs between floor and ceiling.

    Args:
        means: ``(..., 3)``: of the run, of the floor, of the ceiling.

    Returns:
        ``(...)``: 0 at the floor, 1 at the ceiling; NaN where the ceiling is not above the floor.
    """
    run, floor, ceiling = np.moveaxis(np.asarray(means, dtype=np.float64), -1, 0)
    length = np.where(ceiling > floor, ceiling - floor, np.nan)
    return np.asarray((run - floor) / length)


def _numbers(three: pd.DataFrame, settings: ScoreSettings) -> dict[str, float | None]:
    values = three.to_numpy(dtype=np.float64)
    volumes = three.index.get_level_values("volume").to_numpy(dtype=str)
    found = float(share(values.mean(axis=0)))
    means = resampled_means(values, volumes, settings=settings)
    drawn = np.array([np.nan]) if means is None else share(means)
    low, high = (None, None) if np.isnan(drawn).any() else bounds(drawn, settings=settings)
    return {
        "n_slices": len(three),
        "n_volumes": len(np.unique(volumes)),
        "share": None if np.isnan(found) else found,
        "ci_low": low,
        "ci_high": high,
    }
