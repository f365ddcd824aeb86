"""Image similarity within a mask: SSIM, PSNR and mean absolute error of slices in [0, 1].

Computed in double precision, for training's validation and for the evaluation alike.
"""

import numpy as np
from numpy.typing import NDArray
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
