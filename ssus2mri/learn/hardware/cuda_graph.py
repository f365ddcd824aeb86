"""A step of training recorded as a CUDA graph, and replayed.

A step is some thousand small kernels, and to start them one by one from Python takes longer than a
GPU computes at them in batches of up to about 32. A recorded step is started at once.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from ssus2mri.learn.data.dataset import Batch

Update = Callable[[Batch], dict[str, Tensor]]

FIRST = 3
"""Steps that are made as they are: in them memory is laid out, kernels are chosen or compiled."""


class Replay:
    """An update of weights on a GPU that is recorded in its fourth call, and replayed from then on.

    Args:
        update: makes a step and gives its terms, numbers. It must start the same kernels for every
            batch, on the same memory but for the batch's: nothing may be decided on the CPU.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self.stream = torch.cuda.Stream()
        self.graph = torch.cuda.CUDAGraph()
        self.calls = 0
        self.names: list[str] = []
        self.known: dict[str, Any] = {}

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Make a step.

        Args:
            batch: always of the same shapes.

        Returns:
            What ``update`` gives.
        """
        self.calls += 1
        if self.calls <= FIRST:
            return self._aside(batch)
        if self.calls == FIRST + 1:
            self._record(batch)
        for name, value in _tensors(batch).items():
            self.known[name].copy_(value)
        self.graph.replay()
        return dict(zip(self.names, self.values.clone().unbind(), strict=True))

    def _aside(self, batch: Batch) -> dict[str, Tensor]:
        """Make a step on the stream that it will be recorded on."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            found = self.update(batch)
        torch.cuda.current_stream().wait_stream(self.stream)
        return found

    def _record(self, batch: Batch) -> None:
        """Record a step, without making it, on a copy of a batch that is filled before each one."""
        self.known = {name: one.clone() for name, one in _tensors(batch).items()}
        with torch.cuda.graph(self.graph, stream=self.stream):
            found = self.update(replace(batch, **self.known))
            self.values = torch.stack([one.float() for one in found.values()])
        self.names = list(found)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    named = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: one for name, one in named.items() if isinstance(one, Tensor)}
