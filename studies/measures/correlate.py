"""Rank correlation of measures with the truth, with bootstrap intervals."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

SAMPLES, SEED = 2000, 0


def correlations(table: pd.DataFrame, truth: str, *, unit: str) -> pd.DataFrame:
    """Correlate every numeric column with one of them, over the syntheses that have both.

    Args:
        table: a row per synthesis and unit, in the same order in every unit.
        truth: the column that says what is true.
        unit: column of what is compared only within itself, such as a subject; correlations of the
            units are averaged.

    Returns:
        ``measure``, Spearman's ``rho``, ``low`` and ``high`` of its 95 % interval by resampling the
        syntheses, and ``n`` of them, the strongest first.
    """
    parts = [part for _, part in table.groupby(unit, sort=False)]
    rows = []
    for measure in [name for name in table.select_dtypes("number") if name != truth]:
        pairs = np.stack([part[[measure, truth]].to_numpy(float).T for part in parts])
        pairs = pairs[..., np.isfinite(pairs).all(axis=(0, 1))]
        count = pairs.shape[-1]
        drawn = np.random.default_rng(SEED).integers(count, size=(SAMPLES, count))
        samples = spearman(pairs[:, 0][:, drawn], pairs[:, 1][:, drawn]).mean(axis=0)
        finite = samples[np.isfinite(samples)]
        low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
        rho = float(spearman(pairs[:, 0], pairs[:, 1]).mean())
        rows.append({"measure": measure, "rho": rho, "low": low, "high": high, "n": count})
    return pd.DataFrame(rows).sort_values("rho", key=abs, ascending=False).round(2)


def spearman(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Spearman's correlation along the last axis; nan where one of them is constant."""
    a, b = (rankdata(values, axis=-1) for values in (a, b))
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (a, b))
    size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=-1) / size
