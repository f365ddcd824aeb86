"""Local contrast within the head: the features that `ssus2mri.prepare.search` and `match` compare.

Arrays are [z, y, x], points are rows (x, y, z) of world mm.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.blur import mean_within
from ssus2mri.config.prepare import ContrastSettings
from ssus2mri.errors import InputError

Floats = NDArray[np.float64]
_BLUR = 0.6  # of the grid's spacing: against aliasing on a coarser grid


@dataclass(frozen=True)
class Features:
    """The features, on a grid along the world's axes.

    ``values`` is ``(z, y, x)`` float, 0 outside ``inside``; ``origin`` the world point of voxel 0.
    """

    values: Floats
    inside: NDArray[np.bool_]
    origin: Floats
    spacing_mm: float

    def points(self) -> tuple[Floats, Floats]:
        """Return the voxels inside: points ``(N, 3)`` and values ``(N,)``."""
        index = np.argwhere(self.inside)
        return index[:, ::-1] * self.spacing_mm + self.origin, self.values[self.inside]

    def image(self) -> sitk.Image:
        """Return the values as a float32 image in world coordinates."""
        return self._in_world(self.values.astype(np.float32))

    def mask(self) -> sitk.Image:
        """Return the mask of the inside as a uint8 image in world coordinates."""
        return self._in_world(self.inside.astype(np.uint8))

    def _in_world(self, array: NDArray) -> sitk.Image:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing([self.spacing_mm] * 3)
        image.SetOrigin(self.origin.tolist())
        return image

    def sample(self, values: Floats, points: Floats) -> Floats:
        """Interpolate an array on the grid at world points ``(..., 3)``; 0 outside."""
        index = (points - self.origin) / self.spacing_mm
        return ndimage.map_coordinates(values, np.moveaxis(index[..., ::-1], -1, 0), order=1)


def features(
    image: sitk.Image,
    head: sitk.Image,
    spacing_mm: float,
    *,
    modality: str,
    settings: ContrastSettings,
) -> Features:
    """Compute the local contrast of an image within the head.

    ``(I - local mean) / local deviation`` compensates for gain, shadow and attenuation. The skull
    of an ultrasound is left out: it is bright where the beam meets it at right angles, so its echo
    depends on the position of the probe rather than on the head.

    Args:
        image: 3D, any direction, any intensities.
        head: mask on the image's grid.
        spacing_mm: of the grid; the image is smoothed accordingly.
        modality: ``us`` or ``mr``.
        settings: section ``align`` or ``match``.

    Raises:
        InputError: no part of the head is left to compare.
    """
    skin_mm: float = getattr(settings.skin_mm, modality)
    grid = _grid_around(head, spacing_mm)
    soft = _on_grid(sitk.Cast(head > 0, sitk.sitkFloat32), grid)
    depth = ndimage.distance_transform_edt(soft >= 0.5, sampling=spacing_mm)
    depth -= ndimage.distance_transform_edt(soft < 0.5, sampling=spacing_mm)
    inside = depth > skin_mm
    if not inside.any():
        raise InputError(
            "mask of the head",
            expected=f"a head more than {skin_mm:g} mm deep",
            found=f"one of at most {depth.max():.1f} mm",
            do="Look at the mask and its units; give a `mask` or a `transform` in the manifest.",
        )
    sigma = settings.window_mm / spacing_mm
    image_values = _on_grid(image, grid)
    mean = mean_within(inside.astype(float), sigma)
    residual = image_values - mean(image_values * inside)
    deviation = np.sqrt(mean(residual**2 * inside))
    contrast = residual / (deviation + settings.contrast_floor * deviation[inside].mean() + 1e-12)
    contrast = np.clip(contrast, -settings.contrast_clip, settings.contrast_clip)
    values = np.where(inside, contrast - contrast[inside].mean(), 0.0)
    return Features(values, inside, np.array(grid.GetOrigin()), spacing_mm)


def _grid_around(mask: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Return an empty grid along the world's axes that contains a mask of any direction."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[:, ::-1]
    ends = np.stack([index.min(axis=0), index.max(axis=0)]).astype(float)
    corners = [ends[bits, range(3)].tolist() for bits in np.ndindex(2, 2, 2)]
    world = np.array([mask.TransformContinuousIndexToPhysicalPoint(c) for c in corners])
    first = world.min(axis=0) - 2 * spacing_mm
    size = np.ceil((world.max(axis=0) - first) / spacing_mm).astype(int) + 3
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetOrigin(first.tolist())
    return grid


def _on_grid(image: sitk.Image, grid: sitk.Image) -> Floats:
    """Smooth an image to the resolution of the grid, and resample it."""
    blur_mm = _BLUR * grid.GetSpacing()[0]
    smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), blur_mm)
    moved = sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    return sitk.GetArrayFromImage(moved).astype(float)
