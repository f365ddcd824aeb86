"""The trained pose networks and the calibration of their confidence, as the package ships them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from ssus2mri.files import whole
from ssus2mri.pose.network import PoseNetwork

WEIGHTS = Path(__file__).with_name("pose.safetensors")
CALIBRATION = "confidence"
"""Tensor of the file: offset and slopes of a logistic regression, see `Networks.confidence`."""


@dataclass(frozen=True)
class Networks:
    """``coarse`` for all rotations, ``fine`` for small ones, and the ``calibration (4,)``."""

    coarse: PoseNetwork
    fine: PoseNetwork
    calibration: np.ndarray

    def confidence(self, agreement: float, spread_deg: float, midline: float) -> float:
        """Return the probability that a pose is right within 10 degrees.

        Args:
            agreement: share of copies that agree, 0 to 1.
            spread_deg: of the fine estimates, degrees.
            midline: likeness of the middle plane to a midline (`ssus2mri.pose.midplane`).

        Returns:
            0 to 1; calibrated on simulated scans of random scanners (`studies/pose/calibrate.py`).
        """
        score = self.calibration @ evidence(agreement, spread_deg, midline)
        return float(1 / (1 + np.exp(-score)))


def evidence(agreement: float, spread_deg: float, midline: float) -> np.ndarray:
    """Return what the regression sees, ``(4,)``: 1, agreement, log of the spread, midline."""
    return np.array([1.0, agreement, np.log(max(spread_deg, 0.1)), midline])


@cache
def load_networks(path: Path = WEIGHTS) -> Networks:
    """Read both networks and the calibration.

    Returns:
        The networks, ready to infer.
    """
    tensors = load_file(path)

    def network(name: str) -> PoseNetwork:
        part = PoseNetwork()
        state = part.state_dict()
        for key in state:
            if f"{name}.{key}" in tensors:
                state[key] = tensors[f"{name}.{key}"].float()
            if f"{name}.{key}.step" in tensors:
                state[key] = state[key] * tensors[f"{name}.{key}.step"].float()
        part.load_state_dict(state)
        return part.eval()

    return Networks(network("coarse"), network("fine"), tensors[CALIBRATION].double().numpy())


def write_networks(
    path: Path, states: dict[str, dict[str, Tensor]], calibration: Tensor, metadata: dict[str, str]
) -> None:
    """Write networks in a quarter of their size.

    Kernels are stored as whole numbers of -127 to 127 and a step for each output channel, the rest
    as float16.

    Args:
        path: the ``.safetensors`` file.
        states: state of the networks ``coarse`` and ``fine``.
        calibration: ``(4,)``, see `Networks.confidence`.
        metadata: what the file says of itself.
    """
    tensors = {CALIBRATION: calibration}
    for name, state in states.items():
        for key, value in state.items():
            full = f"{name}.{key}"
            if key.endswith("num_batches_tracked"):
                continue
            if value.ndim < 2:
                tensors[full] = value.half()
                continue
            channels = (-1, *[1] * (value.ndim - 1))
            step = (value.flatten(1).abs().amax(1) / 127).clamp(min=1e-8).reshape(channels)
            tensors[full] = (value / step).round().to(torch.int8).contiguous()
            tensors[f"{full}.step"] = step
    with whole(path) as partial:
        partial.write_bytes(save(tensors, metadata))
