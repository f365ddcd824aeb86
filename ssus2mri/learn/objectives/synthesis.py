"""The method: reconstruction, appearance, structure, the backward path and the latents."""

from collections.abc import Mapping

from torch import Tensor

from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.generators import needs_back
from ssus2mri.learn.losses import ADVERSARIAL_TERMS, position_loss, reconstruction_loss
from ssus2mri.learn.objectives.base import Pairs, Terms, WithAdversary, detach, in_order
from ssus2mri.methods import METHODS
from ssus2mri.models.discriminator import Discriminator, with_place
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator
from ssus2mri.models.locator import scale
from ssus2mri.slices import SAGITTAL


class SynthesisObjective(WithAdversary[Generator]):
    """All terms of the method; a term without weight costs no computation and no network.

    Source: TMI 2020, Sec. III-C.2, Eqs. 2-10; Sec. III-D for `index`; `match` is not in the source.

    Args:
        generator: with the decoders, the backward path and the locator that the terms need.
        edges: EdgeNet.
        place: whether discriminators of images and edges are told plane and index.

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
        place: bool = False,
    ) -> None:
        terms = METHODS["synthesis"].terms
        if not set(weights) <= set(terms):
            raise ValueError(f"weights {sorted(weights)}: the terms are {terms}")
        if set(discriminators) != set(weights) & set(ADVERSARIAL_TERMS):
            raise ValueError(f"discriminators {sorted(discriminators)} do not fit {weights}")
        super().__init__(generator, discriminators, weights=weights, adversarial=adversarial)
        self.edges = edges
        self.place = place

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms with a weight; see `Objective`."""
        weights, us, mr = self.weights, batch.slice, batch.mr
        forward = self.generator.translate(batch.us, batch.place, reconstruct="lat" in weights)
        terms: Terms = {}
        pairs: Pairs = {}
        if forward.us is not None:
            terms["lat"] = reconstruction_loss(forward.us, us)
        if "app" in weights:
            pairs["app"] = self._real(mr, batch), self._fake(forward.mr, batch)
        if "stru" in weights:
            edges = self.edges(mr), self.edges(forward.mr)
            pairs["stru"] = self._real(edges[0], batch), self._fake(edges[1], batch)
        if needs_back(weights):
            us_back, latent_back = self.generator.infer_back(forward.mr)
            if us_back is not None and "proj" in weights:
                terms["proj"] = reconstruction_loss(us_back, us)
            if us_back is not None and "back_app" in weights:
                pairs["back_app"] = self._fake(us, batch), self._fake(us_back, batch)
            if "bi" in weights:
                pairs["bi"] = forward.latent, latent_back
        if forward.position is not None:
            place = scale(batch.plane, batch.index, us.shape[-1])
            # Neighbouring slices show on which side of the midline it is, by their order.
            either_side = (batch.plane == SAGITTAL) & (batch.us.shape[1] == 1)
            terms["index"] = position_loss(forward.position, place, either_side)
        if "match" in weights:
            assert batch.matched is not None, "`dataset.load` reads it for this term"
            terms["match"] = reconstruction_loss(forward.mr, batch.matched)
        terms |= self.fool(pairs)
        return in_order(terms, weights), detach(pairs)

    def _real(self, images: Tensor, batch: Batch) -> Tensor:
        """Return images of training MR as a discriminator sees them."""
        return with_place(images, batch.mr_plane, batch.mr_index) if self.place else images

    def _fake(self, images: Tensor, batch: Batch) -> Tensor:
        """Return images of the ultrasound's slices as a discriminator sees them."""
        return with_place(images, batch.plane, batch.index) if self.place else images
