"""Intensities in [0, 1], scaled by what lies within the head."""

import numpy as np
from numpy.typing import NDArray


def scaled(
    array: NDArray[np.floating],
    inside: NDArray[np.bool_],
    percentiles: list[float],
    within: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], float, float]:
    """Scale intensities so that two percentiles within the head become 0 and 1.

    Args:
        array: any shape, original intensities.
        inside: same shape, the head, not empty.
        percentiles: of the voxels ``within``, mapped to 0 and 1.
        within: same shape, part of the head; None: all of it.

    Returns:
        float32 in [0, 1], 0 outside the head; the intensities mapped to 0 and to 1.

    Raises:
        ValueError: nothing ``within``, or the two percentiles are equal.
    """
    values = array[inside if within is None else within]
    if not len(values):
        raise ValueError("no voxel from which to take the percentiles")
    low, high = (float(v) for v in np.percentile(values, percentiles))
    if not high > low:
        raise ValueError(f"percentiles {percentiles} both at intensity {low:g}")
    unit = np.clip((array.astype(np.float32) - low) / (high - low), 0.0, 1.0)
    return np.where(inside, unit, np.float32(0.0)), low, high


def deep(inside: NDArray[np.bool_], spacing_mm: float, depth_mm: float) -> NDArray[np.bool_]:
    """Return what lies deep enough in a head.

    Args:
        inside: the head, 2D or 3D; of a 3D array with a single slice the depth is within the slice.
        spacing_mm: edge of a pixel or voxel.
        depth_mm: below the border; 0: the whole head.

    Returns:
        Same shape.
    """
    if not depth_mm:
        return inside
    from scipy import ndimage  # `extract` starts without it: it costs a plane more than its work

    flat = inside.ndim == 3 and len(inside) == 1
    distance_mm = ndimage.distance_transform_edt(inside[0] if flat else inside, spacing_mm)
    return (distance_mm > depth_mm).reshape(inside.shape)
