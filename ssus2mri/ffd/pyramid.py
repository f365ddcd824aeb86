"""Register many pairs of images with cubic B-spline meshes, coarse to fine."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ssus2mri.config.deform import FfdSettings
from ssus2mri.ffd.correlation import Level, dissimilarity
from ssus2mri.ffd.lbfgs import minimise
from ssus2mri.ffd.spline import EXTRA_KNOTS, along_axes, basis, refine

_REACH = 4.0
"""Standard deviations at which a Gaussian is cut off."""


def register(
    fixed: Tensor, moving: Tensor, mask: Tensor, *, spacing_mm: float, settings: FfdSettings
) -> tuple[Tensor, Tensor]:
    """Deform moving images to fixed ones; all pairs at once, each on its own.

    A pair's result depends on the others by rounding only: in float64 by less than 1e-6 mm.

    Source: Rueckert et al., IEEE TMI 1999 (free-form deformation by B-splines), without its bending
    penalty: the field is kept smooth by the mesh and by stopping early.

    Args:
        fixed: ``(N, *size)``, 2D or 3D, on any device.
        moving: the same.
        mask: ``(N, *size)`` bool, where they are compared.
        spacing_mm: edge of a pixel, mm.
        settings: meshes, optimiser and stopping.

    Returns:
        Coefficients ``(N, D, *knots)`` of the displacement, mm (see `spline`): fixed at ``x`` is
        moving at ``x + u(x)``; and ``(N,)``, where the registration failed: nothing to compare.
    """
    size = fixed.shape[1:]
    cell_mm = settings.mesh_mm[0]
    cells = [max(1, round(edge * spacing_mm / cell_mm)) for edge in size]
    knots = [count + EXTRA_KNOTS for count in cells]
    coefficients = fixed.new_zeros(len(fixed), len(size), *knots)
    failed = torch.zeros(len(fixed), dtype=torch.bool, device=fixed.device)
    levels = zip(settings.mesh_mm, settings.resolution_mm, settings.smooth_mm, strict=True)
    for mesh_mm, resolution_mm, smooth_mm in levels:
        factor, cell_mm = round(cell_mm / mesh_mm), mesh_mm
        coefficients = refine(coefficients, cells, factor)
        cells = [count * factor for count in cells]
        level = prepare(
            fixed,
            moving,
            mask,
            cells,
            spacing_mm=spacing_mm,
            step=max(1, round(resolution_mm / spacing_mm)),
            smooth_px=smooth_mm / spacing_mm,
        )
        flat, value = minimise(
            partial(dissimilarity, level),
            coefficients.flatten(1),
            iterations=settings.iterations,
            evaluations=settings.line_search,
            tolerance=settings.tolerance,
        )
        coefficients, failed = flat.view_as(coefficients), ~value.isfinite()
    return coefficients, failed


def prepare(
    fixed: Tensor,
    moving: Tensor,
    mask: Tensor,
    cells: Sequence[int],
    *,
    spacing_mm: float,
    step: int,
    smooth_px: float,
) -> Level:
    """Smooth images, and choose the points that are compared: every ``step`` pixels in the masks.

    Args:
        fixed: ``(N, *size)``.
        moving: the same.
        mask: the same, bool.
        cells: of the mesh along each axis.
        spacing_mm: edge of a pixel, mm.
        step: pixels from point to point.
        smooth_px: standard deviation of the Gaussian, pixels.
    """
    smooth, thin, points_px, values = [], [], [], []
    kept = mask
    for axis, edge in enumerate(fixed.shape[1:], start=1):
        points = _points(edge, step).to(fixed)
        nearest = (points + 0.5).floor().long()
        rows = mask.movedim(axis, 0).flatten(1).any(1)[nearest]
        points, nearest = points[rows], nearest[rows]
        kept = kept.index_select(axis, nearest)
        smooth.append(_gaussian(edge, smooth_px).to(fixed))
        pixels = torch.arange(edge).to(points)
        thin.append((1 - (points[:, None] - pixels).abs()).clamp(min=0) @ smooth[-1])
        points_px.append(points)
        values.append(basis(points, edge, cells[axis - 1])[0])
    smoothed = along_axes(moving[:, None], smooth) if smooth_px else moving[:, None]
    slopes = torch.gradient(smoothed, dim=list(range(2, smoothed.ndim)))
    return Level(
        fixed=along_axes(fixed[:, None], thin)[:, 0],
        mask=kept.to(fixed),
        moving=torch.cat([smoothed, *slopes], dim=1),
        points_px=points_px,
        values=values,
        spacing_mm=spacing_mm,
    )


def _points(edge: int, step: int) -> Tensor:
    """Return points along an axis, as many to either side of its middle, float64 pixels."""
    count = edge // step
    return (edge - 1) / 2 + step * (torch.arange(count, dtype=torch.float64) - (count - 1) / 2)


def _gaussian(edge: int, sigma: float) -> Tensor:
    """Return the matrix ``(edge, edge)`` that smooths an axis; beyond it, its ends go on."""
    if not sigma:
        return torch.eye(edge)
    reach = int(_REACH * sigma + 1)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-offsets.double().square() / (2 * sigma**2))
    pixels = torch.arange(edge)[:, None]
    matrix = torch.zeros(edge, edge, dtype=torch.float64)
    targets = (pixels + offsets).clamp(0, edge - 1)
    return matrix.scatter_add_(1, targets, (weights / weights.sum()).expand(edge, -1))
