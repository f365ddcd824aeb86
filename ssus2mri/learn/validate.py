"""What an epoch gets on the validation slices: losses, the criterion, and the truth if known."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.criterion import Criterion
from ssus2mri.learn.data.batches import Feed
from ssus2mri.learn.data.dataset import spread
from ssus2mri.learn.ema import lent
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.learn.objectives import Objective
from ssus2mri.models.blocks import middle

Row = dict[str, float]


class Validation:
    """Slices to validate on, chosen once and evenly.

    Args:
        feed: with the validation slices; where there is no validation MR, training MR is judged.
        settings: of the run.
    """

    def __init__(self, feed: Feed, settings: TrainSettings) -> None:
        self.feed, self.settings = feed, settings
        us, device = feed.val_us, feed.device
        self.mr = feed.val_mr if len(feed.val_mr) else feed.mr
        self.rows = spread(len(us), settings.validation_slices)
        self.mr_rows = torch.arange(len(self.rows)) * len(self.mr) // max(len(self.rows), 1)
        if not len(self.rows):
            return
        rows = self.rows.to(us.image.device)
        given = us.images(rows, settings.network.neighbours)
        places = us.plane[rows], us.index[rows], us.ga_weeks[rows]
        self.inputs = tuple(one.to(device) for one in (given, *places))
        self.us = middle(self.inputs[0])
        self.truth = None if us.truth is None else us.truth[rows].float().cpu().numpy()
        self.matched = None if us.matched is None else us.matched[rows].float().to(device)
        assert us.head is not None, "`dataset.load` keeps it for validation"
        head = us.head[rows].to(device)
        self.head = head | ~head.flatten(1).any(1)[:, None, None]  # an empty one: everywhere
        self.criterion = Criterion(
            settings.criterion, feed.mr, places[0], places[1], self.head, seed=settings.seed
        )

    def __call__(self, objective: Objective, average: nn.Module) -> Row:
        """Validate.

        Args:
            objective: its networks are as they were afterwards.
            average: the generator's average weights, which are what `synthesize` gets.

        Returns:
            Means of all terms by name, then the parts of the criterion and their sum (see
            `Criterion`), and where the truth is known ``truth_ssim`` and ``truth_psnr``; empty
            without validation US.
        """
        if not len(self.rows):
            return {}
        with lent(objective, average):
            sums = self._terms(objective)
            made = self._synthesize(objective.generator)
        judged = self.criterion.judge(made, self.us, self.matched)
        return {**sums, **judged, **self._truth(made)}

    def _terms(self, objective: Objective) -> Row:
        size, sums = self.settings.batch_size, Row()
        batches = zip(self.rows.split(size), self.mr_rows.split(size), strict=True)
        for us, mr in batches:
            batch = self.feed.plain(self.feed.val_us, us, self.mr, mr)
            with self._precision():
                terms, pairs = objective.generator_terms(batch)
                terms = {**terms, **objective.discriminator_terms(pairs)}
            values = torch.stack([value.float() for value in terms.values()]).tolist()
            for name, value in zip(terms, values, strict=True):
                sums[name] = sums.get(name, 0.0) + value * len(us) / len(self.rows)
        return sums

    def _synthesize(self, model: nn.Module) -> Tensor:
        parts = []
        for given in zip(
            *(one.split(self.settings.batch_size) for one in self.inputs), strict=True
        ):
            with self._precision():
                parts.append(model(*given).mr.float())
        return torch.cat(parts).clamp(0, 1)

    def _truth(self, made: Tensor) -> Row:
        if self.truth is None:
            return {}
        slices = zip(made[:, 0].cpu().numpy(), self.truth, self.head.cpu().numpy(), strict=True)
        found = np.array([likeness(*one) for one in slices])
        return dict(zip(("truth_ssim", "truth_psnr"), found.mean(axis=0).tolist(), strict=True))

    def _precision(self) -> AbstractContextManager[None]:
        return mixed_precision(self.feed.device, wanted=self.settings.mixed_precision)


def likeness(
    made: NDArray[np.float32], truth: NDArray[np.float32], head: NDArray[np.bool_]
) -> tuple[float, float]:
    """Compare a synthetic slice with the truth, as `compare` does with its default constants.

    Args:
        made: ``(H, W)`` in [0, 1].
        truth: ``(H, W)`` in [0, 1].
        head: ``(H, W)``, at least one pixel.

    Returns:
        SSIM (Wang et al. 2004) and PSNR in dB (at most 100), both within the head.
    """
    made = made * head
    _, everywhere = structural_similarity(
        made,
        truth,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    error = max(float(((made - truth)[head] ** 2).mean()), 1e-10)
    return float(everywhere[head].mean()), -10 * float(np.log10(error))
