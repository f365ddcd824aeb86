"""Batches of training slices: what an epoch draws, and where slices are kept meanwhile."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.augment import DRAWS, brighten, move
from ssus2mri.learn.data.dataset import Data
from ssus2mri.learn.data.pool import Pool, draw
from ssus2mri.learn.hardware.device import free_memory
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.models.learned_atlas import Place


@dataclass(frozen=True)
class Batch:
    """Input of an objective in a step: all on the device, augmented alike.

    ``us (N, 1 + 2 neighbours, H, W)`` float32 in [0, 1], the slice itself in the middle; ``plane
    (N,)``, ``index (N,)`` int64 and ``ga_weeks (N,)``, its place; ``mr (N, 1, H, W)`` of other
    subjects, and its ``mr_plane (N,)`` and ``mr_index (N,)``; ``truth (N, 1, H, W)`` the true MR of
    the US slices, only where the method needs it; ``matched (N, 1, H, W)`` training MR deformed
    onto their heads, only where a term needs it; ``labels (N, H, W)`` uint8 `Tissue`, only where
    the method needs it. ``seed`` of the step is for random choices inside an objective: the same
    whether or not training was resumed.
    """

    us: Tensor
    mr: Tensor
    plane: Tensor
    index: Tensor
    ga_weeks: Tensor
    mr_plane: Tensor
    mr_index: Tensor
    truth: Tensor | None
    matched: Tensor | None
    seed: int
    labels: Tensor | None = None

    @property
    def place(self) -> Place:
        """The place of the US slices."""
        return Place(self.plane, self.index, self.ga_weeks)

    @property
    def slice(self) -> Tensor:
        """The US slices without their neighbours, ``(N, 1, H, W)``."""
        middle = self.us.shape[1] // 2
        return self.us[:, middle : middle + 1]


@dataclass(frozen=True)
class EpochDraws:
    """All that is random in an epoch, drawn at its start so that a resumed epoch repeats it.

    Rows ``(steps, batch)``, numbers for `augment` ``(steps, batch, DRAWS)``, seeds ``(steps,)``.
    """

    us: Tensor
    us_draws: Tensor
    mr: Tensor
    mr_draws: Tensor
    seeds: Tensor


def draw_epoch(data: Data, steps: int, batch: int, generator: torch.Generator) -> EpochDraws:
    """Draw the rows and random numbers of an epoch.

    Args:
        data: the slices to draw from.
        steps: number of steps.
        batch: US slices, and MR slices, of a step, over all processes.
        generator: source of random numbers.

    Returns:
        The same in all processes whose generators are in the same state.
    """
    rows, draws = [], []
    for pool in (data.us, data.mr):
        rows.append(draw(len(pool), steps * batch, generator).view(steps, batch))
        draws.append(torch.rand(steps, batch, DRAWS, generator=generator))
    seeds = torch.randint(2**62, (steps,), generator=generator)
    return EpochDraws(rows[0], draws[0], rows[1], draws[1], seeds)


class Batches:
    """Makes batches on the device.

    Slices live on the device if they fit; else they stay in the computer's memory, and batches are
    copied from page-locked pages. No copy is waited for: while the GPU computes the steps in its
    queue, the slices of the next ones are gathered and their copies queued behind.
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
        needed = sum(pool.bytes() for pool in pools)
        self.resident = needed <= settings.device_share * free_memory(device)
        home = device if self.resident else torch.device("cpu")
        self.us, self.mr, self.val_us, self.val_mr = (pool.to(home) for pool in pools)

    def transfer(self, draws: EpochDraws) -> EpochDraws:
        """Copy an epoch's draws to where they are needed, so that no step waits for a copy."""
        home = self.us.image.device
        return EpochDraws(
            draws.us.to(home),
            draws.us_draws.to(self.device),
            draws.mr.to(home),
            draws.mr_draws.to(self.device),
            draws.seeds,
        )

    def augmented(self, draws: EpochDraws, step: int) -> Batch:
        """Return this process's part of a step's batch, augmented.

        Args:
            draws: of the epoch, best after `transfer`.
            step: within the epoch.

        Returns:
            The batch, on the device.
        """
        part = self.world.part(draws.us.shape[1])
        batch = self.plain(self.us, draws.us[step, part], self.mr, draws.mr[step, part])
        settings = self.settings.augment
        us_draws = draws.us_draws[step, part].to(self.device)
        mr_draws = draws.mr_draws[step, part].to(self.device)
        # All images of the ultrasound's head move as one.
        paired = {"us": batch.us, "truth": batch.truth, "matched": batch.matched}
        images = {name: image for name, image in paired.items() if image is not None}
        moved = move(torch.cat([*images.values()], dim=1), batch.plane, us_draws, settings)
        channels = [image.shape[1] for image in images.values()]
        images = dict(zip(images, moved.split(channels, dim=1), strict=True))
        return replace(
            batch,
            us=brighten(images["us"], us_draws, settings),
            mr=move(batch.mr, batch.mr_plane, mr_draws, settings),
            truth=images.get("truth"),
            matched=images.get("matched"),
            labels=None
            if batch.labels is None
            else move(batch.labels[:, None].float(), batch.plane, us_draws, settings, nearest=True)[
                :, 0
            ],
            seed=int(draws.seeds[step]),
        )

    def plain(self, us: Pool, us_rows: Tensor, mr: Pool, mr_rows: Tensor) -> Batch:
        """Return some slices without augmentation.

        Args:
            us: pool of the US slices.
            us_rows: ``(N,)``.
            mr: pool of the MR slices.
            mr_rows: ``(M,)``.

        Returns:
            The batch, on the device, with seed 0.
        """
        neighbours = self.settings.network.neighbours
        truth, matched, labels = us.truth if self.truth else None, us.matched, us.labels
        return Batch(
            us=self._copy(us.stored(us_rows.to(us.image.device), neighbours)).float(),
            mr=self._copy(mr.stored(mr_rows.to(mr.image.device))).float(),
            plane=self._take(us.plane, us_rows).long(),
            index=self._take(us.index, us_rows).long(),
            ga_weeks=self._take(us.ga_weeks, us_rows),
            mr_plane=self._take(mr.plane, mr_rows).long(),
            mr_index=self._take(mr.index, mr_rows).long(),
            truth=None if truth is None else self._take(truth, us_rows)[:, None].float(),
            matched=None if matched is None else self._take(matched, us_rows)[:, None].float(),
            labels=None if labels is None else self._take(labels, us_rows),
            seed=0,
        )

    def _take(self, values: Tensor, rows: Tensor) -> Tensor:
        return self._copy(values[rows.to(values.device)])

    def _copy(self, values: Tensor) -> Tensor:
        if values.device == self.device:
            return values
        return values.pin_memory().to(self.device, non_blocking=True)
