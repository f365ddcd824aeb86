"""Mean opinion scores of runs, from the ratings of a group of observers."""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate.bootstrap import bounds

Ratings = NDArray[np.floating]


def opinion(
    ratings: Ratings, volumes: NDArray[np.str_], *, settings: ScoreSettings
) -> dict[str, float | None]:
    """Compute the mean opinion score of a run.

    The standard deviation is over images, each by the mean of its observers. The paper does not say
    over what. Its 1.01 +- 0.03 of beginners cannot be of single ratings, which are integers; with
    ten images a column (80 in 8) its 2.05 +- 1.12 of two experts cannot be of observers' means; all
    its values can be of images.

    Source: TMI 2020, Sec. IV-B and Table II.

    Args:
        ratings: ``(observers, images)``, 1 to 5, none unknown.
        volumes: ``(images,)``, the test scan of each.
        settings: section ``score``.

    Returns:
        ``mean``, ``std`` (n - 1; None of one image), ``ci_low`` and ``ci_high`` (None with one
        observer and one volume).
    """
    images = ratings.mean(axis=0)
    limits = interval(ratings, volumes, settings=settings)
    return {
        "mean": float(ratings.mean()),
        "std": float(images.std(ddof=1)) if len(images) > 1 else None,
        "ci_low": limits[0] if limits else None,
        "ci_high": limits[1] if limits else None,
    }


def interval(
    ratings: Ratings, volumes: NDArray[np.str_], *, settings: ScoreSettings
) -> tuple[float, float] | None:
    """Return the bootstrap interval of the mean, by resampling observers and whole volumes.

    Both are samples: other observers would rate other subjects. Where there is only one of one
    kind, only the other is resampled, and the interval is too narrow.

    Args:
        ratings: ``(observers, images)``.
        volumes: ``(images,)``.
        settings: section ``score``.

    Returns:
        Lower and upper bound; None with one observer and one volume.
    """
    names, place = np.unique(volumes, return_inverse=True)
    if len(ratings) < 2 and len(names) < 2:
        return None
    generator = np.random.default_rng(settings.seed)
    of_observers = _weights(len(ratings), settings.bootstrap_samples, generator)
    of_images = _weights(len(names), settings.bootstrap_samples, generator)[:, place]
    sums = ((of_observers @ ratings) * of_images).sum(axis=1)
    counts = of_observers.sum(axis=1) * of_images.sum(axis=1)
    return bounds(sums / counts, settings=settings)


def _weights(count: int, samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw how often each of ``count`` is in every resample, ``(samples, count)``."""
    weights: NDArray[np.float64] = generator.multinomial(
        count, np.full(count, 1 / count), size=samples
    ).astype(np.float64)
    return weights
