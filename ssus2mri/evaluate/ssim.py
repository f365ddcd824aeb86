"""Two slices in [0, 1] and a mask in, likeness within the mask out: SSIM, PSNR, absolute error."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from ssus2mri.config.evaluate import SsimSettings

Slice = NDArray[np.floating]
Mask = NDArray[np.bool_]


def ssim(a: Slice, b: Slice, mask: Mask, *, settings: SsimSettings) -> float:
    """Structural similarity with a Gaussian window, averaged over the mask.

    The range is 1 whatever the slices hold: guessing it from the data changes the number.

    Source: TMI 2020, Sec. IV-E names the measure; window and constants are those of Wang et al.
    2004 (not stated in the source).

    Args:
        a: ``(H, W)`` in [0, 1].
        b: ``(H, W)`` in [0, 1].
        mask: ``(H, W)``, at least one pixel.
        settings: window and constants.

    Returns:
        At most 1, which equal slices have.
    """
    _, everywhere = structural_similarity(
        a.astype(np.float64),
        b.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=settings.sigma_px,
        use_sample_covariance=False,
        K1=settings.k1,
        K2=settings.k2,
        full=True,
    )
    return float(everywhere[mask].mean())


def psnr(a: Slice, b: Slice, mask: Mask, *, cap_db: float) -> float:
    """Peak signal-to-noise ratio within the mask, for a peak of 1.

    Args:
        a: ``(H, W)`` in [0, 1].
        b: ``(H, W)`` in [0, 1].
        mask: ``(H, W)``, at least one pixel.
        cap_db: what equal slices get instead of infinity, and the most that any get.

    Returns:
        dB.
    """
    error = float(((a.astype(np.float64) - b.astype(np.float64))[mask] ** 2).mean())
    return cap_db if error == 0.0 else float(np.minimum(cap_db, -10.0 * np.log10(error)))


def mae(a: Slice, b: Slice, mask: Mask) -> float | None:
    """Mean absolute error of two slices ``(H, W)`` within the mask; None for an empty one."""
    if not mask.any():
        return None
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64))[mask].mean())
