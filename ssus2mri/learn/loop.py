"""The training loop: an objective and pools of slices in, weights and a history out.

It knows no files. Its state can be taken at any step and given to a new loop, which then ends with
the same weights, bit by bit.
"""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.augment import DRAWS, augment
from ssus2mri.learn.dataset import Data, Pool, draw, spread
from ssus2mri.learn.device import mixed_precision
from ssus2mri.learn.losses import require_finite, weighted_sum
from ssus2mri.learn.objectives import Objective

Row = dict[str, float]


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
        objective: its networks are moved to ``device`` and trained.
        data: what to learn from.
        settings: of the run.
        device: where to compute.
    """

    def __init__(
        self, objective: Objective, data: Data, settings: TrainSettings, device: torch.device
    ) -> None:
        self.objective, self.settings, self.device = objective, settings, device
        self.us, self.mr = data.us.to(device), data.mr.to(device)
        self.val_us = data.val_us.to(device)
        self.val_mr = data.val_mr.to(device) if len(data.val_mr) else self.mr
        for network in (objective.generator, objective.discriminators):
            network.to(device)
            # A fifth faster on a CPU.
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(
            objective.generator,
            multi_avg_fn=get_ema_multi_avg_fn(settings.average),
            use_buffers=True,
        )
        betas = (settings.adam_betas[0], settings.adam_betas[1])
        networks = [objective.generator, objective.discriminators]
        self.optimisers = [
            torch.optim.Adam(parameters, lr=settings.learning_rate, betas=betas, fused=True)
            for network in networks
            if (parameters := list(network.parameters()))
        ]
        self.random = torch.Generator().manual_seed(settings.seed)
        self.steps = settings.steps_per_epoch or -(-len(self.us) // settings.batch_size)
        self.epoch, self.step = 0, 0
        self.sums: Row = {}
        self.history: list[Row] = []
        self.seconds: list[float] = []
        self.spent = 0.0

    def run(
        self,
        *,
        stop: Callable[[], bool],
        on_step: Callable[["Loop"], None],
        on_epoch: Callable[["Loop"], None],
    ) -> bool:
        """Train to the end, or until asked to stop.

        Args:
            stop: asked before every step.
            on_step: called after every step.
            on_epoch: called after every epoch, when `history` has its row.

        Returns:
            Whether the end was reached.

        Raises:
            InputError: a loss is not finite.
        """
        while self.epoch < self.settings.epochs:
            started = time.perf_counter() - self.spent
            at_start = self.random.get_state()
            us_plan, mr_plan = self._plan(self.us), self._plan(self.mr)
            rate = self._set_learning_rate()
            while self.step < self.steps:
                if stop():
                    # The next loop plans this epoch again, and goes on within it.
                    self.random.set_state(at_start)
                    self.spent = time.perf_counter() - started
                    return False
                us, mr = self._batch(self.us, us_plan), self._batch(self.mr, mr_plan)
                values = self._update(us, mr)
                self.step += 1
                require_finite(values, self.epoch * self.steps + self.step)
                self.sums = {k: self.sums.get(k, 0.0) + v for k, v in values.items()}
                on_step(self)
            self.history.append(self._row(rate))
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            self.seconds.append(time.perf_counter() - started)
            self.spent = 0.0
            on_epoch(self)
        return True

    def _plan(self, known: Pool) -> tuple[Tensor, Tensor]:
        """Draw all that is random in an epoch: it does not depend on where a stop cuts it.

        Returns:
            Rows of the batches, ``(steps, batch_size)``, and numbers for `augment`, ``(steps,
            batch_size, DRAWS)``.
        """
        size = self.settings.batch_size
        rows = draw(len(known), self.steps * size, self.random).view(self.steps, size)
        return rows, torch.rand(self.steps, size, DRAWS, generator=self.random)

    def _batch(self, known: Pool, plan: tuple[Tensor, Tensor]) -> Tensor:
        rows, draws = (one[self.step].to(self.device) for one in plan)
        return augment(known.images(rows), known.plane[rows], draws, self.settings.augment)

    def _set_learning_rate(self) -> float:
        settings = self.settings
        rate = learning_rate(settings.learning_rate, self.epoch, settings.halve_every)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        return rate

    def _row(self, rate: float) -> Row:
        """Sum up an epoch: means of all terms, then the same on the validation slices."""
        return {
            "epoch": self.epoch + 1,
            "step": (self.epoch + 1) * self.steps,
            "learning_rate": rate,
            **{name: value / self.steps for name, value in self.sums.items()},
            **{f"val_{name}": value for name, value in self.validate().items()},
        }

    def _update(self, us: Tensor, mr: Tensor) -> Row:
        """Make one step; return every term."""
        with self._precision():
            terms, pairs = self.objective.generator_terms(us, mr)
        self.optimisers[0].zero_grad()
        weighted_sum(terms, self.objective.weights).backward()
        self.optimisers[0].step()
        self.average.update_parameters(self.objective.generator)
        with self._precision():
            judged = self.objective.discriminator_terms(pairs)
        if judged:
            self.optimisers[1].zero_grad()
            torch.stack(list(judged.values())).sum().backward()
            self.optimisers[1].step()
        return _numbers({**terms, **judged})

    def _precision(self) -> AbstractContextManager[None]:
        return mixed_precision(self.device, wanted=self.settings.mixed_precision)

    def validate(self) -> Row:
        """Compute every term on the validation slices.

        Returns:
            Means by name; empty without validation US. Where there is no validation MR,
            discriminators judge training MR.
        """
        count = min(len(self.val_us), self.settings.validation_slices)
        us_rows = spread(len(self.val_us), count).split(self.settings.batch_size)
        mr_rows = (torch.arange(count) * len(self.val_mr) // max(count, 1)).split(
            self.settings.batch_size
        )
        sums: Row = {}
        if not count:
            return sums
        with self._evaluating(), self._precision():
            for us, mr in zip(us_rows, mr_rows, strict=True):
                terms, pairs = self.objective.generator_terms(
                    _images(self.val_us, us), _images(self.val_mr, mr)
                )
                for name, value in _numbers(
                    {**terms, **self.objective.discriminator_terms(pairs)}
                ).items():
                    sums[name] = sums.get(name, 0.0) + value * len(us) / count
        return sums

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Lend the generator its average weights, which are what `synthesize` gets."""
        generator, discriminators = self.objective.generator, self.objective.discriminators
        current = copy.deepcopy(generator.state_dict())
        generator.load_state_dict(self.average.module.state_dict())
        generator.eval()
        discriminators.eval()
        with torch.no_grad():
            yield
        generator.load_state_dict(current)
        generator.train()
        discriminators.train()

    def state(self) -> dict[str, Any]:
        """Give everything that another loop needs to go on from here."""
        return {
            "generator": self.objective.generator.state_dict(),
            "average": self.average.state_dict(),
            "discriminators": self.objective.discriminators.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "random": self.random.get_state(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "history": self.history,
            "seconds": self.seconds,
            "spent": self.spent,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.objective.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.objective.discriminators.load_state_dict(state["discriminators"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.random.set_state(state["random"])
        self.epoch, self.step, self.sums = state["epoch"], state["step"], state["sums"]
        self.history, self.seconds = state["history"], state["seconds"]
        self.spent = state["spent"]


def _images(pool: Pool, rows: Tensor) -> Tensor:
    return pool.images(rows.to(pool.image.device))


def _numbers(terms: dict[str, Tensor]) -> Row:
    values = torch.stack([value.detach() for value in terms.values()]).tolist()
    return dict(zip(terms, values, strict=True))
