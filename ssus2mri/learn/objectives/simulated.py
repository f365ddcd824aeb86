"""The objective for simulated scans: true MR, tissues, and the expected error of the MR."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.errors import InputError
from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.losses import reconstruction_loss
from ssus2mri.learn.objectives.base import Pairs, Terms, WithoutAdversary, in_order
from ssus2mri.models.generator import Generator
from ssus2mri.tissues import LESIONS, SHOWN, SHOWN_NUMBERS

_SIGMA_PX, _RADIUS_PX = 1.5, 5
_K1, _K2 = 0.01, 0.03
_LOG_LEAST = -5.0  # of the spread: under a grey level of 8 bits
_LESION_WEIGHT = 30.0  # of a pixel, which is rare and faint; not stated in the source


class SimulatedObjective(WithoutAdversary[Generator]):
    """Supervised terms `truth`, `ssim`, `tissue` and `spread`; only for simulated scans.

    Not in the source, which has no true MR.
    """

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms; see `Objective`.

        Raises:
            InputError: the batch has no truth or no labels.
        """
        if batch.truth is None or batch.labels is None:
            raise InputError(
                "method `simulated`",
                expected="ultrasound slices whose true MR and tissues are known",
                found="none",
                do="Train it on simulated volumes, or leave this run out.",
            )
        forward = self.generator.translate(batch.us, batch.place, reconstruct=False)
        assert forward.tissue is not None
        assert forward.log_spread is not None
        terms = {
            "truth": reconstruction_loss(forward.mr, batch.truth),
            "ssim": ssim_loss(forward.mr, batch.truth),
            "tissue": tissue_loss(forward.tissue, channels(batch.labels)),
            "spread": spread_loss(forward.log_spread, forward.mr, batch.truth),
        }
        return in_order(terms, self.weights), {}


def channels(labels: Tensor) -> Tensor:
    """Return the network's channel of every label.

    Args:
        labels: ``(N, H, W)``, `Tissue`.

    Returns:
        int64, same shape: positions in `SHOWN`.
    """
    return torch.tensor(SHOWN_NUMBERS, device=labels.device)[labels.long()]


def ssim_loss(output: Tensor, target: Tensor) -> Tensor:
    """Compute 1 - SSIM, as `ssus2mri.measures.ssim` defines it, over whole slices.

    Args:
        output: ``(N, 1, H, W)``.
        target: the same shape, in [0, 1].

    Returns:
        A number, 0 for equal slices.
    """
    rows, columns = (_blurring(size).to(output.device, torch.float32) for size in output.shape[-2:])

    def blurred(values: Tensor) -> Tensor:
        return rows @ values @ columns.T

    with torch.autocast(output.device.type, enabled=False):
        a, b = output.float(), target.float()
        means = blurred(torch.cat([a, b, a * a, b * b, a * b], dim=0)).chunk(5)
        mean_a, mean_b, square_a, square_b, product = means
        covariance = product - mean_a * mean_b
        variances = square_a - mean_a**2 + square_b - mean_b**2
        luminance = (2 * mean_a * mean_b + _K1**2) / (mean_a**2 + mean_b**2 + _K1**2)
        return 1 - (luminance * (2 * covariance + _K2**2) / (variances + _K2**2)).mean()


def _blurring(size: int) -> Tensor:
    """Return the matrix that blurs a line, mirrored at its ends: multiplying is quickest."""
    place = torch.arange(-_RADIUS_PX, _RADIUS_PX + 1)
    line = torch.exp(-0.5 * (place / _SIGMA_PX) ** 2)
    sources = (torch.arange(size)[:, None] + place).abs()
    sources = (size - 1) - ((size - 1) - sources).abs()
    weights = (line / line.sum()).expand(size, -1)
    return torch.zeros(size, size).scatter_add_(1, sources, weights)


def tissue_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the cross-entropy, and 1 - the overlap (Dice) averaged over the tissues there are.

    The overlap makes a cavum of few pixels count as much as the white matter; cysts and bleeds
    have a weight of their own in the cross-entropy.

    Args:
        logits: ``(N, K, H, W)``.
        target: ``(N, H, W)``, 0 to K - 1.

    Returns:
        A number, the sum of both.
    """
    shares = logits.float().softmax(dim=1)
    true = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(shares.dtype)
    common, total = (shares * true).sum((0, 2, 3)), (shares + true).sum((0, 2, 3))
    present = true.sum((0, 2, 3)) > 0
    overlap = (2 * common / total.clamp(min=1.0))[present].mean()
    weights = torch.ones(logits.shape[1], device=logits.device)
    weights[[SHOWN.index(tissue) for tissue in LESIONS]] = _LESION_WEIGHT
    return F.cross_entropy(logits.float(), target, weights) + 1 - overlap


def spread_loss(log_spread: Tensor, output: Tensor, target: Tensor) -> Tensor:
    """Compute the negative log-likelihood of the error under a Laplace distribution.

    The error counts as given: the term teaches how large errors are, not to make them smaller.
    It is counted where the true MR shows anything.

    Args:
        log_spread: ``(N, 1, H, W)``, log of the distribution's scale, the mean absolute error.
        output: the same shape, synthetic MR.
        target: the same shape, true MR.
    """
    error = (output.detach() - target).abs()
    bounded = log_spread.float().clamp(min=_LOG_LEAST)
    inside = (target > 0).to(bounded.dtype)
    likelihood = error * torch.exp(-bounded) + bounded
    return (likelihood * inside).sum() / inside.sum().clamp(min=1.0)
