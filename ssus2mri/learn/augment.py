"""Random mirroring and small motions of slices, so that few MR volumes are not learnt by heart."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.config.learn import AugmentSettings
from ssus2mri.slices import PLANES

DRAWS = 5
"""Random numbers that a slice needs."""

_SAGITTAL = PLANES.index("sagittal")


def augment(images: Tensor, plane: Tensor, draws: Tensor, settings: AugmentSettings) -> Tensor:
    """Mirror, turn, scale and shift slices, each by its own random numbers.

    Left and right are the columns of axial and coronal slices; a sagittal slice is never mirrored.
    Not stated in the source.

    Args:
        images: ``(N, 1, H, W)``.
        plane: ``(N,)``, index into `slices.PLANES`.
        draws: ``(N, DRAWS)`` in [0, 1).
        settings: how far.

    Returns:
        ``(N, 1, H, W)``, linear interpolation, 0 where nothing is known.
    """
    even = 2 * draws - 1
    angle = even[:, 0] * math.radians(settings.rotation_deg)
    scale = 1 + even[:, 1] * settings.scale
    shift = even[:, 2:4] * (2 * settings.shift)  # the grid is 2 wide
    mirrored = (draws[:, 4] < 0.5) & (plane != _SAGITTAL) & settings.mirror
    sign = torch.where(mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = torch.stack([sign * cos, -sign * sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
