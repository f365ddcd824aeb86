"""Augmentation of training slices: random motion and brightness, against overfitting."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.config.learn import AugmentSettings
from ssus2mri.slices import SAGITTAL

DRAWS = 6
"""Random numbers that the changes of a slice need."""


def move(
    images: Tensor,
    plane: Tensor,
    draws: Tensor,
    settings: AugmentSettings,
    *,
    nearest: bool = False,
) -> Tensor:
    """Mirror, rotate, scale and shift slices, each by its own random numbers.

    Left and right are the columns of axial and coronal slices; a sagittal slice is never mirrored.
    Not stated in the source.

    Args:
        images: ``(N, C, H, W)``; all channels of a slice are moved together.
        plane: ``(N,)``, index into `slices.PLANES`.
        draws: ``(N, DRAWS)`` in [0, 1).
        settings: the largest changes.
        nearest: whether each pixel takes the nearest one: labels.

    Returns:
        ``(N, C, H, W)``, linear interpolation, 0 beyond the border.
    """
    signed = 2 * draws - 1
    angle = signed[:, 0] * math.radians(settings.rotation_deg)
    scale = 1 + signed[:, 1] * settings.scale
    shift = signed[:, 2:4] * (2 * settings.shift)  # the grid is 2 wide
    mirrored = (draws[:, 4] < 0.5) & (plane != SAGITTAL) & settings.mirror
    sign = torch.where(mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = torch.stack([sign * cos, -sign * sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    mode = "nearest" if nearest else "bilinear"
    return F.grid_sample(images, grid, mode=mode, align_corners=False)


def brighten(images: Tensor, draws: Tensor, settings: AugmentSettings) -> Tensor:
    """Raise intensities to a random power, drawn for each slice.

    Powers and their inverses are equally likely. Not stated in the source.

    Args:
        images: ``(N, C, H, W)`` in [0, 1]; all channels of a slice are changed together.
        draws: ``(N, DRAWS)`` in [0, 1).
        settings: the largest changes.

    Returns:
        ``(N, C, H, W)`` in [0, 1]; 0 and 1 stay.
    """
    if settings.gamma == 0:
        return images
    power = (1 + settings.gamma) ** (2 * draws[:, 5] - 1)
    return images.clamp(0, 1) ** power[:, None, None, None]
