"""Normalised convolution: Gaussian means in which pixels of weight 0 do not count."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.floating]
LEAST_WEIGHT = 1e-3
"""Of a place far from all that counts: there the mean falls to 0."""


def mean_within(weight: Floats, sigma: float | Floats) -> Callable[[Floats], Floats]:
    """Return a blur that counts each place by its weight.

    Args:
        weight: how much each place counts, 0 to 1.
        sigma: standard deviation of the Gaussian, of all axes or of each, voxels; 0: no blur.

    Returns:
        Takes values times their weight, same shape; returns their mean, same type.

    Source: Knutsson and Westin, CVPR 1993, zeroth order. The least weight is not stated there.
    """
    total = np.maximum(ndimage.gaussian_filter(weight, sigma), LEAST_WEIGHT)

    def mean(weighted: Floats) -> Floats:
        return ndimage.gaussian_filter(weighted, sigma) / total

    return mean
