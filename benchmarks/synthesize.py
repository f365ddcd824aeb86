"""Synthesis of slices: our network as `synthesize` runs it, beside plain ones and the peer.

    python benchmarks/synthesize.py [--size 160] [--batch N] [--threads 2] [--seconds 60]

Full size of Table I, weights as drawn, noise in a head of 23 weeks. In one run, in turns: our
network made lean (in its region around the head and on whole slices, in bfloat16 and float32), the
same network plain (float32, every decoder and the way back, as in a training step), and the
generator of CycleGAN and CUT (nine residual blocks), plain and made lean by the same code.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measure import Work, matmul_rate, measure
from torch import Tensor

from ssus2mri.config.base import load_yaml
from ssus2mri.config.project import run_settings
from ssus2mri.growth import axial_axes_mm, head_circumference_mm
from ssus2mri.infer.optimize import optimize_for_inference
from ssus2mri.infer.roi import Roi, bounding_roi
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.objectives.make import make_objective

CONFIG = Path(__file__).parents[1] / "config" / "config.yaml"
GA_WEEKS, EDGE_MM = 23.0, 96.0
ASPECT, HEIGHT, FRACTION = 0.78, 0.75, 0.1  # as in config.yaml: crop.skull, extract
BATCHES = 8
OURS, PLAIN, PEER = "ours, as `synthesize` runs it", "ours, plain", "ResNet-9, plain"


def heads(size: int) -> Tensor:
    """Every slice of an ellipsoid of 23 weeks that `extract` would keep, ``(S, size, size)``."""
    long, short = axial_axes_mm(head_circumference_mm(GA_WEEKS), ASPECT)
    z, y, x = (np.indices((size,) * 3) + 0.5) * (EDGE_MM / size) - EDGE_MM / 2
    head = (2 * z / (HEIGHT * long)) ** 2 + (2 * y / long) ** 2 + (2 * x / short) ** 2 < 1
    cuts = np.concatenate([np.moveaxis(head, axis, 0) for axis in range(3)])
    return torch.from_numpy(cuts[cuts.mean(axis=(1, 2)) >= FRACTION])


@dataclass(frozen=True)
class Way:
    """A way to synthesise, and the type that it computes in."""

    work: Work
    dtype: torch.dtype


def ways(size: int, batch: int, device: torch.device) -> dict[str, Way]:
    values = load_yaml(CONFIG)
    ours, peer = (
        make_objective(run_settings(values, run)).generator.eval().requires_grad_(False).to(device)
        for run in ("ours", "cyclegan")
    )
    head = heads(size)
    images = (torch.rand(head.shape) * head)[:, None].to(device)
    order = torch.arange(len(head)).split(batch)
    spread = order[:: max(len(order) // BATCHES, 1)][:BATCHES]  # from end to end of every plane
    batches = [(images[rows], bounding_roi(head[rows])) for rows in spread]
    place = torch.zeros(batch, device=device)
    with devices.mixed_precision(device, wanted=True):
        low = torch.bfloat16 if torch.is_autocast_enabled(device.type) else torch.float32

    def work(infer: Callable[[Tensor, Roi], object], *, all_alike: bool = False) -> Work:
        given = batches[:1] if all_alike else batches  # what is black costs a lean network less

        @torch.inference_mode()
        def run() -> int:
            for us, roi in given:
                infer(us, roi)
            return sum(len(us) for us, _ in given)

        return run

    def made_lean(network: torch.nn.Module, *, bfloat16: bool, rois: bool = False) -> Way:
        infer = optimize_for_inference(network, device, bfloat16=bfloat16)

        def call(us: Tensor, roi: Roi) -> object:
            here = place[: len(us)]
            return infer(us, here, here, here, roi if rois else None)

        return Way(work(call), low if bfloat16 else torch.float32)

    def all_of_it(us: Tensor, _: Roi) -> object:
        return ours.infer_back(ours.translate(us, reconstruct=True).mr)

    def peer_alone(us: Tensor, _: Roi) -> object:
        here = place[: len(us)]
        return peer(us, here, here, here)

    return {
        OURS: made_lean(ours, bfloat16=True, rois=True),
        "the same, whole slices": made_lean(ours, bfloat16=True),
        "the same, float32": made_lean(ours, bfloat16=False, rois=True),
        "the same, float32, whole slices": made_lean(ours, bfloat16=False),
        PLAIN: Way(work(all_of_it, all_alike=True), torch.float32),
        PEER: Way(work(peer_alone, all_alike=True), torch.float32),
        "ResNet-9, made lean likewise": made_lean(peer, bfloat16=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, help="slices at a time; else as config.yaml has it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="of measuring")
    given = parser.parse_args()
    device = devices.prepare(given.threads)
    section = load_yaml(CONFIG)["synthesize"]
    batch = given.batch or section["gpu_batch_size" if device.type == "cuda" else "batch_size"]
    known = ways(given.size, batch, device)
    peak = {dtype: matmul_rate(device, dtype) for dtype in {way.dtype for way in known.values()}}
    found = measure({name: way.work for name, way in known.items()}, device, seconds=given.seconds)
    print(
        f"synthesis of {given.size} x {given.size}, {batch} at a time, {devices.describe(device)},"
        f" {given.threads} threads; matmul "
        + ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {str(d)[6:]}" for d, rate in peak.items())
    )
    print("| network | type | images/s | GFLOP/image | of matmul | x ours, plain | x ResNet-9 |")
    print("|---|---|---|---|---|---|---|")
    for name, way in known.items():
        one, dtype = found[name], way.dtype
        share = one.images * one.flop / peak[dtype]
        print(
            f"| {name} | {str(dtype)[6:]} | {one.images:.1f} | {one.flop / 1e9:.2f} | {share:.0%}"
            f" | {one.images / found[PLAIN].images:.2f} | {one.images / found[PEER].images:.2f} |"
        )
    print(
        f"ours / plain {found[OURS].images / found[PLAIN].images:.1f} (target >= 4),"
        f" ours / ResNet-9 {found[OURS].images / found[PEER].images:.1f} (target >= 7)"
    )


if __name__ == "__main__":
    main()
