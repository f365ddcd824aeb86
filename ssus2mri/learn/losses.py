"""The loss terms, by name.

| name | source | what it compares |
|---|---|---|
| `lat` | TMI 2020, Eq. 3 | reconstructed US with the US, L1 |
| `app` | Eq. 4 | synthetic with real MR, adversarial |
| `stru` | Eq. 5 | edges of synthetic with edges of real MR, adversarial |
| `proj` | Eq. 7 | back-inferred US with the US, L1 |
| `back_app` | Eq. 8 | back-inferred US with real US, adversarial |
| `bi` | Eq. 9 | latent of encoder D with latent of encoder A, adversarial |
| `index` | Sec. III-D | predicted with true position, L1; a single sagittal slice: either side |
| `match` | none | synthetic with training MR deformed onto the head, L1 |
| `cycle` | Zhu et al. 2017, Eq. 2 | images translated there and back with themselves, L1 |
| `identity` | Zhu et al. 2017, Sec. 5.2 | images translated to their own modality, the same, L1 |
| `nce` | Park et al. 2020, Eq. 3 | patches of synthetic MR with patches of the US, contrast |
| `nce_identity` | Park et al. 2020, Eq. 4 | patches of MR translated to MR with its own, contrast |
| `truth` | none | synthetic with true MR, L1 |

An adversarial loss is computed for each place of the discriminator's map and averaged: for the
linear part of a loss that is the mean score of Table I, and every place has a gradient.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ssus2mri.errors import InputError
from ssus2mri.models.blocks import pick

ADVERSARIAL_TERMS = ("app", "stru", "back_app", "bi")


def _lsgan(scores: Tensor, real: bool) -> Tensor:
    return ((scores - float(real)) ** 2).mean()


def _bce(scores: Tensor, real: bool) -> Tensor:
    return F.softplus(-scores if real else scores).mean()


def _hinge(scores: Tensor, real: bool) -> Tensor:
    return F.relu(1.0 - scores if real else 1.0 + scores).mean()


_JUDGE: dict[str, Callable[[Tensor, bool], Tensor]] = {
    "lsgan": _lsgan,
    "bce": _bce,
    "hinge": _hinge,
}


def discriminator_loss(form: str, real: Tensor, fake: Tensor) -> Tensor:
    """Compute the loss of a discriminator: real should score high, fake low.

    Source: TMI 2020, Sec. III-C.1, whose form is `bce`. Eqs. 4, 5, 8 and 9 print the first term
    without its logarithm, which Sec. III-C.1 has, as here. The mean of both halves is taken.

    Args:
        form: ``lsgan``, ``bce`` or ``hinge``.
        real: scores of real samples, any shape, unbounded.
        fake: scores of fakes.
    """
    judge = pick(_JUDGE, form, "adversarial form")
    return (judge(real, True) + judge(fake, False)) / 2


def generator_loss(form: str, fake: Tensor) -> Tensor:
    """Compute the adversarial loss of the generator: its fakes should score high.

    Source: TMI 2020, Eqs. 4, 5, 8, 9. The source minimises log(1 - D); `bce` maximises log D
    instead (non-saturating: same fixed point, a gradient from the first step).

    Args:
        form: ``lsgan``, ``bce`` or ``hinge``.
        fake: scores of fakes, any shape.
    """
    judge = pick(_JUDGE, form, "adversarial form")
    return -fake.mean() if form == "hinge" else judge(fake, True)


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute difference. Source: TMI 2020, Eqs. 3 and 7.

    Args:
        output: ``(N, 1, H, W)``.
        target: the same shape, in [0, 1].
    """
    return F.l1_loss(output, target)


def position_loss(predicted: Tensor, place: Tensor, either_side: Tensor) -> Tensor:
    """Compute the mean absolute difference of predicted and true positions.

    Source: TMI 2020, Sec. III-D. A single sagittal slice looks like its mirror image on the other
    side of the midline: an L1 loss of its index is least anywhere between the two. For such slices
    the nearer of both counts; not stated in the source.

    Args:
        predicted: ``(N, 2)``, plane and index, scaled by `locator.scale`.
        place: the same, true.
        either_side: ``(N,)`` bool, true for slices whose side is ambiguous.
    """
    miss = (predicted - place).abs()
    mirrored = (predicted[:, 1] - (1 - place[:, 1])).abs()
    nearer = torch.where(either_side, torch.minimum(miss[:, 1], mirrored), miss[:, 1])
    return (miss[:, 0].mean() + nearer.mean()) / 2


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Compute the cross-entropy of identifying the key of every query among all of its image.

    Source: Park et al., ECCV 2020, Eqs. 2 and 3; the mean over places and images is taken.

    Args:
        query: ``(N, P, F)``, unit-length features of the output at P places.
        key: features of the input at the same places.
        temperature: of the softmax.

    Returns:
        A number: 0 where every query has its own key only, log P where all keys are alike.
    """
    with torch.autocast(query.device.type, enabled=False):  # the softmax magnifies rounding
        similarity = query.float() @ key.float().mT / temperature  # (N, P, P)
    own = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
    return F.cross_entropy(similarity.flatten(0, 1), own.flatten())


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Add up loss terms. Source: TMI 2020, Eqs. 2, 6, 10.

    Raises:
        ValueError: the names differ.
    """
    if set(terms) != set(weights):
        raise ValueError(
            f"terms {sorted(terms)} and weights {sorted(weights)} must have the same names"
        )
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum()


def require_finite(values: Mapping[str, float], step: int) -> None:
    """Stop when a loss is not a finite number.

    Raises:
        InputError: naming the terms and the step.
    """
    bad = [name for name, value in values.items() if not abs(value) < float("inf")]
    if bad:
        raise InputError(
            f"loss `{', '.join(bad)}` at step {step}",
            expected="a finite number",
            found=", ".join(str(values[name]) for name in bad),
            do="Lower `train.learning_rate`, or try another `train.network.norm` or"
            " `train.adversarial`.",
        )
