"""Train the segmenter on the heads of `heads.py`: about 15 minutes of one CPU core.

    python studies/segmenter/train.py FOLDER [--start WEIGHTS] --out segment.safetensors

Slices of all three planes, changed in pose, contrast, sharpness and noise at each step. Resumes
from ``FOLDER/train.pt``, written every few minutes.
"""

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.files import whole
from ssus2mri.segment.classes import CLASSES
from ssus2mri.segment.network import SegmentNetwork
from ssus2mri.segment.weights import load_network, write_network

BATCH = 16
WINDOW = 80  # pixels, edge of the part of a slice that is learned from
STEPS = 4000
LEARNING_RATE = 2e-3
AVERAGE = 0.99  # of the weights that are kept
# Small tissues are rare; with the squares of these the callosum came out at twice its volume.
CLASS_WEIGHTS = (0.84, 1.0, 1.41, 1.41, 1.0, 1.14, 1.41, 1.73, 2.24, 2.0)
MIN_BRAIN = 0.04  # share of a slice
SAVE_EVERY = 50
THICK_SHARE = 0.35  # of batches seen on a grid of 1.5 mm, as a small project has


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--start", type=Path, help="weights to go on from; default: random ones")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    image, classes, group = load(arguments.folder)
    torch.manual_seed(0)
    network = load_network(arguments.start) if arguments.start else SegmentNetwork()
    network = fit(network, image, classes, group, arguments.steps, arguments.folder / "train.pt")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    metadata = {"commit": commit, "heads": str(len(image)), "steps": str(arguments.steps)}
    write_network(arguments.out, network.state_dict(), metadata)


def load(folder: Path) -> tuple[Tensor, Tensor, np.ndarray]:
    """Read all heads: images and classes, uint8 ``(N, Z, Y, X)``, and the thousand of each name."""
    paths = sorted(folder.glob("[0-9]*.npz"))
    files = [np.load(path) for path in paths]
    image, classes = (
        torch.from_numpy(np.stack([file[name] for file in files])) for name in ("image", "classes")
    )
    return image, classes, np.array([int(path.stem) // 1000 for path in paths])


def fit(
    network: SegmentNetwork,
    image: Tensor,
    classes: Tensor,
    group: np.ndarray,
    steps: int,
    state_file: Path,
) -> SegmentNetwork:
    """Train a network on as many slices of each group; return the mean of its last weights."""
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-2)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True
    )
    first = 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=False)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        average.load_state_dict(state["average"])
        first = state["step"]
    begin, losses, places = time.monotonic(), [], slices_with_brain(image)
    share = 1 / np.bincount(group[places[:, 0]])[group[places[:, 0]]]
    share /= share.sum()
    for step in range(first, steps):
        for parameters in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 100)
            parameters["lr"] = LEARNING_RATE * warm * (1 + np.cos(np.pi * step / steps)) / 2
        rng = np.random.default_rng(step)
        torch.manual_seed(step)
        rows = rng.choice(len(places), BATCH, p=share)
        grey, target = batch(image, classes, places[rows], rng)
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(grey.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(scores.float(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update_parameters(network)
        losses.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            minutes = (time.monotonic() - begin) / 60
            print(
                f"step {step + 1}  loss {np.mean(losses[-100:]):.4f}  {minutes:.1f} min", flush=True
            )
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            state = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "step": step + 1,
            }
            with whole(state_file) as partial:
                torch.save(state, partial)
    mean: SegmentNetwork = average.module.eval()  # type: ignore[assignment]
    return mean


def slices_with_brain(image: Tensor) -> np.ndarray:
    """Return head, plane and index of all slices with enough brain, ``(S, 3)``."""
    places = []
    for head, volume in enumerate(image):
        for plane in range(3):
            share = (volume.movedim(plane, 0) > 0).float().mean(dim=(1, 2))
            places += [(head, plane, int(k)) for k in torch.nonzero(share > MIN_BRAIN)]
    return np.array(places)


def batch(
    image: Tensor, classes: Tensor, places: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Cut slices and change them: grey values ``(N, 1, H, W)`` in [0, 1], classes ``(N, H, W)``."""
    cut = [
        [volume[head].select(plane, index) for head, plane, index in places.tolist()]
        for volume in (image, classes)
    ]
    grey = torch.stack(cut[0])[:, None].float() / 200
    target = torch.stack(cut[1])[:, None].float()
    grid = moved(len(places), (grey.shape[-2], grey.shape[-1]), rng)
    inside = F.grid_sample((grey > 0).float(), grid, "nearest", align_corners=False)
    grid = windows(grid, inside[:, 0], rng)
    inside = F.grid_sample((grey > 0).float(), grid, "nearest", align_corners=False)
    target = F.grid_sample(target, grid, "nearest", align_corners=False) * inside
    grey = F.grid_sample(grey, grid, "bilinear", align_corners=False)
    # The masks of extracted brains are more or less generous.
    worn = torch.tensor(rng.integers(0, 3, len(places))).reshape(-1, 1, 1, 1)
    for width in (1, 2):
        smaller = 1 - F.max_pool2d(1 - inside, 3, 1, 1)
        inside = torch.where(worn >= width, smaller, inside)
    return spoiled(grey, target, inside, rng), (target * inside)[:, 0].long()


def moved(count: int, shape: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """Draw where every pixel of some slices comes from: pose, size, mirror, smooth deformation."""
    angle = torch.tensor(rng.normal(0, np.deg2rad(9), count), dtype=torch.float32)
    scale = torch.tensor(np.exp(rng.normal(0, 0.08, (count, 2))), dtype=torch.float32)
    mirror = torch.tensor(rng.choice([-1.0, 1.0], count), dtype=torch.float32)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0], affine[:, 0, 1] = mirror * angle.cos() * scale[:, 0], -angle.sin()
    affine[:, 1, 0], affine[:, 1, 1] = mirror * angle.sin(), angle.cos() * scale[:, 1]
    affine[:, :, 2] = torch.tensor(rng.normal(0, 0.05, (count, 2)), dtype=torch.float32)
    grid = F.affine_grid(affine, [count, 1, *shape], align_corners=False)
    field = torch.tensor(rng.normal(0, 0.016, (count, 2, 9, 9)), dtype=torch.float32)
    return grid + F.interpolate(field, shape, mode="bicubic").movedim(1, -1)


def windows(grid: Tensor, inside: Tensor, rng: np.random.Generator) -> Tensor:
    """Cut a window around a random pixel of each brain: ``(N, H, W, 2)`` to ``(N, 80, 80, 2)``."""
    cut = []
    for points, brain in zip(grid, inside, strict=True):
        rows = torch.nonzero(brain)
        middle = rows[rng.integers(len(rows))] if len(rows) else torch.tensor(brain.shape) // 2
        top, left = (
            int(np.clip(int(m) - WINDOW // 2, 0, n - WINDOW))
            for m, n in zip(middle, brain.shape, strict=True)
        )
        cut.append(points[top : top + WINDOW, left : left + WINDOW])
    return torch.stack(cut)


def spoiled(grey: Tensor, target: Tensor, inside: Tensor, rng: np.random.Generator) -> Tensor:
    """Change tissues' grey values, bias, sharpness, noise and grey curve; 0 outside the brain."""
    count = len(grey)

    def draw(low: float, high: float) -> Tensor:
        values = torch.tensor(rng.uniform(low, high, count), dtype=torch.float32)
        return values.reshape(-1, 1, 1, 1)

    shift = torch.tensor(rng.normal(0, 0.07, (count, len(CLASSES))), dtype=torch.float32)
    tint = torch.gather(shift, 1, target.long().flatten(1)).reshape(grey.shape)
    grey = grey * F.avg_pool2d(tint, 3, 1, 1).exp()
    field = torch.tensor(rng.normal(0, 0.12, (count, 1, 4, 4)), dtype=torch.float32)
    grey = grey * F.interpolate(field, grey.shape[-2:], mode="bicubic").exp()
    if rng.random() < THICK_SHARE:
        small = F.interpolate(grey, size=int(WINDOW * 8 / 15), mode="area")
        grey = F.interpolate(small, grey.shape[-2:], mode="bilinear")
    soft = draw(-0.3, 1.0)
    grey = soft * F.avg_pool2d(grey, 3, 1, 1) + (1 - soft) * grey
    grain = torch.randn_like(grey)
    grain = torch.where(draw(0, 1) < 0.5, 2.5 * F.avg_pool2d(grain, 3, 1, 1), grain)
    grey = (grey + draw(0, 0.25).square() * grain).clamp(min=0)
    # As `extract` scales: the darkest and brightest of the brain become 0 and 1.
    low, high = draw(0.0, 0.25), draw(0.9, 1.15)
    grey = ((grey - low) / (high - low)).clamp(0, 1) ** draw(0.7, 1.4)
    # A synthesis is nearly, but not exactly, dark where the skull is.
    around = F.max_pool2d(inside, 9, 1, 4) * (1 - inside)
    rim = (draw(-0.1, 0.1).clamp(min=0) * (1 + 0.5 * torch.randn_like(grey))).clamp(min=0)
    return grey * inside + rim * around


def segmentation_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return weighted cross-entropy plus one minus the mean soft Dice over the batch."""
    chance = scores.softmax(dim=1)
    truth = F.one_hot(target, len(CLASSES)).movedim(-1, 1).float()
    both = (chance * truth).sum((0, 2, 3))
    dice = (2 * both + 10) / (chance.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 10)
    return F.cross_entropy(scores, target, torch.tensor(CLASS_WEIGHTS)) + 1 - dice[1:].mean()


if __name__ == "__main__":
    main()
