"""The method: reconstruction, appearance, structure, the way back and the latents."""

from collections.abc import Collection, Mapping

from torch import nn

from ssus2mri.config.learn import TERMS
from ssus2mri.learn.data.dataset import Batch
from ssus2mri.learn.losses import (
    ADVERSARIAL_TERMS,
    position_loss,
    reconstruction_loss,
)
from ssus2mri.learn.objectives import Pairs, Terms, cut_off, fool, in_order, judge
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator
from ssus2mri.models.locator import scale
from ssus2mri.slices import SAGITTAL


class SynthesisObjective:
    """All terms of the method; a term without weight is not computed, nor its network made.

    Source: TMI 2020, Sec. III-C.2, Eqs. 2-10; Sec. III-D for `index`; `match` is not in it.

    Args:
        generator: with the decoders, the backward path and the locator that the terms need.
        discriminators: one for each adversarial term with a weight.
        edges: EdgeNet.
        weights: of the terms to compute, none 0.
        adversarial: a form of `losses.discriminator_loss`.

    Raises:
        ValueError: a term that is not of this method, or discriminators of other terms.
    """

    replayable = True

    def __init__(
        self,
        generator: Generator,
        discriminators: dict[str, Discriminator],
        edges: EdgeNet,
        *,
        weights: Mapping[str, float],
        adversarial: str,
    ) -> None:
        if not set(weights) <= set(TERMS["synthesis"]):
            raise ValueError(f"weights {sorted(weights)}: known are {TERMS['synthesis']}")
        if set(discriminators) != set(weights) & set(ADVERSARIAL_TERMS):
            raise ValueError(f"discriminators {sorted(discriminators)} do not fit {weights}")
        self.weights = dict(weights)
        self.generator = generator
        self.helpers = nn.ModuleDict()
        self.discriminators = nn.ModuleDict(discriminators)
        self.memory = nn.ModuleDict()
        self.edges = edges
        self.adversarial = adversarial

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms with a weight; see `Objective`."""
        wanted, us, mr = self.weights, batch.slice, batch.mr
        forward = self.generator.translate(batch.us, reconstruct="lat" in wanted)
        terms: Terms = {}
        judged: Pairs = {}
        if forward.us is not None:
            terms["lat"] = reconstruction_loss(forward.us, us)
        if "app" in wanted:
            judged["app"] = mr, forward.mr
        if "stru" in wanted:
            judged["stru"] = self.edges(mr), self.edges(forward.mr)
        if needs_back(wanted):
            us_back, latent_back = self.generator.infer_back(forward.mr)
            if us_back is not None and "proj" in wanted:
                terms["proj"] = reconstruction_loss(us_back, us)
            if us_back is not None and "back_app" in wanted:
                judged["back_app"] = us, us_back
            if "bi" in wanted:
                judged["bi"] = forward.latent, latent_back
        if forward.position is not None:
            place = scale(batch.plane, batch.index, us.shape[-1])
            # The order of neighbouring slices tells the side.
            either_side = (batch.plane == SAGITTAL) & (batch.us.shape[1] == 1)
            terms["index"] = position_loss(forward.position, place, either_side)
        if "match" in wanted:
            assert batch.matched is not None, "`dataset.load` keeps it for this term"
            terms["match"] = reconstruction_loss(forward.mr, batch.matched)
        terms |= fool(self.adversarial, self.discriminators, judged)
        return in_order(terms, wanted), cut_off(judged)

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute the discriminators' losses; see `Objective`."""
        return judge(self.adversarial, self.discriminators, pairs)


def needs_back(terms: Collection[str]) -> bool:
    """Tell whether a term needs the backward path."""
    return "bi" in terms or needs_us_back(terms)


def needs_us_back(terms: Collection[str]) -> bool:
    """Tell whether a term needs the ultrasound that the backward path infers."""
    return not {"proj", "back_app"}.isdisjoint(terms)
