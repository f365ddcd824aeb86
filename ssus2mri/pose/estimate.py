"""Estimate how a head lies in a volume from a rough placement, and how certain that is."""

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
_FINE_PASSES = 2


@dataclass(frozen=True)
class Estimate:
    """The placement and what speaks for it.

    ``agreement``, 0 to 1: share of turned copies whose coarse estimate is near the consensus;
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

    The coarse network sees the head in 24 turns evenly over all rotations; where most of its
    estimates agree, the fine network goes on from six slightly tilted copies, twice.

    Args:
        volume: ``(1, D, H, W)`` float.
        to_index: ``(1, 3, 4)``, world mm -> index.
        rough: centre and size as the head's mask tells them; its rotation is any.
        coarse: network for all rotations.
        fine: network for small ones.

    Returns:
        The estimate.
    """
    turns = Rotation.create_group("O").as_matrix()
    starts = _repeat(rough, turns @ rough.rotation)
    rotations, centres, radii = _step(coarse, volume, to_index, starts)
    near = _consensus(rotations)
    placement = Placement(
        _mean(rotations[near]),
        np.median(centres[near], axis=0),
        float(np.exp(np.median(np.log(radii[near])))),
    )
    tilts = Rotation.from_rotvec(
        np.radians(_TILTS_DEG) * np.concatenate([np.eye(3), -np.eye(3)])
    ).as_matrix()
    for _ in range(_FINE_PASSES):
        starts = _repeat(placement, tilts @ placement.rotation)
        rotations, centres, radii = _step(fine, volume, to_index, starts)
        placement = Placement(
            _mean(rotations), centres.mean(axis=0), float(np.exp(np.log(radii).mean()))
        )
    return Estimate(
        placement,
        float(near.mean()),
        float(np.sqrt(np.mean(np.square(_degrees(rotations, placement.rotation))))),
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
        normalise(sample(volume, to_index, rotation, centre, radius)).contiguous(
            memory_format=torch.channels_last_3d
        )
    )
    moved = (rotation.transpose(1, 2) @ shift[:, :, None])[..., 0] * radius[:, None]
    corrected = (turn @ rotation, centre + moved, radius * torch.exp(log_size))
    rotations, centres, radii = (value.double().numpy() for value in corrected)
    return rotations, centres, radii


def _consensus(rotations: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rotations are near the one that most are near, ``(N,)``."""
    apart = np.stack([_degrees(rotations, rotation) for rotation in rotations])
    near = apart < _NEAR_DEG
    votes = near.sum(axis=1) - apart.mean(axis=1) / 1000  # ties: the most central
    return near[int(votes.argmax())]


def _degrees(rotations: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.degrees(Rotation.from_matrix(rotations @ other.T).magnitude())


def _mean(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    return Rotation.from_matrix(rotations).mean().as_matrix()
