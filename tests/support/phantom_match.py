"""A small atlas in both contrasts, and scans of deformed heads."""

from functools import cache

import numpy as np
import SimpleITK as sitk
from conftest import configured
from scipy import ndimage

from ssus2mri.config.prepare import MatchSettings
from ssus2mri.images import geometry

SIZE, SPACING = 40, 2.4
CONFIGURED = configured(MatchSettings, "match")
COARSE = CONFIGURED.ffd.model_copy(update={"resolution_mm": [4.8]})
SETTINGS = CONFIGURED.model_copy(update={"spacing_mm": SPACING, "window_mm": 4.0, "ffd": COARSE})
POINTS = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) * SPACING
HEAD = (POINTS[0] / 30) ** 2 + (POINTS[1] / 38) ** 2 + (POINTS[2] / 32) ** 2 < 1
# Smooth, some millimetres, nothing at the border: along z, y, x.
BUMP = np.exp(-(((POINTS - np.array([4, -6, 5])[:, None, None, None]) / 14) ** 2).sum(axis=0))
DISPLACEMENT_MM = np.array([5.0, -6.0, 5.5])[:, None, None, None] * BUMP


def image(array: np.ndarray) -> sitk.Image:
    return geometry.from_array(
        array.astype(np.float32), geometry.grid(SIZE, SPACING, (2.0, -3.0, 5.0))
    )


@cache
def tissue() -> np.ndarray:
    """Tissues of the atlas, 0 to 3."""
    rough = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=[SIZE] * 3), 1.8)
    return np.digitize(rough / rough.std(), [-0.7, 0.0, 0.7]) * HEAD


def soft(values: list[float]) -> np.ndarray:
    """The atlas with a value for each tissue."""
    return ndimage.gaussian_filter(np.array(values)[tissue()], 0.7) * HEAD


def us() -> np.ndarray:
    return soft([40.0, 120.0, 20.0, 70.0])


def mr() -> np.ndarray:
    return soft([0.3, 0.5, 0.95, 0.7])


def deformed(array: np.ndarray, sign: float = 1.0, order: int = 1) -> np.ndarray:
    """An image of the head that is displaced by ``sign`` times `DISPLACEMENT_MM`."""
    at = np.indices(array.shape) + sign * DISPLACEMENT_MM / SPACING
    return ndimage.map_coordinates(array, at, order=order)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation where the heads are deformed."""
    points = HEAD & (BUMP > 0.3)
    return float(np.corrcoef(a[points], b[points])[0, 1])
