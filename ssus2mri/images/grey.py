"""Convert colour and transparency to grey, if the picture is a grey one stored in colour."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError

logger = logging.getLogger(__name__)
ROUNDING = 0.04
"""Difference between channels, of their range, that JPEG makes of grey."""
MARKS = 0.02
"""Share of a grey picture that marks and logos in colour may cover."""
_LUMA = np.array([0.299, 0.587, 0.114])


def grey(path: Path, picture: NDArray[Any]) -> NDArray[Any]:
    """Return the grey values of a picture.

    Args:
        path: for messages.
        picture: ``(H, W)``, or ``(H, W, C)`` of grey and alpha, RGB, or RGB and alpha.

    Returns:
        ``(H, W)``; 0 where the picture is transparent.

    Raises:
        InputError: a picture in colour, or one that is half transparent.
    """
    if picture.ndim == 2:
        return picture
    if picture.ndim != 3 or not 1 <= picture.shape[2] <= 4:
        raise _colour(path, f"an array of {picture.shape}")
    if picture.shape[2] in (2, 4):
        return _opaque(path, grey(path, picture[..., :-1]), picture[..., -1])
    if picture.shape[2] == 1:
        return picture[..., 0]
    if (picture == picture[..., :1]).all():
        return picture[..., 0]
    values = picture.astype(float)
    top = np.iinfo(picture.dtype).max if picture.dtype.kind in "ui" else values.max()
    coloured = np.ptp(values, axis=-1) > ROUNDING * top
    share = float(coloured.mean())
    if share > MARKS:
        raise _colour(path, f"a colour image ({100 * share:.0f} % of its pixels)")
    if coloured.any():
        logger.warning("%s: marks in colour, %.2f %% of the pixels, are read as grey", path,
                       100 * share)  # fmt: skip
    return values @ _LUMA


def _opaque(path: Path, values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    levels = np.unique(alpha)
    top = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1.0
    if not np.isin(levels, (0, top)).all():
        raise InputError(
            str(path),
            expected="a picture that is opaque, or wholly transparent outside the scan",
            found=f"transparency in {len(levels)} levels",
            do="Save it without transparency (alpha).",
        )
    return np.where(alpha > 0, values, values.dtype.type(0))


def _colour(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        expected="a grey picture",
        found=found,
        do="Export it without colour (Doppler, tint, marks), or convert it to grey.",
    )
