"""Training by several processes, each on its part of every batch.

`torchrun` starts them, on the GPUs of one computer or of several. Every process holds all slices
and draws the same batches; gradients, losses and the statistics of batch normalisation are means
over all of them, so that the result is that of one process with the whole batch.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ssus2mri.errors import InputError


@dataclass(frozen=True)
class World:
    """The processes of a training, seen from one of them; alone by default."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """Return this process's part of a batch."""
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def mean(self, values: Tensor) -> Tensor:
        """Average over the processes, in place; a collective call."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def agree(self, number: int) -> int:
        """Return the largest of the numbers of all processes; a collective call."""
        if self.size == 1:
            return number
        largest = torch.tensor(number, device=self.device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes in the order of their ranks; a collective call."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average gradients over the processes in one exchange; the same ones are None in all."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        if not gradients:
            return
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


class _Sum(torch.autograd.Function):
    """Sum over all processes, as is its gradient: the loss of every process depends on it."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the parts of all processes, on CPUs, for which torch has none.

    Biased variance within the batch, unbiased for the running one, as in `torch.nn.BatchNorm2d`.
    """

    def forward(self, value: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)``; every process has the same N."""
        if not self.training:
            return super().forward(value)
        size = dist.get_world_size()
        exact = value.double()  # as torch accumulates, else deep networks diverge within steps
        mean = _Sum.apply(exact.mean((0, 2, 3))) / size
        centred = exact - mean[:, None, None]
        variance = _Sum.apply(centred.square().mean((0, 2, 3))) / size
        with torch.no_grad():
            tracked = self.get_buffer("num_batches_tracked").add_(1)
            rate = 1 / int(tracked) if self.momentum is None else self.momentum
            count = value.numel() // value.shape[1] * size
            unbiased = variance * count / (count - 1)
            for name, current in (("running_mean", mean), ("running_var", unbiased)):
                running = self.get_buffer(name)
                running.lerp_(current.to(running), rate)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(value.dtype)


def synchronise(network: nn.Module, world: World) -> None:
    """Make batch normalisation use the whole batch; names in its state stay the same.

    Args:
        network: changed in place.
        world: the processes; with only one, nothing changes.
    """
    if world.size == 1:
        return
    if world.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm


def join(device: torch.device, batch: int) -> World:
    """Join the other processes that `torchrun` has started, if any.

    Returns:
        The world; call `leave` at the end.

    Raises:
        InputError: the batch cannot be divided among the processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if batch % size:
        raise InputError(
            "train.batch_size",
            expected=f"a multiple of the {size} processes",
            found=str(batch),
            do="Change it, or train with another number of processes.",
        )
    if size == 1:
        return World(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(device, dist.get_rank(), size)


def leave() -> None:
    """Leave the group of processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def launched() -> bool:
    """Return whether `torchrun` started this process."""
    return "WORLD_SIZE" in os.environ


def launch(processes: int, arguments: list[str]) -> None:
    """Replace this process by `torchrun` with several processes of a command; signals reach all.

    Args:
        processes: number of processes on this computer.
        arguments: of ``ssus2mri``.
    """
    runner = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    runner += [f"--nproc-per-node={processes}", "--signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGUSR1"]
    # After `--`, as it would take --run for its own --run-path.
    os.execv(sys.executable, [*runner, "-m", "--", "ssus2mri", *arguments])
