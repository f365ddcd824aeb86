"""Confidence intervals of means over slices, by resampling whole volumes (cluster bootstrap).

Slices of one volume are not independent: resampling slices would make the intervals far too narrow.
Every call draws the same resamples, so runs scored on the same volumes are resampled alike. With
few volumes an interval is still too narrow, as with every bootstrap.
"""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.evaluate import ScoreSettings


def resampled_means(
    values: NDArray[np.floating], volumes: NDArray[np.str_], *, settings: ScoreSettings
) -> NDArray[np.float64] | None:
    """Resample volumes with replacement and return the mean over the slices of every resample.

    Args:
        values: ``(n, k)``, k numbers per slice.
        volumes: ``(n,)``, the volume of each.
        settings: section ``score``.

    Returns:
        ``(bootstrap_samples, k)``, or None with fewer than two volumes.
    """
    names, place = np.unique(volumes, return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.stack([np.bincount(place, weights=column) for column in values.T], axis=-1)
    counts = np.bincount(place)
    generator = np.random.default_rng(settings.seed)
    drawn = generator.integers(len(names), size=(settings.bootstrap_samples, len(names)))
    means: NDArray[np.float64] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    return means


def bounds(values: NDArray[np.floating], *, settings: ScoreSettings) -> tuple[float, float]:
    """Return the quantiles that enclose ``settings.confidence`` of the values ``(n,)``."""
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def interval(
    values: NDArray[np.floating], volumes: NDArray[np.str_], *, settings: ScoreSettings
) -> tuple[float, float] | None:
    """Return the bootstrap interval of a mean.

    Args:
        values: ``(n,)``, a number per slice.
        volumes: ``(n,)``, the volume of each.
        settings: section ``score``.

    Returns:
        Lower and upper bound, or None with fewer than two volumes.
    """
    means = resampled_means(values[:, None], volumes, settings=settings)
    return None if means is None else bounds(means[:, 0], settings=settings)
