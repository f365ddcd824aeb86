"""Calibrate the confidence of the pose network on simulated scans that it never saw.

    python studies/pose/scans.py UNSEEN --first 10000 --count 160
    python studies/pose/calibrate.py UNSEEN pose.safetensors

Each scan is taken several times from a rough placement: as it is, and spoiled (parts hidden, noise,
a centre that is off), so that there are wrong poses to tell from right ones. A logistic regression
on what `estimate` says of its own certainty is fitted: on every other scan, to print its
reliability on the rest, and on all, for the coefficients in the file of weights.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from samples import Scans, load
from scipy import optimize, special
from scipy.spatial.transform import Rotation

from ssus2mri.pose.estimate import estimate
from ssus2mri.pose.midplane import load_midplane, straighten
from ssus2mri.pose.placement import Placement
from ssus2mri.pose.weights import Networks, evidence, load_networks, write_networks

RIGHT_DEG = 10.0
COPIES = 4  # of each scan: one as it is, the others spoiled
PENALTY = 1e-3  # on the squared coefficients: bounds them if the classes separate
BINS = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
OFF_DEG = (0.0, 5.0, RIGHT_DEG, 15.0, 20.0, 40.0, 180.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path, help="folder of unseen scans")
    parser.add_argument("weights", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    scans = load(arguments.scans)
    networks = load_networks(arguments.weights)
    rows = [
        judge(scans, number, copy, networks)
        for number in range(len(scans))
        for copy in range(COPIES)
    ]
    seen = np.array([features for features, _, _ in rows])
    degrees = np.array([off for _, off, _ in rows])
    right = degrees <= RIGHT_DEG
    spoiled = np.array([is_spoiled for _, _, is_spoiled in rows])
    half = np.repeat(np.arange(len(scans)) % 2 == 0, COPIES)
    confidence = special.expit(seen[~half] @ fit(seen[half], right[half]))
    report(confidence, degrees[~half], spoiled[~half])
    calibration = torch.tensor(fit(seen, right), dtype=torch.float32)
    with safe_open(arguments.weights, "pt") as file:
        metadata = file.metadata()
    states = {name: getattr(networks, name).state_dict() for name in ("coarse", "fine")}
    write_networks(arguments.weights, states, calibration, metadata)
    print("calibration:", calibration.tolist())


def judge(
    scans: Scans, number: int, copy: int, networks: Networks
) -> tuple[NDArray[np.float64], float, bool]:
    """Return what speaks for an estimate, how far it is off, and whether the scan was spoiled."""
    image, rough = rough_of(scans, number, copy)
    result = estimate(image, scans.to_index(), rough, networks.coarse, networks.fine)
    placement, likeness = straighten(
        image, scans.to_index(), result.placement, result.spread_deg, load_midplane()
    )
    turn = placement.rotation @ scans.rotation[number].numpy().T
    degrees = float(np.degrees(Rotation.from_matrix(turn).magnitude()))
    return evidence(result.agreement, result.spread_deg, likeness), degrees, copy > 0


def rough_of(scans: Scans, number: int, copy: int) -> tuple[torch.Tensor, Placement]:
    """Return a scan, ``(1, D, H, W)``, spoiled unless ``copy`` is 0, and a rough placement."""
    scan = scans.part(slice(number, number + 1))
    rng = np.random.default_rng([number, copy])
    radius_mm, centre_mm = float(scan.radius_mm), scan.centre_mm[0].numpy()
    image, off = scan.image.float(), 0.08
    if copy > 0:
        image, off = spoil(image[0], scans, centre_mm, radius_mm, rng)[None], rng.uniform(0.08, 0.4)
    return image, Placement(
        Rotation.random(random_state=rng).as_matrix(),
        centre_mm + rng.normal(0, off * radius_mm / np.sqrt(3), 3),
        radius_mm * float(np.exp(rng.normal(0, 0.06))),
    )


def spoil(
    image: torch.Tensor,
    scans: Scans,
    centre_mm: NDArray[np.float64],
    radius_mm: float,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Hide what lies beyond a random plane through the head, and multiply by noise."""
    to_index = scans.to_index()[0].numpy()
    centre = (to_index[:, :3] @ centre_mm + to_index[:, 3])[::-1]
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    place = np.indices(image.shape) - centre.reshape(3, 1, 1, 1)
    depth = np.tensordot(normal, place, 1) / (to_index[0, 0] * radius_mm)
    noise = rng.normal(0, rng.uniform(0, 1.2), image.shape)
    kept = (depth < rng.uniform(-0.5, 0.8)) * np.exp(noise)
    return image * torch.from_numpy(kept.astype(np.float32))


def fit(seen: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit the coefficients of a logistic regression."""
    sign = np.where(right, 1.0, -1.0)

    def cost(weights: NDArray[np.float64]) -> float:
        return -special.log_expit(sign * (seen @ weights)).mean() + PENALTY * weights @ weights

    return optimize.minimize(cost, np.zeros(seen.shape[1])).x


def report(
    confidence: NDArray[np.float64], degrees: NDArray[np.float64], spoiled: NDArray[np.bool_]
) -> None:
    """Print the reliability, and what the threshold 0.5 keeps and leaves out."""
    right = degrees <= RIGHT_DEG
    print("confidence      scans   right within 10 degrees")
    for low, high in pairwise(BINS):
        inside = (confidence >= low) & ((confidence < high) | (high == 1.0))
        if inside.any():
            print(
                f"{low:.1f} to {high:.1f}{inside.sum():>11}{right[inside].mean():>15.0%}"
                f"   (mean confidence {confidence[inside].mean():.0%})"
            )
    unsure = confidence < 0.5
    for name, scans in (("unspoiled", ~spoiled), ("all", np.ones_like(spoiled))):
        for kind, these in (("right", scans & right), ("wrong", scans & ~right)):
            print(f"{name}, {kind}: {these.sum()}, below 0.5: {np.sum(these & unsure)}")
    for low, high in pairwise(OFF_DEG):
        these = (degrees > low) & (degrees <= high)
        below = np.sum(these & unsure)
        print(f"{low:.0f} to {high:.0f} degrees off: {these.sum()}, below 0.5: {below}")


if __name__ == "__main__":
    main()
