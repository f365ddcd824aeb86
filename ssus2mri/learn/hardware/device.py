"""Where and how to compute; nothing else names a device."""

import os
import resource
from contextlib import AbstractContextManager

import torch

from ssus2mri.errors import InputError


def prepare(threads: int) -> torch.device:
    """Choose the GPU where there is one, else the CPU.

    Of several processes that `torchrun` started on a computer, each takes its own GPU and its part
    of the threads.

    Args:
        threads: of the CPU.

    Returns:
        The device.

    Raises:
        InputError: more processes than GPUs.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(max(threads // here, 1))
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if here > torch.cuda.device_count():
        raise InputError(
            "torchrun",
            expected=f"at most a process for each of {torch.cuda.device_count()} GPUs",
            found=f"{here} processes",
            do="Start fewer.",
        )
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


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


def free_memory(device: torch.device) -> float:
    """Tell how much memory of a GPU is free, in bytes; of a CPU, no limit."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


def look_every(device: torch.device) -> int:
    """Tell after how many steps to look at what the device has computed.

    A CPU is never waited for; a GPU that is not looked at has its next steps queued.
    """
    return 20 if device.type == "cuda" else 1
