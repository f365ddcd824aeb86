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
import SimpleITK as sitk
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.pose.cube import directions, normalise, sample, white
from ssus2mri.pose.estimate import estimate
from ssus2mri.pose.network import CUBE, REACH, PoseNetwork
from ssus2mri.pose.placement import Placement
from ssus2mri.pose.weights import write_networks

VALIDATION = 60  # the last scans of the folder
BATCH = 16
AVERAGE = 0.998  # of the weights that are kept
SPACING_MM = 1.2  # of the scans: studies/pose/pose.yaml
MASKED_SHARE = 1 / 3  # of samples cut to the head
DEPTH_ZERO, DEPTH_STEPS = 128, 8  # how depths are stored: 0, and steps a mm
BFLOAT16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))  # convolutions 1.6 times as fast
VOXEL = 2 * REACH / (CUBE - 1)  # of a cube, head radii


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
    write_networks(arguments.out, states, torch.zeros(3), metadata)


def load(folder: Path) -> Scans:
    """Read all scans of a folder."""
    parts: dict[str, list[Tensor]] = {name: [] for name in Scans.__dataclass_fields__}
    for path in sorted(folder.glob("*.npz")):
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


def fit(
    network: PoseNetwork, scans: Scans, phase: Phase, scale: float, state: dict, state_file: Path
) -> PoseNetwork:
    """Train a copy of a network; return the mean of its last weights."""
    done = state.get(phase.name)
    network = copy.deepcopy(network).to(memory_format=torch.channels_last_3d)
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
        cubes, rotation, shift, log_size = batch(
            scans, low + (high - low) * grown, phase, BATCH, rng
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
            torch.save(state, state_file.with_suffix(".part"))
            state_file.with_suffix(".part").rename(state_file)
    return average.module.eval()


def batch(
    scans: Scans, reach_deg: float, phase: Phase, count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw cubes and how the head lies in each: rotation, shift, log size."""
    rows = rng.choice(len(scans), count, replace=False)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.deg2rad(reach_deg) * rng.uniform(size=(count, 1)) ** 0.6
    rotation = torch.tensor(Rotation.from_rotvec(axis * angle).as_matrix(), dtype=torch.float32)
    # Half of the heads are mirrored: an improper rotation from the image to the cube.
    mirror = torch.ones(count, 3)
    mirror[:, 0] = torch.tensor(rng.choice([-1.0, 1.0], count), dtype=torch.float32)
    upright = torch.diag_embed(mirror) @ scans.rotation[rows]
    shift = torch.tensor(rng.normal(0, phase.shift, (count, 3)), dtype=torch.float32)
    log_size = torch.tensor(rng.normal(0, phase.log_size, count), dtype=torch.float32)
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
        """Distance of every voxel along a random direction, head radii."""
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
