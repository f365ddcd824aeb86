"""Blend what a network sees of a volume with the average head of its age in the same shape.

Their errors differ: a network errs where the ultrasound shows little, a deformed head where this
one is unlike others. An average head knows no pathology, so it hardly takes fluid or a lesion away
that the network sees.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ssus2mri.config.predict import BlendSettings
from ssus2mri.prediction.average import average_head, deform
from ssus2mri.tissues import LESIONS, SHOWN, Tissue

KEPT = (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS, *LESIONS)
"""Tissues that an average head hardly takes away: of wide ventricles and lesions."""
_ROWS = [SHOWN.index(tissue) for tissue in KEPT]
_LEAST = 1e-3  # of the network's probabilities, before their logarithm is taken


@dataclass(frozen=True)
class Seen:
    """What a network sees, in atlas space; float32 ``(..., Z, Y, X)``, of a plane one slice.

    ``mr``, MR in [0, 1]; ``spread``, its expected absolute error; ``tissue (K, ...)``,
    probabilities of `SHOWN`, no rows if it knows none.
    """

    mr: Tensor
    spread: Tensor
    tissue: Tensor


def brain_share(tissue: Tensor) -> Tensor:
    """Return the probability of brain, 0 to 1, from those of `SHOWN`."""
    outside = [number for number, name in enumerate(SHOWN) if name.name in ("BACKGROUND", "SKULL")]
    return (1 - tissue[outside].sum(0)).clamp(0, 1)


def blend(seen: Seen, ga_weeks: float, *, spacing_mm: float, settings: BlendSettings) -> Seen:
    """Blend what a network sees of a volume with the average head of its age.

    Args:
        seen: by the network, on a cubic grid.
        ga_weeks: gestational age, weeks.
        spacing_mm: edge of a voxel.
        settings: section ``predict.blend``.

    Returns:
        Both together; ``spread`` as it was.
    """
    brain = brain_share(seen.tissue) > 0.5
    average = deform(
        average_head(ga_weeks),
        (seen.mr * brain).numpy(),
        brain.numpy(),
        spacing_mm=spacing_mm,
        settings=settings.ffd,
    )
    shares = torch.from_numpy(average.tissue)
    return Seen(
        torch.lerp(seen.mr, torch.from_numpy(average.mr), mr_weight(seen.tissue, shares, settings)),
        seen.spread,
        blended_tissue(seen.tissue, shares, settings),
    )


def mr_weight(tissue: Tensor, average: Tensor, settings: BlendSettings) -> Tensor:
    """Return the weight of the average head's MR: none where it lacks fluid or a lesion.

    Args:
        tissue: ``(K, ...)``, the network's probabilities.
        average: the same, shares of tissues in the average head.
        settings: section ``predict.blend``.
    """
    lacking = (tissue[_ROWS].sum(0) - average[_ROWS].sum(0)).clamp(0, 1)
    return settings.mr_weight * (1 - lacking)


def blended_tissue(tissue: Tensor, average: Tensor, settings: BlendSettings) -> Tensor:
    """Multiply probabilities by powers of the average head's, and scale their sum to 1.

    Args:
        tissue: ``(K, ...)``, the network's probabilities.
        average: the same, shares of tissues in the average head.
        settings: section ``predict.blend``.
    """
    share = average + settings.least_share
    share[_ROWS] = torch.maximum(share[_ROWS], settings.kept_share * share.amax(0, keepdim=True))
    prior = share.log()
    return (tissue.clamp(min=_LEAST).log() + settings.tissue_power * prior).softmax(0)
