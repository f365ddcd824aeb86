"""Free-form deformation of one slice to another, for the deformation score.

The displacement ``u(x)`` (mm) lives on the pixels of the fixed slice: the warped slice at ``x`` is
the moving slice at ``x + u(x)``. Arrays are ``(2, H, W)``, along rows first, then along columns.
"""

import logging
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.config.deform import FfdSettings
from ssus2mri.deform import deform, displacements
from ssus2mri.images import geometry

logger = logging.getLogger(__name__)

# Not imported from `ssus2mri.measures`: editing a measure must not register everything again.
Slice = NDArray[np.floating]
Mask = NDArray[np.bool_]

# A range below this is no contrast: float16 itself steps by 0.0005 near 1.
_FLAT = 1e-3


@dataclass(frozen=True)
class Registration:
    """The result of a registration.

    ``displacement`` ``(2, H, W)`` float64, mm; ``warped`` ``(H, W)`` float32, the moving slice on
    the fixed one; ``similarity_before`` and ``similarity_after`` are `correlation` in the mask.
    """

    displacement: NDArray[np.float64]
    warped: NDArray[np.float32]
    similarity_before: float
    similarity_after: float


def register(
    moving: Slice, fixed: Slice, mask: Mask, *, spacing_mm: float, settings: FfdSettings
) -> Registration | None:
    """Deform one slice to another; see `ssus2mri.deform`.

    Between a slice and itself the displacement is exactly 0.

    Source: TMI 2020, Sec. IV-B ("FFD-based [42] deformable registration"). Metric, mesh, optimiser
    and stopping are not stated in the source: see section ``register.ffd`` of the configuration.

    Args:
        moving: ``(H, W)`` in [0, 1], the synthetic MR.
        fixed: ``(H, W)`` in [0, 1], the real MR.
        mask: ``(H, W)``, where they are compared.
        spacing_mm: edge of a pixel, mm.
        settings: mesh, optimiser and stopping.

    Returns:
        The deformation, or None where there is nothing to register: a slice without contrast, or
        an optimiser that lost the moving slice.
    """
    if flat(moving, mask) or flat(fixed, mask):
        return None
    fixed_image, moving_image = _image(fixed, spacing_mm), _image(moving, spacing_mm)
    inside = geometry.from_array(mask.astype(np.uint8), fixed_image)
    try:
        transform = deform(fixed_image, moving_image, inside, settings)
    except RuntimeError as error:
        logger.warning("registration failed: %s", str(error).strip().splitlines()[-1])
        return None
    field = sitk.GetArrayFromImage(displacements(transform, fixed_image))
    resampled = sitk.Resample(moving_image, fixed_image, transform, sitk.sitkLinear, 0.0)
    warped = sitk.GetArrayFromImage(resampled)
    return Registration(
        displacement=np.moveaxis(field, -1, 0)[::-1],  # x, y -> rows, columns
        warped=warped,
        similarity_before=correlation(moving, fixed, mask),
        similarity_after=correlation(warped, fixed, mask),
    )


def flat(image: Slice, mask: Mask) -> bool:
    """Return whether a slice ``(H, W)`` has no contrast within the mask, or the mask is empty."""
    values = image[mask]
    return values.size < 2 or float(values.max()) - float(values.min()) < _FLAT


def correlation(a: Slice, b: Slice, mask: Mask) -> float:
    """Return the Pearson correlation of two slices ``(H, W)`` within the mask; 0 if one is flat."""
    if flat(a, mask) or flat(b, mask):
        return 0.0
    return float(np.corrcoef(a[mask].astype(np.float64), b[mask].astype(np.float64))[0, 1])


def _image(array: Slice, spacing_mm: float) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))
    image.SetSpacing((spacing_mm, spacing_mm))
    return image
