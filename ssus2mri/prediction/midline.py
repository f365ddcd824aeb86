"""The midline of a plane: the line in which the tissues that a network sees mirror each other."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from ssus2mri.tissues import SHOWN, Tissue

_STARTS_DEG = np.array([-10.0, 0.0, 10.0])
_STEP_DEG, _STEP_PX = 4.0, 2.0  # of the first steps of the search
_LEAST_PX = 12  # of a tissue, in sum of probabilities: fewer tell nothing


def midline(tissue: NDArray[np.floating]) -> tuple[float, float] | None:
    """Find the midline of an upright axial plane.

    Args:
        tissue: ``(K, H, W)``, probabilities of `SHOWN`.

    Returns:
        Degrees by which it leans from the vertical, and pixels by which it lies beside the middle
        of the picture at half height; None: there is nothing to mirror.
    """
    parts = [
        part.astype(np.float64)
        for name, part in zip(SHOWN, tissue, strict=True)
        if name not in (Tissue.BACKGROUND, Tissue.SKULL) and part.sum() >= _LEAST_PX
    ]
    if not parts:
        return None
    stack = np.stack(parts)
    power = (stack**2).sum(axis=(1, 2))
    height, width = stack.shape[1:]
    y, x = np.indices((height, width)) - np.array([height - 1, width - 1]).reshape(2, 1, 1) / 2

    def cost(values: NDArray[np.float64]) -> float:
        angle, offset = np.radians(values[0] * _STEP_DEG), values[1] * _STEP_PX
        # Twice the distance from the line, along its normal.
        away = 2 * ((x - offset) * np.cos(angle) - y * np.sin(angle))
        places = [
            y + away * np.sin(angle) + (height - 1) / 2,
            x - away * np.cos(angle) + (width - 1) / 2,
        ]
        common = [(part * ndimage.map_coordinates(part, places, order=1)).sum() for part in stack]
        return -float(np.mean(common / power))

    fits = [
        optimize.minimize(
            cost,
            [start, 0.0],
            method="Nelder-Mead",
            options={
                "initial_simplex": [[start, 0.0], [start + 1, 0.0], [start, 1.0]],
                **{"maxfev": 60, "xatol": 0.02, "fatol": 1e-5},
            },
        )
        for start in (_STARTS_DEG / _STEP_DEG).tolist()
    ]
    best = min(fits, key=lambda fit: fit.fun).x
    return float(best[0] * _STEP_DEG), float(best[1] * _STEP_PX)
