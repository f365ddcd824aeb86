"""Likeness of slices in [0, 1] within a mask: SSIM, MS-SSIM, PSNR, mutual information, error; Dice.

Computed in double precision, for training's validation and for the evaluation alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import block_reduce
from skimage.metrics import structural_similarity

Slice = NDArray[np.floating]
Mask = NDArray[np.bool_]


def ssim(
    a: Slice, b: Slice, mask: Mask, *, sigma_px: float = 1.5, k1: float = 0.01, k2: float = 0.03
) -> float:
    """Compute the structural similarity with a Gaussian window, averaged over the mask.

    The data range is 1 whatever the slices hold: guessing it from the data changes the number.

    Source: TMI 2020, Sec. IV-E names the measure; window and constants are those of Wang et al.
    2004 (not stated in the source).

    Args:
        a: ``(H, W)`` in [0, 1].
        b: ``(H, W)`` in [0, 1].
        mask: ``(H, W)``, at least one pixel.
        sigma_px: standard deviation of the window, pixels.
        k1: constant of the luminance term.
        k2: constant of the contrast term.

    Returns:
        At most 1, the value of identical slices.
    """
    _, similarity = structural_similarity(
        a.astype(np.float64),
        b.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=sigma_px,
        use_sample_covariance=False,
        K1=k1,
        K2=k2,
        full=True,
    )
    return float(similarity[mask].mean())


def ms_ssim(
    a: Slice,
    b: Slice,
    mask: Mask,
    *,
    weights: Sequence[float],
    sigma_px: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> float | None:
    """Compute the structural similarity over several scales, each half as fine as the one before.

    Contrast and structure count at every scale, luminance at the coarsest. A mean that is negative
    at a scale counts as 0.

    Source: Wang, Simoncelli, Bovik, Asilomar 2003, Eq. 7; not stated in TMI 2020.

    Args:
        a: ``(H, W)`` in [0, 1].
        b: ``(H, W)`` in [0, 1].
        mask: ``(H, W)``, at least one pixel.
        weights: exponent of each scale, the finest first; scaled to a sum of 1.
        sigma_px: standard deviation of the window, pixels of each scale.
        k1: constant of the luminance term.
        k2: constant of the contrast term.

    Returns:
        0 to 1, the value of identical slices; None if the mask or the slice is too small for so
        many scales.
    """
    product = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            a, b, share = (
                block_reduce(array.astype(np.float64), 2, np.mean) for array in (a, b, mask)
            )
            mask = share >= 0.5
        if min(a.shape) < _window_px(sigma_px) or not mask.any():
            return None
        # A huge constant makes the luminance term 1.
        last = scale == len(weights) - 1
        value = ssim(a, b, mask, sigma_px=sigma_px, k1=k1 if last else 1e6, k2=k2)
        product *= max(value, 0.0) ** (weight / sum(weights))
    return product


def nmi(a: Slice, b: Slice, mask: Mask, *, bins: int) -> float:
    """Compute the normalised mutual information, (H(a) + H(b)) / H(a, b), less 1.

    It does not ask that intensities are alike, only that one tells the other.

    Source: Studholme, Hill, Hawkes, Pattern Recognition 32(1), 1999; not stated in TMI 2020.

    Args:
        a: ``(H, W)``.
        b: ``(H, W)``.
        mask: ``(H, W)``, at least one pixel.
        bins: of each axis of the joint histogram.

    Returns:
        0 (independent, or one of them constant) to 1 (one determines the other); NaN of NaN.
    """
    values = a[mask].astype(np.float64), b[mask].astype(np.float64)
    if not np.isfinite(values).all():
        return float("nan")  # as all other measures
    if any(np.ptp(value) == 0 for value in values):
        return 0.0
    # Loads scipy.stats, in half a second that only `compare` has to spend.
    from skimage.metrics import normalized_mutual_information

    return float(normalized_mutual_information(*values, bins=bins)) - 1.0


def dice(a: Mask, b: Mask) -> float | None:
    """Return the Dice overlap of two masks of one shape, 0 to 1; None if both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else None


def psnr(a: Slice, b: Slice, mask: Mask, *, cap_db: float = 100.0) -> float:
    """Compute the peak signal-to-noise ratio within the mask, for a peak of 1.

    Args:
        a: ``(H, W)`` in [0, 1].
        b: ``(H, W)`` in [0, 1].
        mask: ``(H, W)``, at least one pixel.
        cap_db: the largest value returned, which identical slices get instead of infinity.

    Returns:
        dB.
    """
    error = float(((a.astype(np.float64) - b.astype(np.float64))[mask] ** 2).mean())
    return cap_db if error == 0.0 else float(np.minimum(cap_db, -10.0 * np.log10(error)))


def mae(a: Slice, b: Slice, mask: Mask) -> float | None:
    """Return the mean absolute error of two slices ``(H, W)`` within the mask; None if empty."""
    if not mask.any():
        return None
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64))[mask].mean())


def _window_px(sigma_px: float) -> int:
    """Return the edge of the Gaussian window that scikit-image cuts off, pixels."""
    return 2 * int(3.5 * sigma_px + 0.5) + 1
