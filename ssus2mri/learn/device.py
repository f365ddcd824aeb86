"""Where and how to compute; nothing else names a device."""

import resource
from contextlib import AbstractContextManager

import torch


def prepare(threads: int) -> torch.device:
    """Choose the GPU where there is one, else the CPU.

    Args:
        threads: of the CPU.

    Returns:
        The device.
    """
    torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device, *, wanted: bool) -> AbstractContextManager[None]:
    """Compute convolutions in bfloat16 where the hardware does that.

    Args:
        device: the device; a CPU needs AMX, anything less is slower than float32.
        wanted: False: float32 everywhere.

    Returns:
        A context to compute in.
    """
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported()
    else:
        able = torch.cpu.get_capabilities().get("amx_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and able)


def describe(device: torch.device) -> str:
    """Give a device's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mb(device: torch.device) -> float:
    """Give the most memory used so far: of the GPU where that is the device, else of the process.

    Returns:
        10^6 bytes.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
