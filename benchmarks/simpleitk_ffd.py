"""SimpleITK's free-form deformation, the reference for ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from real_mr import central_determinant

from ssus2mri.config.deform import FfdSettings
from ssus2mri.ffd.slice_pairs import Registration, correlation
from ssus2mri.ffd.volumes import displacements

ITERATIONS = 2
"""SimpleITK 2.5.7 starts LBFGS2 twice at each level: so many times the iterations asked for."""


def simpleitk(
    moving: NDArray, fixed: NDArray, mask: NDArray, *, spacing_mm: float, settings: FfdSettings
) -> Registration:
    """Register a pair by SimpleITK, with as many iterations as ours in all."""
    target, image, inside = (
        sitk.GetImageFromArray(np.ascontiguousarray(array, kind))
        for array, kind in ((fixed, np.float32), (moving, np.float32), (mask, np.uint8))
    )
    for part in (target, image, inside):
        part.SetSpacing([spacing_mm] * 2)
    transform = deform(target, image, inside, settings)
    field = sitk.GetArrayFromImage(displacements(transform, target))
    displacement = np.moveaxis(field, -1, 0)[::-1]
    resampled = sitk.Resample(image, target, transform, sitk.sitkLinear, 0.0)
    warped = sitk.GetArrayFromImage(resampled)
    return Registration(
        displacement=displacement,
        determinant=central_determinant(displacement, spacing_mm),
        warped=warped,
        similarity_before=correlation(moving, fixed, mask),
        similarity_after=correlation(warped, fixed, mask),
    )


def deform(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: FfdSettings
) -> sitk.Transform:
    """Register one image to another with a cubic B-spline mesh, coarse to fine.

    It makes as many iterations as ours. It uses a single thread and every pixel of the mask, so the
    same images give the same bytes. The library squares the correlation, so images with inverted
    contrast attract each other too.

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
        numberOfIterations=settings.iterations // ITERATIONS,
        lineSearchMaximumEvaluations=settings.line_search,
    )
    growth = [round(coarsest / cell) for cell in settings.mesh_mm]
    method.SetInitialTransformAsBSpline(transform, inPlace=True, scaleFactors=growth)
    with _quiet():
        method.Execute(fixed, moving)
    return transform


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings about line-search trials that leave the image: the library rejects them."""
    displayed = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(displayed)
