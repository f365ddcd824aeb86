"""How far observers agree, with themselves and with each other."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.floating]


class Icc(NamedTuple):
    """Intraclass correlations; NaN where the ratings do not vary."""

    one_way: float
    single: float
    average: float


def icc(ratings: Ratings) -> Icc:
    """Compute intraclass correlations of absolute agreement.

    Source: Shrout and Fleiss, *Psychol Bull* 1979, 86:420-8, ICC(1,1), ICC(2,1) and ICC(2,k); the
    paper does not measure agreement. Written here since the libraries that have it (such as
    pingouin) bring several others.

    Args:
        ratings: ``(images, observers)``, at least two of each, none unknown.

    Returns:
        ``one_way``: of one rating, observers in any order, as of the two showings of an image;
        ``single``: of one observer, observers as a random sample; ``average``: of their mean.
    """
    n, k = ratings.shape
    grand = ratings.mean()
    of_images, of_observers = ratings.mean(axis=1), ratings.mean(axis=0)
    between = k * ((of_images - grand) ** 2).sum() / (n - 1)
    within = ((ratings - of_images[:, None]) ** 2).sum() / (n * (k - 1))
    columns = n * ((of_observers - grand) ** 2).sum() / (k - 1)
    rest = ratings - of_images[:, None] - of_observers + grand
    error = (rest**2).sum() / ((n - 1) * (k - 1))
    return Icc(
        _ratio(between - within, between + (k - 1) * within),
        _ratio(between - error, between + (k - 1) * error + k * (columns - error) / n),
        _ratio(between - error, between + (columns - error) / n),
    )


def differences(ratings: Ratings) -> NDArray[np.float64]:
    """Return how far the ratings of every two observers differ.

    Args:
        ratings: ``(images, observers)``.

    Returns:
        ``(images * pairs,)``, not negative.
    """
    pairs = combinations(range(ratings.shape[1]), 2)
    return np.concatenate([np.abs(ratings[:, a] - ratings[:, b]) for a, b in pairs])


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
