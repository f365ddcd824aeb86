"""Measure the speed of synthesis: our network as `synthesize` runs it, plain, and the peer.

    python benchmarks/synthesize.py [--size 160] [--batch N] [--threads 2] [--seconds 60]

Full size of Table I, initial weights, noise in a head of 23 weeks. In turns within one process: our
network optimised for inference (in the region of the head and on whole slices, in bfloat16 and
float32), the same network plain (float32, all decoders and encoder D, as in a training step), and
the generator of CycleGAN and CUT (nine residual blocks), plain and optimised by the same code.
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
from ssus2mri.models.generator import Generator

CONFIG = Path(__file__).parents[1] / "config" / "config.yaml"
GA_WEEKS, EDGE_MM = 23.0, 96.0
ASPECT, HEIGHT, FRACTION = 0.78, 0.75, 0.1  # as in config.yaml: crop.skull, extract
BATCHES = 8
OURS, PLAIN, PEER = "ours, as `synthesize` runs it", "ours, plain", "ResNet-9, plain"


def heads(size: int) -> Tensor:
    """Return the slices of an ellipsoid of 23 weeks that `extract` keeps, ``(S, size, size)``."""
    long, short = axial_axes_mm(head_circumference_mm(GA_WEEKS), ASPECT)
    z, y, x = (np.indices((size,) * 3) + 0.5) * (EDGE_MM / size) - EDGE_MM / 2
    head = (2 * z / (HEIGHT * long)) ** 2 + (2 * y / long) ** 2 + (2 * x / short) ** 2 < 1
    cuts = np.concatenate([np.moveaxis(head, axis, 0) for axis in range(3)])
    return torch.from_numpy(cuts[cuts.mean(axis=(1, 2)) >= FRACTION])


@dataclass(frozen=True)
class Variant:
    """One way to synthesise, and the type that it computes in."""

    work: Work
    dtype: torch.dtype


def variants(size: int, batch: int, device: torch.device) -> dict[str, Variant]:
    values = load_yaml(CONFIG)
    ours, peer = (
        make_objective(run_settings(values, run)).generator.eval().requires_grad_(False).to(device)
        for run in ("ours", "cyclegan")
    )
    assert isinstance(ours, Generator)
    head = heads(size)
    images = (torch.rand(head.shape) * head)[:, None].to(device)
    order = torch.arange(len(head)).split(batch)
    spread = order[:: max(len(order) // BATCHES, 1)][:BATCHES]  # from end to end of every plane
    batches = [(images[rows], bounding_roi(head[rows])) for rows in spread]
    place = torch.zeros(batch, device=device)
    with devices.mixed_precision(device, wanted=True):
        low = torch.bfloat16 if torch.is_autocast_enabled(device.type) else torch.float32

    def work(infer: Callable[[Tensor, Roi], object], *, all_alike: bool = False) -> Work:
        # Black slices cost less only if optimised.
        own_batches = batches[:1] if all_alike else batches

        @torch.inference_mode()
        def run() -> int:
            for us, roi in own_batches:
                infer(us, roi)
            return sum(len(us) for us, _ in own_batches)

        return run

    def optimised(network: torch.nn.Module, *, bfloat16: bool, rois: bool = False) -> Variant:
        infer = optimize_for_inference(network, device, bfloat16=bfloat16)

        def call(us: Tensor, roi: Roi) -> object:
            here = place[: len(us)]
            return infer(us, here, here, here, roi if rois else None)

        return Variant(work(call), low if bfloat16 else torch.float32)

    def everything(us: Tensor, _: Roi) -> object:
        return ours.infer_back(ours.translate(us, reconstruct=True).mr)

    def peer_alone(us: Tensor, _: Roi) -> object:
        here = place[: len(us)]
        return peer(us, here, here, here)

    return {
        OURS: optimised(ours, bfloat16=True, rois=True),
        "the same, whole slices": optimised(ours, bfloat16=True),
        "the same, float32": optimised(ours, bfloat16=False, rois=True),
        "the same, float32, whole slices": optimised(ours, bfloat16=False),
        PLAIN: Variant(work(everything, all_alike=True), torch.float32),
        PEER: Variant(work(peer_alone, all_alike=True), torch.float32),
        "ResNet-9, optimised likewise": optimised(peer, bfloat16=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, help="slices at a time; default: that of config.yaml")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure")
    arguments = parser.parse_args()
    device = devices.prepare(arguments.threads)
    section = load_yaml(CONFIG)["synthesize"]
    batch = arguments.batch or section["gpu_batch_size" if device.type == "cuda" else "batch_size"]
    tested = variants(arguments.size, batch, device)
    peak = {
        dtype: matmul_rate(device, dtype)
        for dtype in {variant.dtype for variant in tested.values()}
    }
    works = {name: variant.work for name, variant in tested.items()}
    rates = measure(works, device, seconds=arguments.seconds)
    print(
        f"synthesis of {arguments.size} x {arguments.size}, {batch} at a time,"
        f" {devices.describe(device)}, {arguments.threads} threads; matmul "
        + ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {str(d)[6:]}" for d, rate in peak.items())
    )
    print("| network | type | images/s | GFLOP/image | of matmul | x ours, plain | x ResNet-9 |")
    print("|---|---|---|---|---|---|---|")
    for name, variant in tested.items():
        rate, dtype = rates[name], variant.dtype
        share = rate.images * rate.flop / peak[dtype]
        print(
            f"| {name} | {str(dtype)[6:]} | {rate.images:.1f} | {rate.flop / 1e9:.2f} | {share:.0%}"
            f" | {rate.images / rates[PLAIN].images:.2f} | {rate.images / rates[PEER].images:.2f} |"
        )
    print(
        f"ours / plain {rates[OURS].images / rates[PLAIN].images:.1f} (target >= 4),"
        f" ours / ResNet-9 {rates[OURS].images / rates[PEER].images:.1f} (target >= 7)"
    )


if __name__ == "__main__":
    main()
