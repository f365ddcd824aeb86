"""The trained pose networks and the calibration of their confidence, as the package ships them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from ssus2mri.pose.network import PoseNetwork

WEIGHTS = Path(__file__).with_name("pose.safetensors")
CALIBRATION = "confidence"
"""Tensor of the file: offset and slopes of a logistic regression, see `Networks.confidence`."""


@dataclass(frozen=True)
class Networks:
    """``coarse`` for all rotations, ``fine`` for small ones, and the ``calibration (3,)``."""

    coarse: PoseNetwork
    fine: PoseNetwork
    calibration: np.ndarray

    def confidence(self, agreement: float, spread_deg: float) -> float:
        """Return the probability that a pose is right within 10 degrees.

        Args:
            agreement: share of copies that agree, 0 to 1.
            spread_deg: of the fine estimates, degrees.

        Returns:
            0 to 1; calibrated on simulated scans of random scanners (`studies/pose/calibrate.py`).
        """
        return float(1 / (1 + np.exp(-self.calibration @ evidence(agreement, spread_deg))))


def evidence(agreement: float, spread_deg: float) -> np.ndarray:
    """Return what the regression sees, ``(3,)``: 1, agreement, log of the spread in degrees."""
    return np.array([1.0, agreement, np.log(max(spread_deg, 0.1))])


@cache
def load_networks(path: Path = WEIGHTS) -> Networks:
    """Read both networks and the calibration.

    Args:
        path: safetensors, float16, as `studies/pose/train.py` and `calibrate.py` write it.

    Returns:
        The networks, ready to infer.
    """
    tensors = load_file(path)

    def network(name: str) -> PoseNetwork:
        part = PoseNetwork()
        own = {
            key.removeprefix(f"{name}."): value.float()
            for key, value in tensors.items()
            if key.startswith(f"{name}.")
        }
        counters = {
            key: value for key, value in part.state_dict().items() if key.endswith("_tracked")
        }
        part.load_state_dict(own | counters)
        return part.eval()

    calibration = tensors[CALIBRATION].double().numpy() if CALIBRATION in tensors else np.zeros(3)
    return Networks(network("coarse"), network("fine"), calibration)
