"""Measure rates and FLOP of networks, and the matmul rate of the machine."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

Work = Callable[[], int]
"""Does some work and returns for how many images."""


@dataclass(frozen=True)
class Rate:
    """Images per second, and floating-point operations of convolutions and products per image.

    ``drift`` is how much slower the second half of the rounds was than the first, a fraction.
    """

    images: float
    flop: float
    drift: float


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    works: Mapping[str, Work],
    device: torch.device,
    *,
    seconds: float = 0.0,
    rounds: int = 4,
    flop: Mapping[str, float] | None = None,
) -> dict[str, Rate]:
    """Return the median rate of each over rounds in which all take turns.

    Whatever slows the machine down for a while slows all of them down, so ratios stay true. FLOP
    are counted in a first call before the rounds, which also does what only first calls do; with
    ``flop``, everything has been called before.
    """
    flop = flop or {name: count_flop(work) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[next(iter(works))]) < rounds:
        for name, work in works.items():
            synchronize(device)
            begun = time.perf_counter()
            images = work()
            synchronize(device)
            times[name].append((time.perf_counter() - begun) / images)
    return {name: _rate(times[name], flop[name]) for name in works}


def _rate(times: list[float], flop: float) -> Rate:
    half = len(times) // 2
    drift = statistics.median(times[-half:]) / statistics.median(times[:half]) - 1
    return Rate(1 / statistics.median(times), flop, drift)


def count_flop(work: Work) -> float:
    """Count FLOP per image; must not be a replay of a recorded step, in which they are not seen."""
    # Compiled code does the same work in kernels that cannot be counted.
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        images = work()
    return counter.get_total_flops() / images


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return FLOP/s of the product of two large square matrices, the best of several."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = 0.0
    with torch.inference_mode():
        for _ in range(8):
            synchronize(device)
            begun = time.perf_counter()
            torch.mm(left, right)
            synchronize(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best
