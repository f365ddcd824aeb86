"""Cubes of simulated scans from which the pose network learns, changed at every step."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.pose.cube import directions, normalise, sample, white
from ssus2mri.pose.network import CUBE, REACH

SPACING_MM = 1.2  # of the scans: studies/pose/pose.yaml
MASKED_SHARE = 1 / 3  # of samples cut to the head
DEPTH_ZERO, DEPTH_STEPS = 128, 8  # how depths are stored: 0, and steps a mm
VOXEL = 2 * REACH / (CUBE - 1)  # of a cube, head radii


@dataclass(frozen=True)
class Scans:
    """Simulated scans in memory; see `studies/pose/scans.py`.

    ``volumes``: uint8 ``(N, 2, D, H, W)``, grey values and the depth below the skin, stored as
    ``DEPTH_ZERO + DEPTH_STEPS * mm``.
    """

    volumes: Tensor
    rotation: Tensor
    centre_mm: Tensor
    radius_mm: Tensor

    def __len__(self) -> int:
        return len(self.volumes)

    @property
    def image(self) -> Tensor:
        """Grey values, uint8 ``(N, D, H, W)``."""
        return self.volumes[:, 0]

    def part(self, rows: slice) -> "Scans":
        """Return some of them."""
        return Scans(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def to_index(self) -> Tensor:
        """Return the map world -> index, ``(1, 3, 4)``: all grids are centred at 0."""
        middle = (torch.tensor(self.volumes.shape[:1:-1]) - 1) / 2
        return torch.cat([torch.eye(3) / SPACING_MM, middle[:, None]], dim=1)[None]


def load(folder: Path) -> Scans:
    """Read all scans of a folder."""
    parts: dict[str, list[Tensor]] = {name: [] for name in Scans.__dataclass_fields__}
    for path in sorted(folder.glob("[0-9]*.npz")):
        with np.load(path) as file:
            shape = file["image"].shape
            packed = np.unpackbits(file["head"], count=int(np.prod(shape)))
            pair = np.stack([file["image"], depth_of(packed.reshape(shape))])
            parts["volumes"].append(torch.from_numpy(pair))
            for name in ("rotation", "centre_mm", "radius_mm"):
                parts[name].append(torch.tensor(file[name], dtype=torch.float32))
    return Scans(**{name: torch.stack(values) for name, values in parts.items()})


def depth_of(head: np.ndarray) -> np.ndarray:
    """Return the depth of each voxel below the surface of a mask, as `Scans` stores it."""
    image = sitk.GetImageFromArray(head)
    depth = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False)
    stored = DEPTH_ZERO + DEPTH_STEPS * SPACING_MM * sitk.GetArrayViewFromImage(depth)
    return np.clip(stored, 0, 255).round().astype(np.uint8)


def draw_batch(
    scans: Scans,
    count: int,
    *,
    reach_deg: float,
    shift_std: float,
    log_size_std: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw cubes and how the head lies in each: rotation up to ``reach_deg``, shift, log size."""
    rows = rng.choice(len(scans), count, replace=False)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.deg2rad(reach_deg) * rng.uniform(size=(count, 1)) ** 0.6
    rotation = torch.tensor(Rotation.from_rotvec(axis * angle).as_matrix(), dtype=torch.float32)
    # Half of the heads are mirrored: an improper rotation from the image to the cube.
    mirror = torch.ones(count, 3)
    mirror[:, 0] = torch.tensor(rng.choice([-1.0, 1.0], count), dtype=torch.float32)
    upright = torch.diag_embed(mirror) @ scans.rotation[rows]
    shift = torch.tensor(rng.normal(0, shift_std, (count, 3)), dtype=torch.float32)
    log_size = torch.tensor(rng.normal(0, log_size_std, count), dtype=torch.float32)
    assumed = rotation.transpose(1, 2) @ upright
    radius = scans.radius_mm[rows] * torch.exp(-log_size)
    away = (assumed.transpose(1, 2) @ shift[:, :, None])[..., 0] * radius[:, None]
    centre = scans.centre_mm[rows] - away
    volumes = scans.volumes[rows].float()
    grey, depth = sample(volumes, scans.to_index(), assumed, centre, radius).split(1, dim=1)
    depth = (depth - DEPTH_ZERO) / (DEPTH_STEPS * radius.reshape(-1, 1, 1, 1, 1))
    return augment(grey, depth, rng), rotation, shift, log_size


def augment(cubes: Tensor, depth: Tensor, rng: np.random.Generator) -> Tensor:
    """Change what a network must not rely on, and turn grey values into local contrast.

    Sharpness, saturation, gain and its change over the cube, grey curve, speckle; how much of the
    skull shines (where the beam meets it at right angles, more or less), the edges of the field of
    view, and whether there is anything but the head.

    Args:
        cubes: ``(N, 1, CUBE, CUBE, CUBE)`` grey values.
        depth: below the skin, head radii, same shape.
        rng: source of randomness.

    Returns:
        Same shape, local contrast.
    """
    count = len(cubes)

    def draw(low: float, high: float) -> Tensor:
        return torch.tensor(rng.uniform(low, high, count), dtype=torch.float32).reshape(
            -1, 1, 1, 1, 1
        )

    def heights() -> Tensor:
        """Return the distance of every voxel along a random direction, head radii."""
        axis = F.normalize(torch.tensor(rng.normal(size=(count, 3)), dtype=torch.float32), dim=1)
        return torch.einsum("zyxc,nc->nzyx", directions(), axis)[:, None]

    seen = cubes > 0
    grey = cubes / white(cubes)
    soft = draw(-0.4, 0.9)
    grey = (soft * F.avg_pool3d(grey, 3, 1, 1) + (1 - soft) * grey).clamp(min=0)
    skull = (depth > -VOXEL) & (depth < 2 * VOXEL)
    shine = (heights().abs() / directions().norm(dim=-1).clamp(min=0.1)) ** draw(0, 4)
    least = draw(0, 1.2).clamp(max=1)
    grey = torch.where(skull, grey * (least + (1 - least) * shine), grey)
    grey = torch.minimum(grey, draw(0.3, 1.3))
    field = torch.tensor(rng.normal(0, 0.45, (count, 1, 4, 4, 4)), dtype=torch.float32)
    grey = grey * F.interpolate(field, CUBE, mode="trilinear", align_corners=True).exp()
    grain = torch.randn_like(grey)
    coarse = draw(0, 1) < 0.5
    grain = torch.where(coarse, 4 * F.avg_pool3d(grain, 3, 1, 1), grain)
    grey = grey * torch.exp(draw(0, 0.55).square() * grain)
    grey = grey.clamp(min=1e-3) ** draw(0.6, 1.8)
    for _ in range(3):
        seen = seen & (heights() < torch.where(draw(0, 1) < 0.4, draw(0.5, 1.1), torch.tensor(9.0)))
    masked = draw(0, 1) < MASKED_SHARE
    margin = torch.where(draw(0, 1) < 0.5, 0.0, -2 * VOXEL)
    return normalise(grey * (seen & ((depth > margin) | ~masked)))
