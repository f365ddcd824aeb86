"""A training step recorded as a CUDA graph and replayed.

A step consists of some thousand small kernels. Up to batches of about 32, launching them one by one
from Python takes longer than computing them; a recorded step is launched at once.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from ssus2mri.learn.data.batches import Batch

Update = Callable[[Batch], dict[str, Tensor]]

WARM_UP = 3
"""Steps that are not recorded: in these memory is allocated, kernels are chosen or compiled."""


class RecordedStep:
    """A training step on a GPU that is recorded at its fourth call, and replayed from then on.

    Args:
        update: takes a step and returns its terms, numbers. It must launch the same kernels for
            every batch, on the same memory except the batch's: the CPU may decide nothing.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self.stream = torch.cuda.Stream()
        self.graph = torch.cuda.CUDAGraph()
        self.calls = 0
        self.names: list[str] = []
        self.inputs: dict[str, Any] = {}

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Take a step.

        Returns:
            The terms that ``update`` returns.
        """
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._on_side_stream(batch)
        if self.calls == WARM_UP + 1:
            self._record(batch)
        for name, value in _tensors(batch).items():
            self.inputs[name].copy_(value)
        self.graph.replay()
        return dict(zip(self.names, self.values.clone().unbind(), strict=True))

    def _on_side_stream(self, batch: Batch) -> dict[str, Tensor]:
        """Take a step on the stream on which it will be recorded."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            terms = self.update(batch)
        torch.cuda.current_stream().wait_stream(self.stream)
        return terms

    def _record(self, batch: Batch) -> None:
        """Record a step, without taking it, on a copy of a batch that every replay fills first."""
        self.inputs = {name: tensor.clone() for name, tensor in _tensors(batch).items()}
        with torch.cuda.graph(self.graph, stream=self.stream):
            terms = self.update(replace(batch, **self.inputs))
            self.values = torch.stack([term.float() for term in terms.values()])
        self.names = list(terms)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}
