"""Measure a training step of our method and one of CycleGAN, in turns on the same images.

    python benchmarks/train.py [--size 160] [--batch 8] [--steps 6] [--threads 2] [--compile]

Networks of full size and the loop that `train` runs (augmentation, both updates, average weights),
in bfloat16 where the hardware supports it; the images are noise in a head. A step is one update of
the generators and one of the discriminators. The paper's schedule (28,800 slices, 100 epochs,
without validation and checkpoints) is extrapolated.

On a GPU, also our method with its steps started kernel by kernel instead of recorded
(`learn/hardware/cuda_graph.py`). With ``--compile``, also our method with `train.compile`, and the
time its first call takes longer than the others.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from measure import Work, count_flop, matmul_rate, measure, synchronize

from ssus2mri.config.base import load_yaml
from ssus2mri.config.project import run_settings
from ssus2mri.learn.data.batches import draw_epoch
from ssus2mri.learn.data.dataset import Data
from ssus2mri.learn.data.pool import pool
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.loop import Loop, Request
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.slices import Header, Slices

CONFIG = Path(__file__).parents[1] / "config" / "config.yaml"
RUNS = ("ours", "cyclegan")
NOT_RECORDED = "ours, not recorded"  # as a CUDA graph: kernel by kernel
COMPILED = "ours, compiled"
SLICES, EPOCHS = 28_800, 100  # TMI 2020, Sec. IV-A
COUNT = 96  # slices of a modality; the speed does not depend on it


def volume(name: str, modality: str, size: int) -> Slices:
    random = np.random.default_rng(len(name))
    y, x = (np.indices((size, size)) - (size - 1) / 2) / size
    head = np.broadcast_to((y / 0.39) ** 2 + (x / 0.31) ** 2 < 1, (COUNT, size, size))
    number = np.arange(COUNT)
    return Slices(
        Header(name, name, modality, 23.0, "train", 96 / size, size, 0.0, 1.0),
        (random.random(head.shape) * head).astype(np.float16),
        (number % 3).astype(np.uint8),
        (number // 3).astype(np.int16),
        head,
    )


def trainings(name: str, size: int, batch: int, device: torch.device) -> tuple[Work, Work]:
    """Return the work of some steps as `train` makes them, and that of one unrecorded step."""
    values = load_yaml(CONFIG)
    settings = run_settings(values, name if name in RUNS else "ours").model_copy(
        update={
            "batch_size": batch,
            "steps_per_epoch": SLICES // batch,
            "compile": name == COMPILED,
        }
    )
    nothing = pool([])
    us, mr = (pool([volume(name, name, size)]) for name in ("us", "mr"))
    objective = make_objective(settings)
    objective.replayable &= name != NOT_RECORDED
    loop = Loop(objective, Data(us, mr, nothing, nothing, ()), settings, World(device))
    steps = devices.flush_interval(device)

    def some_steps() -> int:
        first = loop.step
        loop.run(
            request=lambda: Request.STOP if loop.step >= first + steps else Request.CONTINUE,
            on_step=lambda _: None,
            on_epoch=lambda _: None,
            on_save=lambda _: None,
        )
        return (loop.step - first) * batch

    def one_step() -> int:
        drawn = loop.batches.transfer(draw_epoch(loop.data, 1, batch, loop.generator))
        loop._update(loop.batches.augmented(drawn, 0))
        return batch

    return some_steps, one_step


def seconds(work: Work, device: torch.device) -> float:
    begun = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--steps", type=int, default=6, help="steps of each method, after the first ones"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="also ours, compiled")
    arguments = parser.parse_args()
    device = devices.prepare(arguments.threads)
    with devices.mixed_precision(device, wanted=True):
        low = torch.is_autocast_enabled(device.type)
    dtype = torch.bfloat16 if low else torch.float32
    peak = matmul_rate(device, dtype)
    rounds = max(-(-arguments.steps // devices.flush_interval(device)), 2)
    runs = [*RUNS, *[NOT_RECORDED] * (device.type == "cuda"), *[COMPILED] * arguments.compile]
    methods = {run: trainings(run, arguments.size, arguments.batch, device) for run in runs}
    flop = {run: count_flop(one_step) for run, (_, one_step) in methods.items()}
    works = {run: some_steps for run, (some_steps, _) in methods.items()}
    first = {run: seconds(work, device) for run, work in works.items()}
    rates = measure(works, device, rounds=rounds, flop=flop)
    print(
        f"training on {arguments.size} x {arguments.size}, batch {arguments.batch},"
        f" {devices.describe(device)}, {arguments.threads} threads;"
        f" matmul {peak / 1e9:.0f} GFLOP/s in {str(dtype)[6:]}"
    )
    print("| run | images/s | s/step | GFLOP/image | of matmul | drift | paper's schedule, hours |")
    print("|---|---|---|---|---|---|---|")
    for run, rate in rates.items():
        print(
            f"| {run} | {rate.images:.2f} | {arguments.batch / rate.images:.2f}"
            f" | {rate.flop / 1e9:.1f} | {rate.images * rate.flop / peak:.0%} | {rate.drift:+.0%}"
            f" | {SLICES * EPOCHS / rate.images / 3600:.2f} |"
        )
    ours, peer = (rates[run] for run in RUNS)
    if NOT_RECORDED in rates:
        share = rates[NOT_RECORDED].images / ours.images
        print(f"a recorded step takes {share:.2f} of the time of one that is not")
    print(
        f"a step of ours takes {peer.images / ours.images:.2f} of CycleGAN's time (target <= 0.35)"
        f" and {ours.flop / peer.flop:.2f} of its FLOP"
    )
    if arguments.compile:
        later = devices.flush_interval(device) * arguments.batch / rates[COMPILED].images
        print(
            f"compiling took {first[COMPILED] - later:.0f} s; a compiled step takes"
            f" {ours.images / rates[COMPILED].images:.2f} of the time of one that is not"
        )


if __name__ == "__main__":
    main()
