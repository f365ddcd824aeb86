"""Cubes around a head: sample them from a volume and scale their grey values.

A *placement* says how a head lies: ``rotation`` from the image's axes to the upright frame,
``centre_mm`` and ``radius_mm`` (of a ball of the head's volume). The cube of a placement is upright
and centred if the placement is right.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.pose.network import CUBE, REACH

_WHITE = 0.98  # quantile of the grey values within the head
_WINDOW = 5  # of the local contrast, pairs of voxels: about 2 cm in a head of 23 weeks
_FLOOR = 0.3  # least deviation, of the mean deviation: flat regions stay flat
_CLIP = 3.0  # deviations


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
        volume: ``(1 or N, C, D, H, W)`` float.
        to_index: ``(1 or N, 3, 4)``, world x, y, z, 1 (mm) -> index x, y, z.
        rotation: ``(N, 3, 3)``.
        centre_mm: ``(N, 3)``.
        radius_mm: ``(N,)``.

    Returns:
        ``(N, C, CUBE, CUBE, CUBE)``, linear between voxels, 0 outside the volume.
    """
    count = len(rotation)
    size = torch.tensor(volume.shape[:1:-1], dtype=volume.dtype)  # x, y, z
    to_world = rotation.transpose(1, 2) * radius_mm[:, None, None]
    matrix = to_index[:, :, :3] @ to_world
    offset = (to_index[:, :, :3] @ centre_mm[:, :, None])[..., 0] + to_index[:, :, 3]
    index = directions().reshape(1, -1, 3) @ matrix.transpose(1, 2) + offset[:, None]
    grid = (2 * index + 1) / size - 1  # index -0.5 is -1: align_corners=False
    volumes = volume.expand(count, -1, -1, -1, -1)
    return F.grid_sample(volumes, grid.reshape(count, CUBE, CUBE, CUBE, 3), align_corners=False)


def normalise(cubes: Tensor) -> Tensor:
    """Turn grey values into local contrast, which gain, grey curve and shadow change little.

    Args:
        cubes: ``(N, 1, CUBE, CUBE, CUBE)``, 0 outside the field of view.

    Returns:
        Same shape, -3 to 3: how many local standard deviations a voxel is brighter than what lies
        around it; 0 outside the field of view.
    """
    seen = (cubes > 0).float()
    grey = (cubes / white(cubes)).clamp(0, 1.5)
    share = _around(seen).clamp(min=1e-3)
    residual = (grey - _around(grey * seen) / share) * seen
    deviation = (_around(residual.square()) / share).sqrt()
    count = seen.sum((2, 3, 4), keepdim=True).clamp(min=1)
    mean = (deviation * seen).sum((2, 3, 4), keepdim=True) / count
    contrast = residual / (deviation + _FLOOR * mean + 1e-6)
    return contrast.clamp(-_CLIP, _CLIP) * seen


def white(cubes: Tensor) -> Tensor:
    """Return the grey value that few voxels within the head exceed, ``(N, 1, 1, 1, 1)``."""
    ball = (directions().norm(dim=-1) < 1).reshape(-1)
    inside = cubes.flatten(1)[:, ball]
    rank = int(_WHITE * inside.shape[1])
    return inside.kthvalue(rank, dim=1).values.clamp(min=1e-3).reshape(-1, 1, 1, 1, 1)


def _around(values: Tensor) -> Tensor:
    """Average over a window about each voxel, on every other voxel; beyond the cube counts as 0."""
    values = F.avg_pool3d(values, 2)
    for axis in range(3):
        size = [_WINDOW if axis == a else 1 for a in range(3)]
        values = F.avg_pool3d(values, size, 1, [n // 2 for n in size])
    return F.interpolate(values, scale_factor=2, mode="trilinear")
