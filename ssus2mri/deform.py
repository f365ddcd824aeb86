"""Two images in, the free-form deformation that brings one to the other out; in 2D and in 3D."""

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
    """Deform one image to another with a cubic B-spline mesh, coarse to fine.

    One thread and every pixel of the mask, so the same images give the same bytes. The correlation
    is squared by the library, so inverted contrast attracts too.

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
        [max(1, round(wanted / spacing_mm)) for wanted in settings.resolution_mm]
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
    """Smooth a deformation: what it has of noise changes faster than what it has of anatomy.

    Args:
        transform: of points of ``like``.
        like: where the deformation is taken; outside it there is none afterwards.
        smooth_mm: standard deviation of the Gaussian.

    Returns:
        The smoother deformation.
    """
    smooth = sitk.SmoothingRecursiveGaussian(displacements(transform, like), smooth_mm)
    return sitk.DisplacementFieldTransform(sitk.Cast(smooth, sitk.sitkVectorFloat64))


def deform_smoothly(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: MatchSettings
) -> sitk.Transform:
    """Deform one image to another, smoothly.

    Args:
        fixed: see `deform`, as the following.
        moving: also.
        mask: on the grid of ``fixed``.
        settings: section ``match``.

    Returns:
        Maps points of ``fixed`` to points of ``moving``. Where no deformation is found, a warning,
        and all stays as it is.
    """
    try:
        found = deform(fixed, moving, mask, settings.ffd)
    except RuntimeError as error:
        logger.warning("not deformed: %s", str(error).strip().splitlines()[-1])
        return sitk.Transform(fixed.GetDimension(), sitk.sitkIdentity)
    return smoothed(found, fixed, settings.field_smooth_mm) if settings.field_smooth_mm else found


def displacements(transform: sitk.Transform, like: sitk.Image) -> sitk.Image:
    """Give what a deformation adds to the points of a grid: float64 vectors (x, y, z), mm."""
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
    """Keep the library from warning of line-search trials that leave the image: it rejects them."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
