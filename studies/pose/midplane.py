"""Learn from simulated scans what the midline looks like, and how far to believe it.

    python studies/pose/midplane.py FOLDER      # of scans.py, as for train.py

The pattern is the mean response to a bright sheet on the true middle plane. The network's error by
its spread is fitted on these scans as they are and spoiled (`calibrate.py`), and the heat, by which
the midline counts, is the one that leaves least error on every other scan, with the pattern of the
rest. The network in the package is taken.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from calibrate import rough_of
from numpy.typing import NDArray
from safetensors.torch import save
from samples import Scans, load
from scipy import ndimage, optimize

from ssus2mri.files import whole
from ssus2mri.pose.estimate import Estimate, estimate
from ssus2mri.pose.midplane import (
    WEIGHTS,
    Midplane,
    moved,
    pattern_points,
    responses,
    search,
    sheet_map,
)
from ssus2mri.pose.placement import Placement
from ssus2mri.pose.weights import load_networks

SCANS = 120  # of the folder, the first
COPIES = 2  # of each scan: one as it is, the other spoiled
SMOOTH, LEAST = 1.5, 0.05  # of the pattern: cells; of its largest weight
NEAR_DEG = 20.0  # errors that the midline can mend
HEATS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scans = load(arguments.scans).part(slice(SCANS))
    maps = np.stack([true_map(scans, number) for number in range(len(scans))])
    estimates = [estimated(scans, n, copy) for n in range(len(scans)) for copy in range(COPIES)]
    numbers = [n for n in range(len(scans)) for _ in range(COPIES)]
    errors = np.array(
        [off(e.placement, scans, n) for (_, e), n in zip(estimates, numbers, strict=True)]
    )
    spreads = np.array([e.spread_deg for _, e in estimates])
    near = np.abs(errors).max(axis=1) < NEAR_DEG
    spread = fit(errors[near], spreads[near])
    print("error by spread:", spread, "of", near.sum())
    patterns = [pattern_of(maps[1::2]), pattern_of(maps[::2])]  # of the other scans
    left = []
    for number, (image, e), is_near in zip(numbers, estimates, near, strict=True):
        if is_near:
            sheets = responses(image, scans.to_index(), e.placement)
            midplanes = [Midplane(patterns[number % 2], spread, heat) for heat in HEATS]
            planes = [search(sheets, e.spread_deg, midplane)[0] for midplane in midplanes]
            left.append([off(moved(e.placement, plane), scans, number) for plane in planes])
    squares = np.square(left)
    before = np.sqrt(np.square(errors[near]).mean(axis=0))
    for heat, rms in zip(HEATS, np.sqrt(squares.mean(axis=0)), strict=True):
        print(f"heat {heat}: roll, yaw {rms.round(2)} deg, before {before.round(2)}")
    heat = HEATS[int(squares.sum(axis=(0, 2)).argmin())]
    tensors = {
        "pattern": pattern_of(maps).half(),
        "spread": torch.tensor(spread),
        "heat": torch.tensor(heat),
    }
    with whole(arguments.out) as partial:
        partial.write_bytes(save(tensors))


def placement_of_scan(scans: Scans, number: int) -> Placement:
    """Return how the head of a scan truly lies."""
    return Placement(
        scans.rotation[number].double().numpy(),
        scans.centre_mm[number].double().numpy(),
        float(scans.radius_mm[number]),
    )


def true_map(scans: Scans, number: int) -> NDArray[np.float32]:
    """Return the response to a bright sheet on the true middle plane, ``(P, Q)``."""
    image = scans.image[number : number + 1].float()
    sheets = responses(image, scans.to_index(), placement_of_scan(scans, number))
    points = pattern_points()
    values = sheet_map(sheets, np.zeros((1, 3)), points.reshape(-1, 3))
    return values.reshape(points.shape[:2]).numpy()


def pattern_of(maps: NDArray[np.float32]) -> torch.Tensor:
    """Return the weights of the mean of some maps."""
    pattern = ndimage.gaussian_filter(maps.mean(axis=0), SMOOTH)
    pattern[np.abs(pattern) < LEAST * np.abs(pattern).max()] = 0
    return torch.from_numpy(pattern / np.abs(pattern).sum())


def estimated(scans: Scans, number: int, copy: int) -> tuple[torch.Tensor, Estimate]:
    """Return a scan, spoiled unless it is the first copy, and the network's estimate."""
    image, rough = rough_of(scans, number, copy)
    networks = load_networks()
    return image, estimate(image, scans.to_index(), rough, networks.coarse, networks.fine)


def off(placement: Placement, scans: Scans, number: int) -> NDArray[np.float64]:
    """Return how far the true middle plane is rolled and turned, degrees; 90 where it is behind."""
    normal = placement.rotation @ scans.rotation[number].double().numpy()[0]
    if normal[0] <= 0:
        return np.full(2, 90.0)
    return np.degrees(np.arcsin([-normal[2], normal[1]]))


def fit(errors: NDArray[np.float64], spreads: NDArray[np.float64]) -> tuple[float, float]:
    """Fit the log of the standard deviation of an error as a line over the log of the spread."""
    logs = np.log(np.maximum(spreads, 0.1))[:, None]

    def cost(line: NDArray[np.float64]) -> float:
        log_std = line[0] + line[1] * logs
        return float((log_std + (errors / np.exp(log_std)) ** 2 / 2).mean())

    offset, slope = optimize.minimize(cost, np.array([0.0, 1.0])).x
    return float(offset), float(slope)


if __name__ == "__main__":
    main()
