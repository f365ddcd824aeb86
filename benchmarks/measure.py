"""What the benchmarks of the networks share: steady rates, FLOP, the machine's matmul rate."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

Work = Callable[[], int]
"""Does some work and says how many images it was."""


@dataclass(frozen=True)
class Rate:
    """Images a second, and floating-point operations of convolutions and products an image.

    ``drift`` is how much slower the second half of the rounds was than the first, a fraction.
    """

    images: float
    flop: float
    drift: float


def settle(device: torch.device) -> None:
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
    """Measure all in turns for a time, at least some rounds; give the median over the rounds.

    What slows the machine down for a while slows all of them down, and ratios stay true. Before,
    FLOP are counted in a first call, which also prepares what only first calls do; where they are
    given, all have been called before.
    """
    flop = flop or {name: count_flop(work) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[next(iter(works))]) < rounds:
        for name, work in works.items():
            settle(device)
            begun = time.perf_counter()
            images = work()
            settle(device)
            times[name].append((time.perf_counter() - begun) / images)
    return {name: _rate(times[name], flop[name]) for name in works}


def _rate(times: list[float], flop: float) -> Rate:
    half = len(times) // 2
    drift = statistics.median(times[-half:]) / statistics.median(times[:half]) - 1
    return Rate(1 / statistics.median(times), flop, drift)


def count_flop(work: Work) -> float:
    """Count FLOP an image; a recorded step is replayed without being seen."""
    # Compiled code does the same work in kernels that cannot be counted.
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        images = work()
    return counter.get_total_flops() / images


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of the product of two large square matrices, the best of several."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = 0.0
    with torch.inference_mode():
        for _ in range(8):
            settle(device)
            begun = time.perf_counter()
            torch.mm(left, right)
            settle(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best
