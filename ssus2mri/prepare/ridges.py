"""Bright ridges of an ultrasound: what a skull looks like, wherever it lies.

The image is normalised by its local contrast; second derivatives then say how much each place looks
like a bright ridge across a given direction. Coordinates are those of `ellipsoid`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.blur import mean_within
from ssus2mri.config.prepare import SkullSettings
from ssus2mri.prepare.ellipsoid import Floats, local_spacing


@dataclass(frozen=True)
class Ridges:
    """Second derivatives of the normalised image, scaled so that a skull responds with about 1.

    ``hessian``: ``(D, D, ...)`` float32, sign turned so that bright ridges are positive;
    ``spacing_mm``: edge of a voxel.
    """

    hessian: NDArray[np.float32]
    spacing_mm: float

    def along(self, points: Floats, normals: Floats) -> Floats:
        """Return ridge strength, 0 to 1, at ``(..., D)`` local mm across ``(..., D)``."""
        dimension = points.shape[-1]
        index = np.moveaxis(points, -1, 0) / self.spacing_mm
        strength = np.zeros(points.shape[:-1])
        for i in range(dimension):
            for j in range(i, dimension):
                value = ndimage.map_coordinates(self.hessian[i, j], index, order=1, cval=0.0)
                strength += (1 if i == j else 2) * value * normals[..., i] * normals[..., j]
        return np.clip(strength, 0.0, 1.0)


def ridges(
    image: sitk.Image, spacings_mm: Sequence[float], settings: SkullSettings
) -> list[Ridges]:
    """Find bright ridges on isotropic grids.

    Args:
        image: ultrasound, 2D or 3D.
        spacings_mm: edge of the voxels of each grid.
        settings: section ``crop.skull``.

    Returns:
        The ridges on each grid; 0 outside the field of view.
    """
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    seen = _field_of_view(array).astype(np.float32)
    spacing = local_spacing(image)
    return [_ridges(array, seen, spacing, spacing_mm, settings) for spacing_mm in spacings_mm]


def _ridges(
    array: NDArray[np.float32],
    seen: NDArray[np.float32],
    spacing: Floats,
    spacing_mm: float,
    settings: SkullSettings,
) -> Ridges:
    sigma_mm = max(settings.ridge_mm, spacing_mm)
    # Normalised convolution: what is outside the field of view makes no edge at its border.
    zoom = spacing / spacing_mm
    anti = 0.4 * np.maximum(1.0 / zoom - 1.0, 0.0)
    weighted = _resampled(ndimage.gaussian_filter(array * seen, anti), zoom)
    weight = _resampled(ndimage.gaussian_filter(seen, anti), zoom)
    smooth = mean_within(weight, sigma_mm / spacing_mm)(weighted)
    far = settings.contrast_mm / spacing_mm
    inside = (weight > 0.5).astype(np.float32)
    local_mean = mean_within(inside, far)
    mean = local_mean(smooth * inside)
    deviation = np.sqrt(local_mean((smooth - mean) ** 2 * inside))
    floor = settings.contrast_floor * float(deviation[inside > 0].mean())
    normal = (smooth - mean) / (deviation + floor)
    dimension = array.ndim
    hessian = np.zeros((dimension, dimension, *normal.shape), np.float32)
    scale = -((sigma_mm / spacing_mm) ** 2) / settings.ridge_strength
    for i in range(dimension):
        first = np.gradient(normal, axis=i)
        for j in range(i, dimension):
            hessian[i, j] = hessian[j, i] = np.gradient(first, axis=j) * scale * inside
    return Ridges(hessian, spacing_mm)


def _field_of_view(array: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the scanner put an image: above 0, small gaps closed."""
    return ndimage.binary_closing(np.pad(array > 0, 3), iterations=3)[
        tuple(slice(3, -3) for _ in array.shape)
    ]


def _resampled(array: NDArray[np.float32], zoom: Floats) -> NDArray[np.float32]:
    """Resample so that voxel i of the new grid lies at i * new spacing: index 0 stays."""
    shape = tuple(int(np.floor((n - 1) * z)) + 1 for n, z in zip(array.shape, zoom, strict=True))
    return ndimage.affine_transform(array, 1.0 / zoom, output_shape=shape, order=1)
