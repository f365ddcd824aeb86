"""The training loop: alternating updates, average weights, validation after every epoch.

It reads and writes no files. Its state can be saved at any step and restored in a new loop
(`checkpoint.py`), which then ends with the same weights, bit by bit.
"""

import copy
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.batches import Batch, Batches, draw_epoch
from ssus2mri.learn.data.dataset import Data
from ssus2mri.learn.ema import recompute_batchnorm, update_ema
from ssus2mri.learn.hardware.compiled import compile_parts
from ssus2mri.learn.hardware.cuda_graph import RecordedStep
from ssus2mri.learn.hardware.device import flush_interval, mixed_precision
from ssus2mri.learn.hardware.parallel import World, synchronise
from ssus2mri.learn.losses import require_finite, weighted_sum
from ssus2mri.learn.objectives.base import Objective
from ssus2mri.learn.validate import Row, Validation


class Request(IntEnum):
    """A request to the loop between two steps; of several processes the largest counts."""

    CONTINUE = 0
    SAVE = 1
    STOP = 2


def learning_rate(initial: float, epoch: int, halve_every: int) -> float:
    """Return the learning rate of an epoch. Source: TMI 2020, Sec. IV-A (halved every 20 epochs).

    Returns:
        ``initial / 2^floor(epoch / halve_every)``, epochs counted from 0.
    """
    return initial * 0.5 ** (epoch // halve_every)


class Loop:
    """Alternating updates, one of the generator and one of the discriminators a step.

    Source: TMI 2020, Sec. III-C, IV-A. Adam is not stated in the source.

    Args:
        objective: its networks are moved to the world's device and trained.
        data: the slices to learn from.
        settings: of the run.
        world: the processes that train together.
    """

    def __init__(
        self, objective: Objective, data: Data, settings: TrainSettings, world: World
    ) -> None:
        self.objective, self.data, self.settings, self.world = objective, data, settings, world
        for network in vars(objective).values():
            if isinstance(network, nn.Module):
                network.to(world.device)
                # A fifth faster on a CPU.
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                synchronise(network, world)
                if settings.compile:
                    compile_parts(network)
        self.average = copy.deepcopy(objective.generator)
        betas = (settings.adam_betas[0], settings.adam_betas[1])
        groups = [
            [*objective.generator.parameters(), *objective.helpers.parameters()],
            [*objective.discriminators.parameters()],
        ]
        gpu = world.device.type == "cuda"
        # A tensor, since a recorded step reads it from its place in memory.
        rate = torch.tensor(settings.learning_rate, device=world.device)
        self.optimisers = [
            torch.optim.Adam(parameters, lr=rate, betas=betas, fused=True, capturable=gpu)
            for parameters in groups
            if parameters
        ]
        recorded = gpu and world.size == 1 and objective.replayable
        self.update = RecordedStep(self._update) if recorded else self._update
        truth = settings.traits.needs_truth
        self.batches = Batches(data, settings, world.device, world, truth=truth)
        self.validation = Validation(self.batches, settings)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.random_at_start = self.generator.get_state()
        self.steps = settings.steps_per_epoch or -(-len(data.us) // settings.batch_size)
        self.epoch, self.step = 0, 0
        self.pending: list[dict[str, Tensor]] = []
        self.sums: Row = {}
        self.history: list[Row] = []
        self.best: dict[str, Any] = {}
        self.seconds: list[float] = []
        self.seconds_before = 0.0

    def run(
        self,
        *,
        request: Callable[[], Request],
        on_step: Callable[["Loop"], None],
        on_epoch: Callable[["Loop"], None],
        on_save: Callable[["Loop"], None],
    ) -> bool:
        """Train to the end, or until asked to stop.

        Args:
            request: called between steps; STOP in any process stops all.
            on_step: called after every step.
            on_epoch: called after every epoch, when `history` has its row.
            on_save: called when asked to save.

        Returns:
            Whether the end was reached.

        Raises:
            InputError: a loss is not finite.
        """
        interval = flush_interval(self.world.device)
        while not self._ended():
            started = time.perf_counter() - self.seconds_before
            self.random_at_start = self.generator.get_state()
            draws = draw_epoch(self.data, self.steps, self.settings.batch_size, self.generator)
            draws = self.batches.transfer(draws)
            rate = self._set_learning_rate()
            while self.step < self.steps:
                if self.step % interval == 0:
                    self.flush_losses()
                    asked = self.world.agree(request())
                    if asked > Request.CONTINUE:
                        self.seconds_before = time.perf_counter() - started
                    if asked == Request.STOP:
                        return False
                    if asked == Request.SAVE:
                        on_save(self)
                self.pending.append(self.update(self.batches.augmented(draws, self.step)))
                self.step += 1
                on_step(self)
            self.flush_losses()
            self._finish_epoch(rate)
            self.seconds.append(time.perf_counter() - started)
            on_epoch(self)
        return True

    def flush_losses(self) -> None:
        """Fetch the losses of the steps since the last call; this waits for a GPU.

        Raises:
            InputError: one is not finite.
        """
        if not self.pending:
            return
        names = list(self.pending[0])
        values = torch.stack([torch.stack([*terms.values()]).float() for terms in self.pending])
        rows = self.world.mean(values).tolist()
        self.pending = []
        first = self.epoch * self.steps + self.step - len(rows) + 1
        for number, row in enumerate(rows, start=first):
            losses = dict(zip(names, row, strict=True))
            require_finite(losses, number)
            self.sums = {name: self.sums.get(name, 0.0) + losses[name] for name in names}

    def chosen(self) -> tuple[int, dict[str, Tensor]]:
        """Return the chosen epoch, the best or the last, and the generator's weights of it."""
        if self.settings.choose == "best" and self.best:
            return self.best["epoch"], self.best["weights"]
        return self.epoch, self.average.state_dict()

    def _ended(self) -> bool:
        """Return whether to end; the same in all processes."""
        patience = self.settings.patience
        out_of_patience = patience and self.best and self.epoch - self.best["epoch"] >= patience
        ended = self.world.agree(int(bool(out_of_patience)))
        return self.epoch >= self.settings.epochs or bool(ended)

    def _set_learning_rate(self) -> float:
        settings = self.settings
        rate = learning_rate(settings.learning_rate, self.epoch, settings.halve_every)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)
        return rate

    def _finish_epoch(self, rate: float) -> None:
        """Add a row to the history: means of all terms, then the same on validation slices."""
        recompute_batchnorm(self.objective, self.average, self.batches, self.settings)
        validated = self.validation(self.objective, self.average)
        self.epoch += 1
        row = {
            "epoch": self.epoch,
            "step": self.epoch * self.steps,
            "learning_rate": rate,
            **{name: value / self.steps for name, value in self.sums.items()},
            **{f"val_{name}": value for name, value in validated.items()},
        }
        self.history.append(row)
        criterion = validated.get("criterion", float("inf"))
        if criterion < self.best.get("criterion", float("inf")):
            weights = copy.deepcopy(self.average.state_dict())
            self.best = {"criterion": criterion, "epoch": self.epoch, "weights": weights}
        self.step, self.sums, self.seconds_before = 0, {}, 0.0
        self.random_at_start = self.generator.get_state()

    def _update(self, batch: Batch) -> dict[str, Tensor]:
        """Take one step; return every term."""
        wanted = self.settings.mixed_precision
        with mixed_precision(self.world.device, wanted=wanted):
            terms, pairs = self.objective.generator_terms(batch)
        self._descend(0, weighted_sum(terms, self.objective.weights))
        # The initial weights are not part of the average.
        decay = self.settings.average if self.epoch or self.step else 0.0
        update_ema(self.average, self.objective.generator, decay)
        with mixed_precision(self.world.device, wanted=wanted):
            judged = self.objective.discriminator_terms(pairs)
        if judged:
            self._descend(1, torch.stack(list(judged.values())).sum())
        return {name: value.detach() for name, value in {**terms, **judged}.items()}

    def _descend(self, number: int, loss: Tensor) -> None:
        optimiser = self.optimisers[number]
        optimiser.zero_grad()
        loss.backward()
        weights = (weight for group in optimiser.param_groups for weight in group["params"])
        self.world.average_gradients(weights)
        optimiser.step()
