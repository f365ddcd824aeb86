"""The device to compute on, and its abilities; nothing else names a device."""

import os
import resource
from contextlib import AbstractContextManager

import torch

from ssus2mri.errors import InputError


def prepare(threads: int) -> torch.device:
    """Select the GPU if there is one, else the CPU.

    Of several processes that `torchrun` started on a computer, each takes its own GPU and its share
    of the threads.

    Raises:
        InputError: more processes than GPUs.
    """
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(max(threads // processes, 1))
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if processes > torch.cuda.device_count():
        raise InputError(
            "torchrun",
            expected=f"at most one process for each of {torch.cuda.device_count()} GPUs",
            found=f"{processes} processes",
            do="Start fewer.",
        )
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def mixed_precision(device: torch.device, *, wanted: bool) -> AbstractContextManager[None]:
    """Return a context that computes convolutions in bfloat16 where the hardware supports it.

    Args:
        device: the device; a CPU needs AMX or AVX512-BF16, anything less is slower than float32.
        wanted: False: float32 everywhere.
    """
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported()
    else:
        capabilities = torch.cpu.get_capabilities()
        supported = any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and supported)


def describe(device: torch.device) -> str:
    """Return a device's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory so far: of the GPU if that is the device, else of the process.

    Returns:
        10^6 bytes.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def free_memory(device: torch.device) -> float:
    """Return the free memory of a GPU in bytes; of a CPU, infinity."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


def flush_interval(device: torch.device) -> int:
    """Return after how many steps losses are fetched from the device.

    Fetching waits for the GPU to finish its queue of steps; a CPU has no queue.
    """
    return 20 if device.type == "cuda" else 1
