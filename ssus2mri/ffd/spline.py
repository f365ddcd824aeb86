"""Uniform cubic B-splines: a displacement field is a product of one small matrix per axis.

Fields are ``(N, D, *size)`` with ``D`` = 2 or 3 components in the order of the axes; coefficients
are ``(N, D, *knots)`` with three knots more than cells along each axis. Both are in mm.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

EXTRA_KNOTS = 3


def basis(points_px: Tensor, size: int, cells: int) -> tuple[Tensor, Tensor]:
    """Evaluate the B-splines of an axis, and their derivatives, at points.

    The cells divide the axis from the outer border of its first pixel to that of its last.

    Args:
        points_px: ``(P,)``, pixels; 0 is the middle of the first.
        size: pixels along the axis.
        cells: of the mesh along the axis.

    Returns:
        ``(P, cells + 3)``, and the same differentiated by the position, per pixel.
    """
    knots = torch.arange(cells + EXTRA_KNOTS, dtype=points_px.dtype, device=points_px.device) - 1
    away = ((points_px + 0.5) * (cells / size))[:, None] - knots
    outer, inner = ((reach - away.abs()).clamp(min=0) for reach in (2, 1))
    slopes = (2 * inner.square() - outer.square() / 2) * away.sign() * (cells / size)
    return outer**3 / 6 - 2 * inner**3 / 3, slopes


def along_axes(array: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply each of the last axes of an array ``(N, C, *size)`` by its matrix ``(out, in)``."""
    for axis, matrix in reversed(list(enumerate(matrices, start=2))):
        array = (array.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return array


def refine(coefficients: Tensor, cells: Sequence[int], factor: int) -> Tensor:
    """Return the coefficients of the same field on a finer mesh.

    A cubic B-spline is a sum of narrower ones: their weights are ``factor`` ones, convolved with
    themselves four times.

    Args:
        coefficients: ``(N, D, *knots)``.
        cells: of its mesh, along each axis.
        factor: finer cells in a cell, along each axis.
    """
    weights = torch.ones(1, dtype=torch.float64)
    for _ in range(4):
        weights = torch.stack(
            [functional.pad(weights, (shift, factor - 1 - shift)) for shift in range(factor)]
        ).sum(0)
    weights = (weights / factor**3).to(coefficients)
    matrices = []
    for count in cells:
        fine, coarse = (torch.arange(n + EXTRA_KNOTS) - 1 for n in (factor * count, count))
        place = fine[:, None] - factor * coarse + 2 * (factor - 1)
        matrix = weights[place.clamp(0, len(weights) - 1).to(weights.device)]
        within = (place >= 0) & (place < len(weights))
        matrices.append(matrix * within.to(matrix))
    return along_axes(coefficients, matrices)


def displacement(coefficients: Tensor, size: Sequence[int]) -> Tensor:
    """Return the field ``(N, D, *size)`` on the pixels of images, mm."""
    return along_axes(coefficients, [values for values, _ in _bases(coefficients, size)])


def determinant(coefficients: Tensor, size: Sequence[int], spacing_mm: float) -> Tensor:
    """Return the determinant of the Jacobian of ``T(x) = x + u(x)``, by the splines' derivatives.

    Args:
        coefficients: ``(N, D, *knots)``, mm.
        size: of the images, pixels.
        spacing_mm: edge of a pixel, mm.

    Returns:
        ``(N, *size)``, the factor by which a small area or volume grows: 1 where nothing is
        deformed, 0 or less where the image folds.
    """
    bases = _bases(coefficients, size)
    columns = [
        along_axes(coefficients, [pair[axis == by] for axis, pair in enumerate(bases)]) / spacing_mm
        for by in range(len(size))
    ]
    for by, column in enumerate(columns):
        column[:, by] += 1
    if len(size) == 2:
        (a, c), (b, d) = (column.unbind(1) for column in columns)
        return a * d - b * c
    x, y, z = columns
    return (torch.linalg.cross(x, y, dim=1) * z).sum(1)


def _bases(coefficients: Tensor, size: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    return [
        basis(torch.arange(edge).to(coefficients), edge, knots - EXTRA_KNOTS)
        for edge, knots in zip(size, coefficients.shape[2:], strict=True)
    ]
