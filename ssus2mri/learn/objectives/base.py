"""The interface of an objective, and the adversarial terms that several of them share.

An objective owns its networks. Fakes are synthesised once a step: the generator's terms are
computed from them, then the discriminators' from the same fakes without gradient.
"""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from torch import Tensor, nn

from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.losses import discriminator_loss, generator_loss

Network = TypeVar("Network", bound=nn.Module)
Terms = dict[str, Tensor]
"""Loss terms by name."""
Pairs = dict[str, tuple[Tensor, Tensor]]
"""Real samples and fakes for each discriminator."""


class Objective(Protocol):
    """What the training loop needs of a method."""

    weights: dict[str, float]
    """Of the terms that are computed: none is 0."""
    helpers: nn.ModuleDict
    """Networks that are trained with the generator and not needed for inference."""
    discriminators: nn.ModuleDict
    memory: nn.ModuleDict
    """State that is kept from step to step beside the weights; it is not trained."""
    replayable: bool
    """Whether a step is the same for every batch: nothing is drawn or decided on the CPU."""

    @property
    def generator(self) -> nn.Module:
        """The network that `synthesize` needs."""

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the generator's terms, by the names of ``weights``, and pairs to judge."""

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute a loss for each discriminator, named ``d_`` and its term."""


class WithoutAdversary(Generic[Network]):
    """What objectives of a generator alone share: no discriminators, no helpers, nothing drawn."""

    replayable = True

    def __init__(self, generator: Network, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)
        self.generator = generator
        self.helpers, self.discriminators, self.memory = (nn.ModuleDict() for _ in range(3))

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Return nothing: there is no discriminator."""
        return {}


class WithAdversary(Generic[Network]):
    """What objectives with discriminators share.

    Args:
        generator: the network that `synthesize` needs.
        discriminators: one for each adversarial term with a weight.
        weights: of the terms to compute, none 0.
        adversarial: a form of `losses.discriminator_loss`.
        helpers: see `Objective`.
        memory: see `Objective`.
    """

    def __init__(
        self,
        generator: Network,
        discriminators: Mapping[str, nn.Module],
        *,
        weights: Mapping[str, float],
        adversarial: str,
        helpers: Mapping[str, nn.Module] | None = None,
        memory: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.weights = dict(weights)
        self.generator = generator
        self.helpers = nn.ModuleDict(helpers)
        self.discriminators = nn.ModuleDict(discriminators)
        self.memory = nn.ModuleDict(memory)
        self.adversarial = adversarial

    def fool(self, pairs: Pairs) -> Terms:
        """Compute the generator's adversarial terms; discriminators get no gradient from them."""
        self.discriminators.requires_grad_(False)
        terms = {
            name: generator_loss(self.adversarial, self.discriminators[name](fake))
            for name, (_, fake) in pairs.items()
        }
        self.discriminators.requires_grad_(True)
        return terms

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute the discriminators' losses; see `Objective`."""
        return {
            f"d_{name}": discriminator_loss(
                self.adversarial, self.discriminators[name](real), self.discriminators[name](fake)
            )
            for name, (real, fake) in pairs.items()
        }


def detach(pairs: Pairs) -> Pairs:
    """Return real samples and fakes without their gradient."""
    return {name: (real.detach(), fake.detach()) for name, (real, fake) in pairs.items()}


def in_order(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Terms:
    """Return the terms in the order of the weights."""
    return {name: terms[name] for name in weights}
