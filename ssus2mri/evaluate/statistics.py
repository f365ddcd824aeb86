"""Statistics of measures over groups of rows, a row per slice."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate.bootstrap import interval

STATISTICS = ("mean", "std", "ci_low", "ci_high")
COUNTS = ("n_slices", "n_volumes")

Numbers = dict[str, float | None]


def summarise(rows: pd.DataFrame, measure: str, settings: ScoreSettings) -> Numbers:
    """Summarise a measure.

    Args:
        rows: a row per slice, with ``volume``; unknown numbers are left out.
        measure: a column.
        settings: section ``score``.

    Returns:
        ``n_slices``, ``n_volumes``, ``mean``, ``std`` (of slices, n - 1), ``ci_low``, ``ci_high``.
    """
    measured = rows[rows[measure].notna()]
    values = measured[measure].to_numpy(dtype=np.float64)
    bounds = interval(values, measured["volume"].to_numpy(dtype=str), settings=settings)
    return {
        "n_slices": len(values),
        "n_volumes": measured["volume"].nunique(),
        "mean": float(values.mean()) if len(values) else None,
        "std": float(values.std(ddof=1)) if len(values) > 1 else None,
        "ci_low": bounds[0] if bounds else None,
        "ci_high": bounds[1] if bounds else None,
    }


def wide_columns(measures: Sequence[str]) -> list[str]:
    """Return the columns that `statistics` fills."""
    return [f"{measure}_{name}" for measure in measures for name in STATISTICS]


def wide(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    """Count slices and volumes, and add `statistics`."""
    counts: Numbers = {"n_slices": len(rows), "n_volumes": rows["volume"].nunique()}
    return counts | statistics(rows, measures, settings)


def statistics(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    """Summarise several measures in columns of their own: `wide_columns`."""
    statistics: Numbers = {}
    for measure in measures:
        numbers = summarise(rows, measure, settings)
        statistics |= {f"{measure}_{name}": numbers[name] for name in STATISTICS}
    return statistics


def of_plane(rows: pd.DataFrame, plane: str) -> pd.DataFrame:
    """Return the rows of a plane; those of every plane for ``all``."""
    return rows if plane == "all" else where(rows, plane=plane)


def where(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows
