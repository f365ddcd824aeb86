"""Sizes of a segmented brain as a radiologist measures them on MR, mm.

Measured alike on the true labels and on a segmented synthesis, so what counts is the difference. On
MR the choroid plexus, by which `ssus2mri.simulate.biometry` finds the atrium, is not told from its
ventricle; here the atrium is found by its place behind the thalami.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import block_reduce

from ssus2mri.config.evaluate import AtriumSettings
from ssus2mri.pieces import largest_piece
from ssus2mri.tissues import Tissue

Classes = NDArray[np.uint8]

SIZES = ("atrium", "transcerebellar", "biparietal")
_FINE_MM = 0.3
"""Edge of a voxel in which the atrium is measured: finer than the slices'."""


def sizes_mm(classes: Classes, spacing_mm: float, settings: AtriumSettings) -> dict[str, float]:
    """Measure a segmented brain.

    Args:
        classes: ``[z, y, x]`` in atlas space, tissues of the label atlases.
        spacing_mm: edge of a voxel.
        settings: where the atrium is.

    Returns:
        Every one of `SIZES`; nan where a tissue that it needs is absent.
    """
    return {
        "atrium": atrium_mm(classes, spacing_mm, settings),
        "transcerebellar": transcerebellar_mm(classes, spacing_mm),
        "biparietal": biparietal_mm(classes, spacing_mm),
    }


def transcerebellar_mm(classes: Classes, spacing_mm: float) -> float:
    """Return the greatest lateral extent of the cerebellum's largest part; nan without one."""
    return _width(largest_piece(classes == Tissue.CEREBELLUM), spacing_mm)


def biparietal_mm(classes: Classes, spacing_mm: float) -> float:
    """Return the greatest width of the brain with its fluid at the level of the deep grey matter.

    From inner to inner border of the skull, which MR of an extracted brain does not show.
    """
    middle = _middle(classes)
    if middle is None:
        return float("nan")
    return _width(largest_piece(classes[round(middle[0])] > 0), spacing_mm)


def atrium_mm(classes: Classes, spacing_mm: float, settings: AtriumSettings) -> float:
    """Return the mean width of both atria: the largest circle in an axial slice of the ventricle.

    Args:
        classes: ``[z, y, x]``, y from front to back.
        spacing_mm: edge of a voxel.
        settings: the box on either side in which the circle's centre lies, from the middle of the
            deep grey matter.

    Returns:
        mm; 0 for a side without ventricle there, nan without deep grey matter.
    """
    middle = _middle(classes)
    if middle is None:
        return float("nan")
    z, y, x = ((np.arange(n) - m) * spacing_mm for n, m in zip(classes.shape, middle, strict=True))
    levels = classes[_within(z, settings.above_mm)] == Tissue.VENTRICLES
    rows = _within(y, settings.behind_mm)
    circles = np.array([_circles_mm(level, spacing_mm)[rows] for level in levels])
    sides = [circles[..., side * x > settings.aside_mm] for side in (-1, 1)]
    return float(np.mean([side.max(initial=0.0) for side in sides]))


def _within(axis_mm: NDArray[np.floating], reach_mm: tuple[float, float]) -> NDArray[np.intp]:
    return np.nonzero((axis_mm >= reach_mm[0]) & (axis_mm <= reach_mm[1]))[0]


def _circles_mm(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float64]:
    """Return the diameter of the largest circle in a mask around each of its pixels, ``(H, W)``."""
    if not mask.any():
        return np.zeros(mask.shape)
    parts = max(1, round(spacing_mm / _FINE_MM))
    fine = ndimage.distance_transform_edt(np.kron(mask, np.ones((parts, parts), bool)))
    # To the centre of the nearest pixel outside; the border lies half a pixel nearer.
    widest = block_reduce(fine, parts, np.max)
    return np.where(mask, (2 * widest - 1) * spacing_mm / parts, 0.0)


def _middle(classes: Classes) -> NDArray[np.float64] | None:
    places = np.nonzero(classes == Tissue.DEEP_GREY)
    return np.array([axis.mean() for axis in places]) if places[0].size else None


def _width(mask: NDArray[np.bool_], spacing_mm: float) -> float:
    """Return the extent of a mask along x, its last axis."""
    columns = np.nonzero(mask.reshape(-1, mask.shape[-1]).any(axis=0))[0]
    return float((columns[-1] - columns[0] + 1) * spacing_mm) if columns.size else float("nan")
