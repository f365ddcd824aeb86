"""The plane between the hemispheres in a volume: it corrects the two angles that tilt a head aside.

On real scans the network leans by several degrees, since their acoustics are not quite those that
it learned from. The midline echo shows by how much: a bright sheet that arches over the dark cavum.
Source: not stated in TMI 2020.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.blur import mean_within
from ssus2mri.pose.placement import Placement

WEIGHTS = Path(__file__).with_name("midplane.safetensors")
STEP = 0.03  # of the box that is looked at, head radii
BOX = ((-1.05, 1.50), (-1.59, 1.59), (-0.87, 0.87))  # z, y, x, head radii; multiples of STEP
PATTERN_STEP = 0.05
PATTERN = ((-0.80, 1.25), (-1.35, 1.35))  # z, y
_SHARP, _WIDE = 1.0, 7.0  # standard deviations of the smoothing and of the local contrast, steps
_FLOOR = 0.3  # least deviation, of the mean deviation
_CLIP = (-0.5, 1.0)  # of the response to a bright sheet
_SHIFT_STD = 0.055  # of the head's middle aside, head radii
# Of each search, reach and step, degrees and head radii, and which of the pattern's lines it reads.
_SEARCHES = ((12.0, 3.0, 0.12, 0.03, 2), (3.0, 0.75, 0.03, 0.01, 1))
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Midplane:
    """What the midline looks like, and how far to believe it.

    ``pattern (P, Q)``: weights of the response to a bright sheet, z by y, sum of sizes 1;
    ``spread (2,)``: offset and slope of the log of the network's error (degrees, about one axis)
    over the log of its spread; ``heat``: likeness that is worth one unit of log probability.
    """

    pattern: Tensor
    spread: tuple[float, float]
    heat: float


@cache
def load_midplane(path: Path = WEIGHTS) -> Midplane:
    """Read what was learned from simulated scans (`studies/pose/midplane.py`)."""
    tensors = load_file(path)
    offset, slope = tensors["spread"].tolist()
    return Midplane(tensors["pattern"].float(), (offset, slope), float(tensors["heat"]))


def straighten(
    volume: Tensor, to_index: Tensor, placement: Placement, spread_deg: float, midplane: Midplane
) -> tuple[Placement, float]:
    """Turn and shift a placement until the midline lies in the middle.

    Args:
        volume: ``(1, D, H, W)`` float, 0 outside the field of view.
        to_index: ``(1, 3, 4)``, world mm -> index.
        placement: nearly right.
        spread_deg: of the estimates that it comes from; the wider, the more the midline decides.
        midplane: what it looks like.

    Returns:
        The placement, and how much its midline is like one: about 0 where there is none.
    """
    plane, likeness = search(responses(volume, to_index, placement), spread_deg, midplane)
    return moved(placement, plane), likeness


def search(
    sheets: Tensor, spread_deg: float, midplane: Midplane
) -> tuple[NDArray[np.float64], float]:
    """Return the likeliest middle plane, ``(3,)`` as of `moved`, and its likeness to a midline.

    Args:
        sheets: of `responses`.
        spread_deg: as of `straighten`.
        midplane: what it looks like.
    """
    offset, slope = midplane.spread
    error_deg = float(np.exp(offset + slope * np.log(max(spread_deg, 0.1))))
    best, likeness = np.zeros(3), 0.0
    for reach_deg, step_deg, reach, step, thin in _SEARCHES:
        angles = np.arange(-reach_deg, reach_deg + step_deg / 2, step_deg)
        aside = np.arange(-reach, reach + step / 2, step)
        tried = best + np.stack(np.meshgrid(angles, angles, aside), axis=-1).reshape(-1, 3)
        likenesses = likeness_of(sheets, tried, midplane.pattern, thin)
        doubt = ((tried[:, :2] / error_deg) ** 2).sum(axis=1) + (tried[:, 2] / _SHIFT_STD) ** 2
        top = int(np.argmax(likenesses - midplane.heat * doubt / 2))
        best, likeness = tried[top], float(likenesses[top])
    return best, likeness


def moved(placement: Placement, plane: NDArray[np.float64]) -> Placement:
    """Return a placement whose middle plane is another: roll and yaw in degrees, shift in radii."""
    turn = turns(plane[None])[0]
    normal = placement.rotation.T @ turn[:, 0]
    return replace(
        placement,
        rotation=turn.T @ placement.rotation,
        centre_mm=placement.centre_mm + plane[2] * placement.radius_mm * normal,
    )


def turns(tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rotations ``(N, 3, 3)`` about y and z; the first column is the plane's normal."""
    vectors = np.zeros((len(tried), 3))
    vectors[:, 1:] = np.radians(tried[:, :2])
    return Rotation.from_rotvec(vectors).as_matrix()


def responses(volume: Tensor, to_index: Tensor, placement: Placement) -> Tensor:
    """Return how much each place looks like a bright sheet, by the sheet's direction.

    Returns:
        ``(1, 6, z, y, x)`` over `BOX`: second derivatives xx, yy, zz, xy, xz, yz of the local
        contrast, bright sheets positive; 0 outside the field of view.
    """
    axes = [torch.arange(low, high + STEP / 2, STEP) for low, high in BOX]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)
    matrix = torch.tensor(placement.rotation.T * placement.radius_mm, dtype=torch.float32)
    world = points @ matrix.T + torch.tensor(placement.centre_mm, dtype=torch.float32)
    index = world @ to_index[0, :, :3].T + to_index[0, :, 3]
    size = torch.tensor(volume.shape[:0:-1])
    grid = ((2 * index + 1) / size - 1)[None]
    grey = F.grid_sample(volume[None].float(), grid, align_corners=False)[0, 0].numpy()
    contrast, seen = _contrast(grey)
    gradient = np.gradient(contrast)[::-1]  # x, y, z
    sheets = [
        -np.gradient(gradient[i], axis=2 - j) * seen
        for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    ]
    return torch.from_numpy(np.stack(sheets)[None].astype(np.float32))


def _contrast(grey: Floats) -> tuple[Floats, Floats]:
    seen = ndimage.binary_closing(grey > 0, iterations=2).astype(np.float32)
    smooth = mean_within(seen, _SHARP)(grey * seen)
    around = mean_within(seen, _WIDE)
    mean = around(smooth * seen)
    deviation = np.sqrt(around((smooth - mean) ** 2 * seen))
    floor = _FLOOR * float(deviation[seen > 0].mean()) if seen.any() else 1.0
    return (smooth - mean) / (deviation + floor + 1e-6), seen


def sheet_map(sheets: Tensor, tried: NDArray[np.float64], points: Tensor) -> Tensor:
    """Return the response to a bright sheet on some planes.

    Args:
        sheets: of `responses`.
        tried: ``(N, 3)``: roll and yaw in degrees, shift in head radii.
        points: ``(K, 3)`` of the middle plane, x, y, z, head radii.

    Returns:
        ``(N, K)``, clipped.
    """
    turn = torch.tensor(turns(tried), dtype=torch.float32)
    normal = turn[:, :, 0]
    places = points @ turn.transpose(1, 2)
    places = (
        places + torch.tensor(tried[:, 2], dtype=torch.float32)[:, None, None] * normal[:, None]
    )
    low, high = torch.tensor(BOX).flip(0).T
    grid = (2 * (places - low) / (high - low) - 1)[None, :, :, None]
    x, y, z = normal.T
    weights = torch.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z])
    values = F.grid_sample(sheets, grid, align_corners=True)[0, ..., 0]
    return (values * weights[:, :, None]).sum(dim=0).clamp(*_CLIP)


def likeness_of(
    sheets: Tensor, tried: NDArray[np.float64], pattern: Tensor, thin: int = 1
) -> Floats:
    """Return how much each plane is like the midline, ``(N,)``, by every ``thin``-th line."""
    points, weights = pattern_points()[::thin, ::thin], pattern[::thin, ::thin]
    kept = weights != 0
    return (thin**2 * sheet_map(sheets, tried, points[kept]) @ weights[kept]).numpy()


def pattern_points() -> Tensor:
    """Return the places of the pattern on the middle plane, ``(P, Q, 3)`` x, y, z, head radii."""
    z, y = (torch.arange(low, high + PATTERN_STEP / 2, PATTERN_STEP) for low, high in PATTERN)
    z, y = torch.meshgrid(z, y, indexing="ij")
    return torch.stack([torch.zeros_like(y), y, z], dim=-1)
