"""Free-form deformation of one image to another, in 2D and in 3D."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.prepare import MatchSettings

logger = logging.getLogger(__name__)


def deform(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: FfdSettings
) -> sitk.Transform:
    """Register one image to another with a cubic B-spline mesh, coarse to fine.

    It uses a single thread and every pixel of the mask, so the same images give the same bytes. The
    library squares the correlation, so images with inverted contrast attract each other too.

    Args:
        fixed: float32, the same spacing along every axis.
        moving: float32.
        mask: on the grid of ``fixed``, where they are compared.
        settings: mesh, optimiser and stopping.

    Returns:
        Maps points of ``fixed`` to points of ``moving``; for `sitk.Resample`.

    Raises:
        RuntimeError: the optimiser lost the moving image.
    """
    spacing_mm = fixed.GetSpacing()[0]
    coarsest = settings.mesh_mm[0]
    cells = [max(1, round(size * spacing_mm / coarsest)) for size in fixed.GetSize()]
    transform = sitk.BSplineTransformInitializer(fixed, cells)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(
        [max(1, round(resolution / spacing_mm)) for resolution in settings.resolution_mm]
    )
    method.SetSmoothingSigmasPerLevel(settings.smooth_mm)
    method.SetOptimizerAsLBFGS2(
        solutionAccuracy=settings.tolerance,
        numberOfIterations=settings.iterations,
        lineSearchMaximumEvaluations=settings.line_search,
    )
    growth = [round(coarsest / cell) for cell in settings.mesh_mm]
    method.SetInitialTransformAsBSpline(transform, inPlace=True, scaleFactors=growth)
    with _quiet():
        method.Execute(fixed, moving)
    return transform


def smoothed(transform: sitk.Transform, like: sitk.Image, smooth_mm: float) -> sitk.Transform:
    """Smooth a deformation: its noise varies faster in space than its anatomy.

    Args:
        transform: of points of ``like``.
        like: the grid on which the deformation is sampled; outside it there is none afterwards.
        smooth_mm: standard deviation of the Gaussian.

    Returns:
        The smoothed deformation.
    """
    smooth = sitk.SmoothingRecursiveGaussian(displacements(transform, like), smooth_mm)
    return sitk.DisplacementFieldTransform(sitk.Cast(smooth, sitk.sitkVectorFloat64))


def deform_smoothly(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: MatchSettings
) -> sitk.Transform:
    """Register one image to another and smooth the deformation.

    Args:
        fixed: see `deform`.
        moving: see `deform`.
        mask: on the grid of ``fixed``.
        settings: section ``match``.

    Returns:
        Maps points of ``fixed`` to points of ``moving``; the identity, with a warning, where the
        registration fails.
    """
    try:
        transform = deform(fixed, moving, mask, settings.ffd)
    except RuntimeError as error:
        logger.warning("not deformed: %s", str(error).strip().splitlines()[-1])
        return sitk.Transform(fixed.GetDimension(), sitk.sitkIdentity)
    if not settings.field_smooth_mm:
        return transform
    return smoothed(transform, fixed, settings.field_smooth_mm)


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


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings about line-search trials that leave the image: the library rejects them."""
    displayed = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(displayed)
