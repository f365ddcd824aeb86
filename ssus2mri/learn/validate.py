"""Validation of an epoch: losses, the criterion, and likeness to the truth if there is one."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.criterion import Criterion
from ssus2mri.learn.data.batches import Batches
from ssus2mri.learn.data.pool import spread
from ssus2mri.learn.ema import swapped_weights
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.learn.objectives.base import Objective
from ssus2mri.measures import psnr, ssim
from ssus2mri.models.blocks import middle

Row = dict[str, float]


class Validation:
    """Validates on slices that are chosen once, evenly spread.

    Args:
        batches: with the validation slices; without validation MR, training MR is used.
        settings: of the run.
    """

    def __init__(self, batches: Batches, settings: TrainSettings) -> None:
        self.batches, self.settings = batches, settings
        us, device = batches.val_us, batches.device
        self.mr = batches.val_mr if len(batches.val_mr) else batches.mr
        self.rows = spread(len(us), settings.validation_slices)
        self.mr_rows = torch.arange(len(self.rows)) * len(self.mr) // max(len(self.rows), 1)
        if not len(self.rows):
            return
        rows = self.rows.to(us.image.device)
        images = us.images(rows, settings.network.neighbours)
        places = us.plane[rows], us.index[rows], us.ga_weeks[rows]
        self.inputs = tuple(tensor.to(device) for tensor in (images, *places))
        self.us = middle(self.inputs[0])
        self.truth = None if us.truth is None else us.truth[rows].float().cpu().numpy()
        self.matched = None if us.matched is None else us.matched[rows].float().to(device)
        assert us.head is not None, "`dataset.load` reads it for validation"
        head = us.head[rows].to(device)
        self.head = head | ~head.flatten(1).any(1)[:, None, None]  # without a head: everywhere
        self.criterion = Criterion(
            settings.criterion, batches.mr, places[0], places[1], self.head, seed=settings.seed
        )

    def __call__(self, objective: Objective, average: nn.Module) -> Row:
        """Validate.

        Args:
            objective: its networks are restored afterwards.
            average: the generator's average weights, which `synthesize` will use.

        Returns:
            Means of all terms by name, then the parts of the criterion and their sum (see
            `Criterion`), and if there is a truth ``truth_ssim`` and ``truth_psnr``; empty without
            validation US.
        """
        if not len(self.rows):
            return {}
        with swapped_weights(objective, average):
            sums = self._terms(objective)
            synthetic = self._synthesize(objective.generator)
        judged = self.criterion.judge(synthetic, self.us, self.matched)
        return {**sums, **judged, **self._truth(synthetic)}

    def _terms(self, objective: Objective) -> Row:
        size, sums = self.settings.batch_size, Row()
        for us_rows, mr_rows in zip(self.rows.split(size), self.mr_rows.split(size), strict=True):
            batch = self.batches.plain(self.batches.val_us, us_rows, self.mr, mr_rows)
            with self._precision():
                terms, pairs = objective.generator_terms(batch)
                terms = {**terms, **objective.discriminator_terms(pairs)}
            values = torch.stack([value.float() for value in terms.values()]).tolist()
            for name, value in zip(terms, values, strict=True):
                sums[name] = sums.get(name, 0.0) + value * len(us_rows) / len(self.rows)
        return sums

    def _synthesize(self, model: nn.Module) -> Tensor:
        size, parts = self.settings.batch_size, []
        for inputs in zip(*(tensor.split(size) for tensor in self.inputs), strict=True):
            with self._precision():
                parts.append(model(*inputs).mr.float())
        return torch.cat(parts).clamp(0, 1)

    def _truth(self, synthetic: Tensor) -> Row:
        if self.truth is None:
            return {}
        heads = self.head.cpu().numpy()
        slices = zip(synthetic[:, 0].cpu().numpy() * heads, self.truth, heads, strict=True)
        values = np.array([(ssim(*arrays), psnr(*arrays)) for arrays in slices])
        return dict(zip(("truth_ssim", "truth_psnr"), values.mean(axis=0).tolist(), strict=True))

    def _precision(self) -> AbstractContextManager[None]:
        return mixed_precision(self.batches.device, wanted=self.settings.mixed_precision)
