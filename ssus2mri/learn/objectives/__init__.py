"""What a run minimises: a batch in, named loss terms out; a module a method.

An objective owns its networks. Fakes are made once a step: the generator's terms are computed on
them, then the discriminators' on the same fakes without gradient.
"""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from ssus2mri.learn.data.dataset import Batch
from ssus2mri.learn.losses import discriminator_loss, generator_loss

Terms = dict[str, Tensor]
Pairs = dict[str, tuple[Tensor, Tensor]]
"""Real and fake samples for each discriminator."""


class Objective(Protocol):
    """How the training loop sees a method."""

    weights: dict[str, float]
    """Of the terms that are computed: none is 0."""
    helpers: nn.ModuleDict
    """Networks that learn with the generator and are not needed afterwards."""
    discriminators: nn.ModuleDict
    memory: nn.ModuleDict
    """What lasts from step to step beside the weights; nothing in it is learnt."""
    replayable: bool
    """Whether a step is the same for every batch: nothing is drawn or decided on the CPU."""

    @property
    def generator(self) -> nn.Module:
        """The network that `synthesize` needs."""

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the generator's terms, by the names of ``weights``, and pairs to judge."""

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute a loss for each discriminator, named ``d_`` and its term."""


def fool(form: str, discriminators: nn.ModuleDict, judged: Pairs) -> Terms:
    """Compute the generator's adversarial terms; their gradient leaves discriminators alone.

    Args:
        form: of the adversarial loss.
        discriminators: one for every pair.
        judged: real samples and fakes with their gradient.

    Returns:
        Terms by the names of the pairs.
    """
    discriminators.requires_grad_(False)
    terms = {
        name: generator_loss(form, discriminators[name](fake)) for name, (_, fake) in judged.items()
    }
    discriminators.requires_grad_(True)
    return terms


def judge(form: str, discriminators: nn.ModuleDict, pairs: Pairs) -> Terms:
    """Compute the discriminators' terms; see `Objective.discriminator_terms`."""
    return {
        f"d_{name}": discriminator_loss(
            form, discriminators[name](real), discriminators[name](fake)
        )
        for name, (real, fake) in pairs.items()
    }


def cut_off(judged: Pairs) -> Pairs:
    """Drop the gradient of real samples and fakes."""
    return {name: (real.detach(), fake.detach()) for name, (real, fake) in judged.items()}


def in_order(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Terms:
    """Give the terms in the order of the weights."""
    return {name: terms[name] for name in weights}
