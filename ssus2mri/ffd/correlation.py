"""Squared correlation of deformed images within a mask, and its gradient by the coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ssus2mri.ffd.spline import along_axes


@dataclass(frozen=True)
class Level:
    """Pairs of images at one level of a pyramid, with ``D`` axes.

    ``fixed (N, *points)`` and ``mask (N, *points)``, 0 or 1, at the points that are compared;
    ``moving (N, 1 + D, *size)``, the image and its derivative along each axis, per pixel;
    ``points_px``, the positions of the points along each axis; ``values``, the matrix of each axis
    from coefficients to points (`spline.basis`); ``spacing_mm``, the edge of a pixel.
    """

    fixed: Tensor
    mask: Tensor
    moving: Tensor
    points_px: Sequence[Tensor]
    values: Sequence[Tensor]
    spacing_mm: float


def dissimilarity(level: Level, coefficients: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Compare fixed images with moving ones that are deformed by splines.

    It is minus the squared correlation, so images of inverted contrast attract each other too. What
    leaves the moving image does not count.

    Args:
        level: the images.
        coefficients: ``(n, D * knots)``, mm.
        pairs: ``(n,)``, which of the level's they belong to.

    Returns:
        ``(n,)``, -1 (alike) to 0, infinite where an image has no contrast among the points; and its
        gradient ``(n, D * knots)``, per mm.
    """
    every = len(pairs) == len(level.fixed)
    fixed, mask, moving = (
        item if every else item[pairs] for item in (level.fixed, level.mask, level.moving)
    )
    knots = [matrix.shape[1] for matrix in level.values]
    field = along_axes(coefficients.view(len(pairs), len(knots), *knots), level.values)
    warped, inside = read(moving, field / level.spacing_mm, level.points_px)

    weight = (mask * inside).flatten(1)
    f, ff = _centred(fixed.flatten(1), weight)
    m, mm = _centred(warped[:, 0].flatten(1), weight)
    fm = (f * m).sum(1, keepdim=True)
    contrast = ff * mm > 0
    product = torch.where(contrast, ff * mm, 1)
    value = torch.where(contrast, -(fm.square() / product), torch.inf)[:, 0]
    by_intensity = -2 * fm / product * (f - fm / torch.where(contrast, mm, 1) * m)
    by_place = warped[:, 1:] * by_intensity.view_as(fixed)[:, None] / level.spacing_mm
    return value, along_axes(by_place, [matrix.T for matrix in level.values]).flatten(1)


def read(
    images: Tensor, displacement_px: Tensor, points_px: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Read images at displaced points, linearly.

    Args:
        images: ``(N, C, *size)``.
        displacement_px: ``(N, D, *points)``.
        points_px: positions along each axis before they are displaced.

    Returns:
        ``(N, C, *points)``, and ``(N, *points)``: which points lie within the image.
    """
    at = displacement_px + torch.stack(torch.meshgrid(*points_px, indexing="ij"))
    last = torch.tensor(images.shape[2:]).to(at).view(-1, *[1] * len(points_px)) - 1
    inside = ((at >= 0) & (at <= last)).all(1)
    grid = (at * (2 / last) - 1).flip(1).movedim(1, -1)  # x first; -1, 1: middles of end pixels
    return grid_sample(images, grid, padding_mode="border", align_corners=True), inside


def _centred(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return values ``(n, P)`` less their mean, and their sum of squares: 0 if only of rounding."""
    total = weight.sum(1, keepdim=True).clamp(min=1)
    centred = (values - (values * weight).sum(1, keepdim=True) / total) * weight
    squares, plain = ((array.square() * weight).sum(1, keepdim=True) for array in (centred, values))
    rounding = torch.finfo(values.dtype).eps * plain
    return centred, torch.where(squares > rounding, squares, 0)
