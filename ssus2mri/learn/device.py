"""Where to compute; nothing else names a device."""

import resource

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
