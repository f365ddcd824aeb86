"""The grey scale of ultrasound in every picture, figure and page.

The skull echoes far more strongly than the brain: on the scale of `extract`, where 1 is the
brightest of the head, the brain is nearly black. Pictures therefore show as white what is bright
within the brain, and cut the skull off. Networks and measures never see this scale.

Not stated in the source.
"""

import numpy as np
from numpy.typing import NDArray

RIM_MM = 8.0
"""Depth of scalp, skull and the smear of its echo, left out where the scale is measured."""

WHITE_PERCENTILE = 99.0
"""Percentile within the brain that is shown as white; only its brightest echoes are above."""


def within_skull(head: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.bool_]:
    """Peel the rim off the head in every slice.

    Args:
        head: ``(S, H, W)``.
        spacing_mm: edge of a pixel.

    Returns:
        The same shape; the head itself where nothing would be left of any slice.
    """
    from scipy import ndimage  # here: `align`, run once per volume, does not need it

    cross = ndimage.generate_binary_structure(2, 1)[None]
    peeled = ndimage.binary_erosion(head, cross, iterations=max(1, round(RIM_MM / spacing_mm)))
    return peeled if peeled.any() else head


def white_level(image: NDArray[np.floating], brain: NDArray[np.bool_]) -> float:
    """Return the intensity that pictures of a scan show as white.

    Args:
        image: any shape and scale, 0 is black.
        brain: the same shape, what must be seen well (`within_skull`).

    Returns:
        An intensity above 0; that of the brightest pixel if the brain is black.
    """
    level = float(np.percentile(image[brain], WHITE_PERCENTILE)) if brain.any() else 0.0
    return level if level > 0 else float(image.max(initial=0.0)) or 1.0


def windowed(
    image: NDArray[np.floating], head: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float32]:
    """Scale ultrasound for the eye.

    Args:
        image: ``(S, H, W)``, all slices of a scan, 0 is black.
        head: the same shape.
        spacing_mm: edge of a pixel.

    Returns:
        float32 in [0, 1].
    """
    shown = image.astype(np.float32)
    return np.clip(shown / white_level(shown, within_skull(head, spacing_mm)), 0.0, 1.0)
