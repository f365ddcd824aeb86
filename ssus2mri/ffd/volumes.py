"""Free-form deformation of one volume to another, for `match` and `blend`."""

import logging

import numpy as np
import SimpleITK as sitk
import torch

from ssus2mri.config.prepare import MatchSettings
from ssus2mri.ffd.pyramid import register
from ssus2mri.ffd.spline import displacement

logger = logging.getLogger(__name__)


def deform_smoothly(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: MatchSettings
) -> sitk.Transform:
    """Register one volume to another and smooth the deformation.

    What of ``moving`` lies beyond the grid of ``fixed`` is not seen.

    Args:
        fixed: the same spacing along every axis.
        moving: on any grid.
        mask: on the grid of ``fixed``, where they are compared.
        settings: section ``match``.

    Returns:
        Maps points of ``fixed`` to points of ``moving``, and those beyond its grid to themselves;
        the identity, with a warning, where there is nothing to register.
    """
    beside = sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, 0.0)
    f, m, inside = (
        torch.tensor(sitk.GetArrayFromImage(image), dtype=torch.float64)[None]
        for image in (fixed, beside, mask)
    )
    coefficients, failed = register(
        f, m, inside > 0, spacing_mm=fixed.GetSpacing()[0], settings=settings.ffd
    )
    if failed.any():
        logger.warning("not deformed: there is no contrast within the head")
        return sitk.Transform(fixed.GetDimension(), sitk.sitkIdentity)
    along_grid = displacement(coefficients, f.shape[1:])[0].flip(0).movedim(0, -1).numpy()
    to_world = np.reshape(fixed.GetDirection(), (3, 3)).T
    field = sitk.GetImageFromArray(along_grid @ to_world, isVector=True)
    field.CopyInformation(fixed)
    return smoothed(field, settings.field_smooth_mm)


def smoothed(field: sitk.Image, smooth_mm: float) -> sitk.Transform:
    """Smooth a deformation: its noise varies faster in space than its anatomy.

    Args:
        field: displacements (x, y, z), mm; outside its grid there are none.
        smooth_mm: standard deviation of the Gaussian; 0 leaves it as it is.
    """
    smooth = sitk.SmoothingRecursiveGaussian(field, smooth_mm) if smooth_mm else field
    return sitk.DisplacementFieldTransform(sitk.Cast(smooth, sitk.sitkVectorFloat64))


def displacements(transform: sitk.Transform, like: sitk.Image) -> sitk.Image:
    """Return the displacements at the points of a grid: float64 vectors (x, y, z), mm."""
    return sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        like.GetSize(),
        like.GetOrigin(),
        like.GetSpacing(),
        like.GetDirection(),
    )
