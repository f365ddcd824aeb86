"""Estimate the pose of a head in a volume from a rough placement, and its certainty."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ssus2mri.pose.cube import normalise, sample
from ssus2mri.pose.network import PoseNetwork
from ssus2mri.pose.placement import Placement

_NEAR_DEG = 20.0  # estimates nearer than this agree
_TILTS_DEG = 12.0  # how far the copies of the fine network are turned
_COARSE_PASSES, _FINE_PASSES = 2, 2
_CANDIDATES = 4  # poses that the fine network tries
_AGREEMENT = 1.0  # of the share of agreeing copies, against the log of the spread


@dataclass(frozen=True)
class Estimate:
    """The placement and what speaks for it.

    ``agreement``, 0 to 1: share of turned copies whose coarse estimates it was drawn from;
    ``spread_deg``: root mean square distance of the fine estimates from their mean.
    """

    placement: Placement
    agreement: float
    spread_deg: float


def estimate(
    volume: Tensor,
    to_index: Tensor,
    rough: Placement,
    coarse: PoseNetwork,
    fine: PoseNetwork,
) -> Estimate:
    """Estimate how a head lies.

    The coarse network sees the head in 24 turns evenly over all rotations, and once more as each of
    its own estimates turns it. Where these agree are candidates; the fine network goes on from each
    in six slightly tilted copies, twice. A right pose stays where it is, however tilted: the
    candidate with the least spread for its share of agreeing copies is the estimate.

    Args:
        volume: ``(1, D, H, W)`` float.
        to_index: ``(1, 3, 4)``, world mm -> index.
        rough: centre and size as the head's mask tells them; its rotation is any.
        coarse: network for all rotations.
        fine: network for small ones.
    """
    turns = Rotation.create_group("O").as_matrix()
    starts = _repeat(rough, turns @ rough.rotation)
    for _ in range(_COARSE_PASSES):
        starts = _step(coarse, volume, to_index, starts)
    candidates = []
    for near in _groups(starts[0]):
        placement, spread_deg = _refine(
            fine, volume, to_index, _average(*(part[near] for part in starts))
        )
        candidates.append(Estimate(placement, float(near.mean()), spread_deg))
    return min(candidates, key=lambda e: np.log(e.spread_deg) - _AGREEMENT * e.agreement)


def _refine(
    fine: PoseNetwork, volume: Tensor, to_index: Tensor, placement: Placement
) -> tuple[Placement, float]:
    """Go on from a candidate by tilted copies; return the placement and their spread, degrees."""
    tilts = Rotation.from_rotvec(
        np.radians(_TILTS_DEG) * np.concatenate([np.eye(3), -np.eye(3)])
    ).as_matrix()
    spread_deg = 0.0
    for _ in range(_FINE_PASSES):
        starts = _repeat(placement, tilts @ placement.rotation)
        ends = _step(fine, volume, to_index, starts)
        placement = _average(*ends)
        spread_deg = float(np.sqrt(np.mean(_degrees(ends[0], placement.rotation) ** 2)))
    return placement, spread_deg


def _average(
    rotations: NDArray[np.float64], centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> Placement:
    return Placement(
        Rotation.from_matrix(rotations).mean().as_matrix(),
        centres.mean(axis=0),
        float(np.exp(np.log(radii).mean())),
    )


def _repeat(
    placement: Placement, rotations: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    count = len(rotations)
    centres = np.repeat(placement.centre_mm[None], count, axis=0)
    return rotations, centres, np.full(count, placement.radius_mm)


@torch.inference_mode()
def _step(
    network: PoseNetwork,
    volume: Tensor,
    to_index: Tensor,
    starts: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Correct some placements by what the network sees in their cubes."""
    rotation, centre, radius = (torch.tensor(value, dtype=torch.float32) for value in starts)
    turn, shift, log_size = network(
        normalise(sample(volume[:, None], to_index, rotation, centre, radius)).contiguous(
            memory_format=torch.channels_last_3d
        )
    )
    moved = (rotation.transpose(1, 2) @ shift[:, :, None])[..., 0] * radius[:, None]
    corrected = (turn @ rotation, centre + moved, radius * torch.exp(log_size))
    rotations, centres, radii = (value.double().numpy() for value in corrected)
    return rotations, centres, radii


def _groups(rotations: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Group rotations: those near the one with the most neighbours, then likewise the rest.

    Args:
        rotations: ``(N, 3, 3)``.

    Returns:
        Masks ``(N,)``, at most `_CANDIDATES`, the largest first.
    """
    near = np.stack([_degrees(rotations, rotation) for rotation in rotations]) < _NEAR_DEG
    left = np.ones(len(rotations), bool)
    groups: list[NDArray[np.bool_]] = []
    while left.any() and len(groups) < _CANDIDATES:
        votes = (near & left).sum(axis=1) * left
        group = near[int(votes.argmax())] & left
        groups.append(group)
        left = left & ~group
    return groups


def _degrees(rotations: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.degrees(Rotation.from_matrix(rotations @ other.T).magnitude())
