"""What a run minimises: a US and an MR batch in, named loss terms out.

An objective owns its networks. Fakes are made once a step: the generator's terms are computed on
them, then the discriminators' on the same fakes without gradient.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from ssus2mri.learn.losses import (
    ADVERSARIAL_TERMS,
    TERMS,
    discriminator_loss,
    generator_loss,
    reconstruction_loss,
)
from ssus2mri.models.baselines import Autoencoder
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator

Terms = dict[str, Tensor]
Pairs = dict[str, tuple[Tensor, Tensor]]
"""Real and fake samples for each discriminator, without gradient."""


class Objective(Protocol):
    """How the training loop sees a method."""

    weights: dict[str, float]
    """Of the terms that are computed: none is 0."""
    discriminators: nn.ModuleDict

    @property
    def generator(self) -> nn.Module:
        """The network that `synthesize` needs."""

    def generator_terms(self, us: Tensor, mr: Tensor) -> tuple[Terms, Pairs]:
        """Compute the generator's terms, by the names of ``weights``, and pairs to judge."""

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute a loss for each discriminator, named ``d_`` and its term."""


def active(weights: Mapping[str, float]) -> dict[str, float]:
    """Drop the weights that are 0.

    Args:
        weights: one per name in `losses.TERMS`.

    Returns:
        Those above 0, in the order of `losses.TERMS`.

    Raises:
        ValueError: a name is missing or unknown.
    """
    if set(weights) != set(TERMS):
        raise ValueError(f"weights {sorted(weights)}: expected exactly {sorted(TERMS)}")
    return {name: weights[name] for name in TERMS if weights[name] > 0}


class SynthesisObjective:
    """All terms of the method; a term without weight is not computed, nor its network made.

    Source: TMI 2020, Sec. III-C.2, Eqs. 2-10.

    Args:
        generator: with the decoders and the backward path that the terms need.
        discriminators: one for each adversarial term with a weight.
        edges: EdgeNet.
        weights: names as in `losses.TERMS`.
        adversarial: a form of `losses.discriminator_loss`.
    """

    def __init__(
        self,
        generator: Generator,
        discriminators: dict[str, Discriminator],
        edges: EdgeNet,
        *,
        weights: Mapping[str, float],
        adversarial: str,
    ) -> None:
        self.weights = active(weights)
        if set(discriminators) != set(self.weights) & set(ADVERSARIAL_TERMS):
            raise ValueError(f"discriminators {sorted(discriminators)} do not fit {self.weights}")
        self.generator = generator
        self.discriminators = nn.ModuleDict(discriminators)
        self.edges = edges
        self.adversarial = adversarial

    def generator_terms(self, us: Tensor, mr: Tensor) -> tuple[Terms, Pairs]:
        """Compute the generator's terms.

        Args:
            us: ``(N, 1, H, W)`` in [0, 1].
            mr: ``(M, 1, H, W)`` in [0, 1], of other subjects.

        Returns:
            The terms with a weight, and what the discriminators have to judge.
        """
        wanted = self.weights
        forward = self.generator.translate(us, reconstruct="lat" in wanted)
        terms: Terms = {}
        judged: dict[str, tuple[Tensor, Tensor]] = {}
        if forward.us is not None:
            terms["lat"] = reconstruction_loss(forward.us, us)
        if "app" in wanted:
            judged["app"] = mr, forward.mr
        if "stru" in wanted:
            judged["stru"] = self.edges(mr), self.edges(forward.mr)
        if needs_back(wanted):
            us_back, latent_back = self.generator.infer_back(forward.mr)
            if "proj" in wanted:
                terms["proj"] = reconstruction_loss(us_back, us)
            if "back_app" in wanted:
                judged["back_app"] = us, us_back
            if "bi" in wanted:
                judged["bi"] = forward.latent, latent_back
        self.discriminators.requires_grad_(False)  # the generator's step leaves them alone
        for name, (_, fake) in judged.items():
            terms[name] = generator_loss(self.adversarial, self.discriminators[name](fake))
        self.discriminators.requires_grad_(True)
        pairs = {name: (real.detach(), fake.detach()) for name, (real, fake) in judged.items()}
        return {name: terms[name] for name in wanted}, pairs

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute the discriminators' losses; see `Objective`."""
        return {
            f"d_{name}": discriminator_loss(
                self.adversarial, self.discriminators[name](real), self.discriminators[name](fake)
            )
            for name, (real, fake) in pairs.items()
        }


class AutoencoderObjective:
    """L1 between slices of both modalities and their reconstruction, named `lat`.

    Source: TMI 2020, Sec. IV-B, "AE".
    """

    def __init__(self, generator: Autoencoder) -> None:
        self.weights = {"lat": 1.0}
        self.generator = generator
        self.discriminators = nn.ModuleDict()

    def generator_terms(self, us: Tensor, mr: Tensor) -> tuple[Terms, Pairs]:
        """Compute the term; see `Objective`."""
        images = torch.cat([us, mr])
        return {"lat": reconstruction_loss(self.generator.reconstruct(images), images)}, {}

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Return nothing: there is no discriminator."""
        return {}


def needs_back(weights: Mapping[str, float]) -> bool:
    """Tell whether a term needs the backward path."""
    return any(weights.get(name, 0) > 0 for name in ("proj", "back_app", "bi"))
