"""Train the pose network on simulated scans, first over all rotations, then near the right one.

    python studies/pose/scans.py FOLDER --count 740
    python studies/pose/train.py FOLDER --out pose.safetensors

The coarse network learns rotations that grow from 25 to 180 degrees: on all at once it learns
nothing for long. The fine network goes on from it with rotations up to 40 degrees. Both go into one
file. Resumes from ``FOLDER/train.pt``, written every few minutes.
"""

import argparse
import copy
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from samples import Scans, draw_batch, load
from scipy.spatial.transform import Rotation

from ssus2mri.files import whole
from ssus2mri.pose.estimate import estimate
from ssus2mri.pose.network import PoseNetwork
from ssus2mri.pose.placement import Placement
from ssus2mri.pose.weights import write_networks

VALIDATION = 60  # the last scans of the folder
BATCH = 16
AVERAGE = 0.998  # of the weights that are kept
BFLOAT16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))  # convolutions 1.6 times as fast


@dataclass(frozen=True)
class Phase:
    """One training.

    ``steps``; rotations up to ``reach_deg`` (first and last), the last reached after a share
    ``growth`` of the steps; std of the shift, head radii, and of the log size; ``learning_rate``
    at the start.
    """

    name: str
    steps: int
    reach_deg: tuple[float, float]
    growth: float
    shift: float
    log_size: float
    learning_rate: float


PHASES = (
    Phase("coarse", 6000, (25.0, 180.0), 0.4, 0.10, 0.08, 2e-3),
    Phase("fine", 1500, (40.0, 40.0), 0.0, 0.07, 0.06, 1e-3),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    scans = load(arguments.folder)
    train, validation = scans.part(slice(None, -VALIDATION)), scans.part(slice(-VALIDATION, None))
    state_file = arguments.folder / "train.pt"
    state = torch.load(state_file, weights_only=False) if state_file.exists() else {}
    weights = {}
    network = PoseNetwork()
    for phase in PHASES:
        network = fit(network, train, phase, arguments.scale, state, state_file)
        weights[phase.name] = network
        print(phase.name, report(weights, validation), flush=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    states = {name: part.state_dict() for name, part in weights.items()}
    metadata = {"commit": commit, "scans": str(len(train))}
    write_networks(arguments.out, states, torch.zeros(4), metadata)


def fit(
    network: PoseNetwork, scans: Scans, phase: Phase, scale: float, state: dict, state_file: Path
) -> PoseNetwork:
    """Train a copy of a network; return the mean of its last weights."""
    done = state.get(phase.name)
    network = copy.deepcopy(network)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), phase.learning_rate, weight_decay=1e-2)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True
    )
    first = 0
    if done:
        network.load_state_dict(done["network"])
        optimizer.load_state_dict(done["optimizer"])
        average.load_state_dict(done["average"])
        first = done["step"]
    steps = int(phase.steps * scale)
    begin, losses = time.monotonic(), []
    for step in range(first, steps):
        progress = step / steps
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = phase.learning_rate * warm * (1 + np.cos(np.pi * progress)) / 2
        low, high = phase.reach_deg
        grown = 1.0 if phase.growth == 0 else min(1.0, progress / phase.growth)
        rng = np.random.default_rng([len(phase.name), step])
        torch.manual_seed(step)
        cubes, rotation, shift, log_size = draw_batch(
            scans,
            BATCH,
            reach_deg=low + (high - low) * grown,
            shift_std=phase.shift,
            log_size_std=phase.log_size,
            rng=rng,
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            seen_rotation, seen_shift, seen_size = network(cubes)
        turn = (seen_rotation - rotation).square().sum((1, 2))
        # Squares of large errors would drown the small ones.
        loss = (
            torch.sqrt(turn + 1e-4).mean()
            + 3 * (seen_shift - shift).abs().sum(1).mean()
            + 2 * (seen_size - log_size).abs().mean()
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        cosine = ((seen_rotation.detach() * rotation).sum((1, 2)) - 1) / 2
        losses.append(float(torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).median()))
        if (step + 1) % 100 == 0:
            pace = (step + 1 - first) / (time.monotonic() - begin)
            print(
                f"{phase.name} {step + 1}/{steps}: {np.mean(losses[-100:]):.1f} deg of up to"
                f" {low + (high - low) * grown:.0f}, {(steps - step - 1) / pace / 60:.0f} min left",
                flush=True,
            )
        if (step + 1) % 250 == 0 or step + 1 == steps:
            state[phase.name] = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "step": step + 1,
            }
            with whole(state_file) as partial:
                torch.save(state, partial)
    mean: PoseNetwork = average.module.eval()  # type: ignore[assignment]
    return mean


def report(weights: dict[str, PoseNetwork], scans: Scans) -> str:
    """Say how the networks do on scans from a rough placement in a random pose."""
    rng = np.random.default_rng(1)
    errors, shifts = [], []
    fine = weights.get("fine", weights["coarse"])
    for row in range(len(scans)):
        scan = scans.part(slice(row, row + 1))
        turn = Rotation.random(random_state=rng).as_matrix()
        radius_mm = float(scan.radius_mm)
        rough = Placement(
            turn,
            scan.centre_mm[0].numpy() + rng.normal(0, 0.08 * radius_mm, 3),
            radius_mm * float(np.exp(rng.normal(0, 0.06))),
        )
        result = estimate(scan.image.float(), scan.to_index(), rough, weights["coarse"], fine)
        turned = result.placement.rotation @ scan.rotation[0].numpy().T
        errors.append(np.degrees(Rotation.from_matrix(turned).magnitude()))
        shifts.append(np.linalg.norm(result.placement.centre_mm - scan.centre_mm[0].numpy()))
    degrees, mm = np.array(errors), np.array(shifts)
    good = (degrees <= 10) & (mm <= 3)
    return (
        f"median {np.median(degrees):.1f} deg, {np.median(mm):.1f} mm; 90 %:"
        f" {np.percentile(degrees, 90):.1f} deg, {np.percentile(mm, 90):.1f} mm; worst"
        f" {degrees.max():.0f} deg; within 10 deg and 3 mm: {good.sum()} of {len(good)}"
    )


if __name__ == "__main__":
    main()
