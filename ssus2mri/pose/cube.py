"""Cubes around a head: sampling them from a volume, and scaling their grey values.

A *placement* says how a head lies: ``rotation`` from the image's axes to the upright frame,
``centre_mm`` and ``radius_mm`` (of a ball of the head's volume). The cube of a placement is upright
and centred if the placement is right.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.pose.network import CUBE, REACH

_WHITE = 0.98  # quantile within the head shown as 1
_MEAN = 0.3  # mean grey within the head after the grey curve is evened out


def directions() -> Tensor:
    """Return the voxels of a cube, ``(CUBE, CUBE, CUBE, 3)`` x, y, z in head radii."""
    axis = torch.linspace(-REACH, REACH, CUBE)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")[::-1], dim=-1)


def sample(
    volume: Tensor,
    to_index: Tensor,
    rotation: Tensor,
    centre_mm: Tensor,
    radius_mm: Tensor,
) -> Tensor:
    """Sample the cubes of some placements.

    Args:
        volume: ``(1, D, H, W)`` or ``(N, D, H, W)`` float.
        to_index: ``(1 or N, 3, 4)``, world x, y, z, 1 (mm) -> index x, y, z.
        rotation: ``(N, 3, 3)``.
        centre_mm: ``(N, 3)``.
        radius_mm: ``(N,)``.

    Returns:
        ``(N, 1, CUBE, CUBE, CUBE)``, linear between voxels, 0 outside the volume.
    """
    count = len(rotation)
    size = torch.tensor(volume.shape[:0:-1], dtype=volume.dtype)  # x, y, z
    to_world = rotation.transpose(1, 2) * radius_mm[:, None, None]
    matrix = to_index[:, :, :3] @ to_world
    offset = (to_index[:, :, :3] @ centre_mm[:, :, None])[..., 0] + to_index[:, :, 3]
    index = directions().reshape(1, -1, 3) @ matrix.transpose(1, 2) + offset[:, None]
    grid = (2 * index + 1) / size - 1  # index -0.5 is -1: align_corners=False
    volumes = volume[:, None].expand(count, -1, -1, -1, -1)
    return F.grid_sample(volumes, grid.reshape(count, CUBE, CUBE, CUBE, 3), align_corners=False)


def normalise(cubes: Tensor) -> Tensor:
    """Scale grey values, and even out the grey curve, by what lies within the head.

    Args:
        cubes: ``(N, 1, CUBE, CUBE, CUBE)``, 0 outside the field of view.

    Returns:
        Same shape, 0 to 1.5; the mean within the head is near 0.3 where anything is seen.
    """
    ball = (directions().norm(dim=-1) < 1).reshape(-1)
    flat = cubes.flatten(1)
    inside = flat[:, ball]
    ranked = inside.sort(dim=1).values
    white = ranked[:, int(_WHITE * (ranked.shape[1] - 1))].clamp(min=1e-3)
    scaled = (flat / white[:, None]).clamp(0, 1.5)
    seen = inside > 0
    mean = (scaled[:, ball] * seen).sum(1) / seen.sum(1).clamp(min=1)
    power = (torch.log(torch.tensor(_MEAN)) / mean.clamp(0.02, 0.9).log()).clamp(0.3, 3)
    return (scaled ** power[:, None]).reshape(cubes.shape)
