"""Batches for the training loop: what an epoch draws, and where the slices lie meanwhile."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.augment import DRAWS, brighten, move
from ssus2mri.learn.data.dataset import Batch, Data, Pool, draw
from ssus2mri.learn.hardware.device import free_memory
from ssus2mri.learn.hardware.parallel import World


@dataclass(frozen=True)
class EpochDraws:
    """All that is random in an epoch: it does not depend on where a stop cuts it.

    Rows ``(steps, batch)``, numbers for `augment` ``(steps, batch, DRAWS)``, seeds ``(steps,)``.
    """

    us: Tensor
    us_draws: Tensor
    mr: Tensor
    mr_draws: Tensor
    seeds: Tensor


def draw_epoch(data: Data, steps: int, batch: int, random: torch.Generator) -> EpochDraws:
    """Draw an epoch.

    Args:
        data: what to draw from.
        steps: of the epoch.
        batch: US slices, and MR slices, of a step, over all processes.
        random: where numbers come from.

    Returns:
        The same in all processes whose generators are in the same state.
    """
    rows, draws = [], []
    for known in (data.us, data.mr):
        rows.append(draw(len(known), steps * batch, random).view(steps, batch))
        draws.append(torch.rand(steps, batch, DRAWS, generator=random))
    seeds = torch.randint(2**62, (steps,), generator=random)
    return EpochDraws(rows[0], draws[0], rows[1], draws[1], seeds)


class Feed:
    """Slices on their way to the device.

    They live there when they fit; else they stay in the computer's memory, and batches are copied
    from page-locked pages. No copy is waited for: while the GPU computes the steps that it has
    queued, the slices of the next ones are gathered and their copies queued behind.

    Args:
        data: the slices.
        settings: of the run.
        device: where they are needed.
        truth: whether batches have the true MR.
        world: of whose every batch this process takes its part.
    """

    def __init__(
        self,
        data: Data,
        settings: TrainSettings,
        device: torch.device,
        world: World,
        *,
        truth: bool,
    ) -> None:
        self.settings, self.device, self.world, self.truth = settings, device, world, truth
        pools = (data.us, data.mr, data.val_us, data.val_mr)
        needed = sum(one.bytes() for one in pools)
        self.resident = needed <= settings.device_share * free_memory(device)
        home = device if self.resident else torch.device("cpu")
        self.us, self.mr, self.val_us, self.val_mr = (one.to(home) for one in pools)

    def at_hand(self, plan: EpochDraws) -> EpochDraws:
        """Bring an epoch's numbers to where they are needed: its steps then wait for no copy."""
        home = self.us.image.device
        return EpochDraws(
            plan.us.to(home),
            plan.us_draws.to(self.device),
            plan.mr.to(home),
            plan.mr_draws.to(self.device),
            plan.seeds,
        )

    def batch(self, plan: EpochDraws, step: int) -> Batch:
        """Give this process's part of a step's batch, augmented.

        Args:
            plan: of the epoch, best `at_hand`.
            step: within it.

        Returns:
            On the device.
        """
        part = self.world.part(plan.us.shape[1])
        batch = self.plain(self.us, plan.us[step, part], self.mr, plan.mr[step, part])
        settings = self.settings.augment
        draws = plan.us_draws[step, part].to(self.device)
        mr_draws = plan.mr_draws[step, part].to(self.device)
        mr_plane = self._there(self.mr.plane, plan.mr[step, part])
        alike = {"us": batch.us, "truth": batch.truth, "matched": batch.matched}
        known = {name: one for name, one in alike.items() if one is not None}
        moved = move(torch.cat([*known.values()], dim=1), batch.plane, draws, settings)
        parts = moved.split([one.shape[1] for one in known.values()], dim=1)
        alike |= dict(zip(known, parts, strict=True))
        return replace(
            batch,
            us=brighten(parts[0], draws, settings),
            mr=move(batch.mr, mr_plane, mr_draws, settings),
            truth=alike["truth"],
            matched=alike["matched"],
            seed=int(plan.seeds[step]),
        )

    def plain(self, us: Pool, us_rows: Tensor, mr: Pool, mr_rows: Tensor) -> Batch:
        """Give some slices as they are.

        Args:
            us: pool of the US slices.
            us_rows: ``(N,)``.
            mr: pool of the MR slices.
            mr_rows: ``(M,)``.

        Returns:
            On the device, with seed 0.
        """
        known = us_rows.to(us.image.device)
        around = self.settings.network.neighbours
        truth, matched = us.truth if self.truth else None, us.matched
        return Batch(
            us=self._moved(us.stored(known, around)).float(),
            mr=self._moved(mr.stored(mr_rows.to(mr.image.device))).float(),
            plane=self._there(us.plane, us_rows).long(),
            index=self._there(us.index, us_rows).long(),
            truth=None if truth is None else self._there(truth, us_rows)[:, None].float(),
            matched=None if matched is None else self._there(matched, us_rows)[:, None].float(),
            seed=0,
        )

    def _there(self, kept: Tensor, rows: Tensor) -> Tensor:
        return self._moved(kept[rows.to(kept.device)])

    def _moved(self, value: Tensor) -> Tensor:
        if value.device == self.device:
            return value
        return value.pin_memory().to(self.device, non_blocking=True)
