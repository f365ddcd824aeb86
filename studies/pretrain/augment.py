"""Vary what is drawn from a simulated scan: the shape of the head, grey values, what is masked."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import interpolate
from torch import Tensor
from torch.nn import functional as F

BEND_MM, BEND_SPACING_MM = 5.0, 16.0  # at most: standard deviation of the B-spline's coefficients
ASPECT = 0.04  # standard deviation of the log of a bent head's size along each axis


def bend(
    levels_mm: NDArray[np.float64],
    axis_mm: NDArray[np.float64],
    *,
    across: int,
    down: int,
    along: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return a random smooth displacement of parallel slices: a cubic B-spline, and other aspects.

    Args:
        levels_mm: ``(K,)``, places of the slices along the axis ``across``.
        axis_mm: ``(N,)``, places of rows and of columns, symmetric about 0.
        across: axis of space, 0 to 2, across the slices.
        down: axis of the rows.
        along: axis of the columns.
        rng: source of randomness.

    Returns:
        ``(K, N, N, 3)``, mm.
    """
    first_mm = float(axis_mm[0]) - BEND_SPACING_MM * (1 + rng.random())
    nodes = int(np.ceil((axis_mm[-1] - first_mm) / BEND_SPACING_MM)) + 2
    at_nodes = first_mm + BEND_SPACING_MM * np.arange(nodes)
    levels, places = (
        interpolate.BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)(
            (at[:, None] - at_nodes) / BEND_SPACING_MM
        )
        for at in (levels_mm, axis_mm)
    )
    levels, places = np.nan_to_num(levels), np.nan_to_num(places)
    coefficients = rng.normal(0, rng.uniform(0, BEND_MM), (nodes, nodes, nodes, 3))
    field = np.einsum("ka,abcd->kbcd", levels, coefficients)
    field = np.einsum("rb,kbcd->krcd", places, field)
    field = np.einsum("xc,krcd->krxd", places, field)
    stretch = np.expm1(ASPECT * rng.normal(size=3))
    field[..., across] += stretch[across] * levels_mm[:, None, None]
    field[..., down] += stretch[down] * axis_mm[:, None]
    field[..., along] += stretch[along] * axis_mm
    return field


def brighten(us: Tensor, rng: np.random.Generator) -> Tensor:
    """Change gain, its course over the slice, grey curve, sharpness and noise; ``(K, H, W)``."""
    soft = F.avg_pool2d(us[None], 3, 1, 1)[0]
    us = us + rng.uniform(-0.3, 0.9) * (soft - us)
    field = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.3), (1, 1, 3, 3)).astype(np.float32))
    gain = F.interpolate(field, us.shape[1:], mode="bilinear", align_corners=True)[0].exp()
    us = us * gain * float(np.exp(rng.normal(0, 0.15)))
    noise = torch.from_numpy(rng.standard_normal(us.shape, np.float32))
    us = us * (1 + rng.uniform(0, 0.25) * noise)
    return us.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.25)))


def around(head: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a mask of the head and up to 4 pixels around it; ``(K, H, W)`` of 0 and 1."""
    reach = int(rng.integers(5))
    grown = F.max_pool2d(head[None], 2 * reach + 1, 1, reach)[0] if reach else head
    return (grown > 127).float()
