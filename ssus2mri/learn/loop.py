"""The training loop: an objective and slices in, weights and a history out.

It knows no files. Its state can be taken at any step and given to a new loop (`state.py`), which
then ends with the same weights, bit by bit.
"""

import copy
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.batches import Feed, draw_epoch
from ssus2mri.learn.data.dataset import Batch, Data
from ssus2mri.learn.ema import follow, settle
from ssus2mri.learn.hardware.compiled import compile_parts
from ssus2mri.learn.hardware.cuda_graph import Replay
from ssus2mri.learn.hardware.device import look_every, mixed_precision
from ssus2mri.learn.hardware.parallel import World, synchronise
from ssus2mri.learn.losses import require_finite, weighted_sum
from ssus2mri.learn.networks import NEEDS_TRUTH
from ssus2mri.learn.objectives import Objective
from ssus2mri.learn.validate import Row, Validation


class Ask(IntEnum):
    """What the loop is asked to do between two steps; of several wishes the largest counts."""

    GO = 0
    SAVE = 1
    STOP = 2


def learning_rate(initial: float, epoch: int, halve_every: int) -> float:
    """Give the learning rate of an epoch. Source: TMI 2020, Sec. IV-A (halved every 20 epochs).

    Args:
        initial: of the first epoch.
        epoch: counted from 0.
        halve_every: epochs.

    Returns:
        ``initial / 2^floor(epoch / halve_every)``.
    """
    return initial * 0.5 ** (epoch // halve_every)


class Loop:
    """Alternating updates, one of the generator and one of the discriminators a step.

    Source: TMI 2020, Sec. III-C, IV-A. Adam is not stated in the source.

    Args:
        objective: its networks are moved to the world's device and trained.
        data: what to learn from.
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
        # A tensor, as a recorded step reads it where it lies.
        rate = torch.tensor(settings.learning_rate, device=world.device)
        self.optimisers = [
            torch.optim.Adam(parameters, lr=rate, betas=betas, fused=True, capturable=gpu)
            for parameters in groups
            if parameters
        ]
        recorded = gpu and world.size == 1 and objective.replayable
        self.update = Replay(self._update) if recorded else self._update
        truth = settings.method in NEEDS_TRUTH
        self.feed = Feed(data, settings, world.device, world, truth=truth)
        self.validation = Validation(self.feed, settings)
        self.random = torch.Generator().manual_seed(settings.seed)
        self.at_start = self.random.get_state()
        self.steps = settings.steps_per_epoch or -(-len(data.us) // settings.batch_size)
        self.epoch, self.step = 0, 0
        self.waiting: list[dict[str, Tensor]] = []
        self.sums: Row = {}
        self.history: list[Row] = []
        self.best: dict[str, Any] = {}
        self.seconds: list[float] = []
        self.spent = 0.0

    def run(
        self,
        *,
        ask: Callable[[], Ask],
        on_step: Callable[["Loop"], None],
        on_epoch: Callable[["Loop"], None],
        on_save: Callable[["Loop"], None],
    ) -> bool:
        """Train to the end, or until asked to stop.

        Args:
            ask: asked between steps; any process's STOP stops all.
            on_step: called after every step.
            on_epoch: called after every epoch, when `history` has its row.
            on_save: called when asked to save.

        Returns:
            Whether the end was reached.

        Raises:
            InputError: a loss is not finite.
        """
        every = look_every(self.world.device)
        while not self._ended():
            started = time.perf_counter() - self.spent
            self.at_start = self.random.get_state()
            drawn = draw_epoch(self.data, self.steps, self.settings.batch_size, self.random)
            drawn = self.feed.at_hand(drawn)
            rate = self._set_learning_rate()
            while self.step < self.steps:
                if self.step % every == 0:
                    self.look()
                    wish = self.world.agree(ask())
                    if wish > Ask.GO:
                        self.spent = time.perf_counter() - started
                    if wish == Ask.STOP:
                        return False
                    if wish == Ask.SAVE:
                        on_save(self)
                self.waiting.append(self.update(self.feed.batch(drawn, self.step)))
                self.step += 1
                on_step(self)
            self.look()
            self._finish_epoch(rate)
            self.seconds.append(time.perf_counter() - started)
            on_epoch(self)
        return True

    def look(self) -> None:
        """Look at the losses of the last steps: a GPU would have to be waited for at every step.

        Raises:
            InputError: one is not finite.
        """
        if not self.waiting:
            return
        names = list(self.waiting[0])
        values = torch.stack([torch.stack([*one.values()]).float() for one in self.waiting])
        rows = self.world.mean(values).tolist()
        self.waiting = []
        first = self.epoch * self.steps + self.step - len(rows) + 1
        for number, row in enumerate(rows, start=first):
            found = dict(zip(names, row, strict=True))
            require_finite(found, number)
            self.sums = {name: self.sums.get(name, 0.0) + found[name] for name in names}

    def kept(self) -> tuple[int, dict[str, Tensor]]:
        """Give the chosen epoch, the best or the last, and the generator's weights of it."""
        if self.settings.choose == "best" and self.best:
            return self.best["epoch"], self.best["weights"]
        return self.epoch, self.average.state_dict()

    def _ended(self) -> bool:
        """Tell whether to end; all processes give the same answer."""
        patience = self.settings.patience
        tired = patience and self.best and self.epoch - self.best["epoch"] >= patience
        return self.epoch >= self.settings.epochs or bool(self.world.agree(int(bool(tired))))

    def _set_learning_rate(self) -> float:
        settings = self.settings
        rate = learning_rate(settings.learning_rate, self.epoch, settings.halve_every)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)
        return rate

    def _finish_epoch(self, rate: float) -> None:
        """Sum up an epoch: means of all terms, then the same on the validation slices."""
        settle(self.objective, self.average, self.feed, self.settings)
        found = self.validation(self.objective, self.average)
        self.epoch += 1
        row = {
            "epoch": self.epoch,
            "step": self.epoch * self.steps,
            "learning_rate": rate,
            **{name: value / self.steps for name, value in self.sums.items()},
            **{f"val_{name}": value for name, value in found.items()},
        }
        self.history.append(row)
        value = found.get("criterion", float("inf"))
        if value < self.best.get("criterion", float("inf")):
            weights = copy.deepcopy(self.average.state_dict())
            self.best = {"criterion": value, "epoch": self.epoch, "weights": weights}
        self.step, self.sums, self.spent = 0, {}, 0.0
        self.at_start = self.random.get_state()

    def _update(self, batch: Batch) -> dict[str, Tensor]:
        """Make one step; return every term."""
        precision = self.settings.mixed_precision
        with mixed_precision(self.world.device, wanted=precision):
            terms, pairs = self.objective.generator_terms(batch)
        self._descend(0, weighted_sum(terms, self.objective.weights))
        # First weights, which know nothing, are not averaged.
        decay = self.settings.average if self.epoch or self.step else 0.0
        follow(self.average, self.objective.generator, decay)
        with mixed_precision(self.world.device, wanted=precision):
            judged = self.objective.discriminator_terms(pairs)
        if judged:
            self._descend(1, torch.stack(list(judged.values())).sum())
        return {name: value.detach() for name, value in {**terms, **judged}.items()}

    def _descend(self, number: int, loss: Tensor) -> None:
        optimiser = self.optimisers[number]
        optimiser.zero_grad()
        loss.backward()
        self.world.average_gradients(self._parameters(optimiser))
        optimiser.step()

    @staticmethod
    def _parameters(optimiser: torch.optim.Optimizer) -> Iterator[nn.Parameter]:
        return (one for group in optimiser.param_groups for one in group["params"])
