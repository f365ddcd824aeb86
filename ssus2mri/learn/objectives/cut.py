"""CUT: a patch of the translator's output must resemble the same patch of its input."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.losses import patch_nce
from ssus2mri.learn.objectives.base import Pairs, Terms, WithAdversary, detach, in_order
from ssus2mri.models.patches import PatchDiscriminator, PatchProjector, draw_places
from ssus2mri.models.resnet import ResnetGenerator, signed


class CutObjective(WithAdversary[ResnetGenerator]):
    """An adversary (`app`), and contrast of patches: `nce` of US, `nce_identity` of MR.

    Images are in [-1, 1], as in the source. The mean is taken over five layers of the generator's
    encoder.

    Source: Park et al., ECCV 2020, Eqs. 1-5.

    Args:
        generator: from US to MR.
        projector: of the encoder's features; None if no term needs it.
        patches: places of an image that are told apart.
        temperature: of the softmax over the places.
    """

    replayable = False

    def __init__(
        self,
        generator: ResnetGenerator,
        projector: PatchProjector | None,
        discriminators: dict[str, PatchDiscriminator],
        *,
        weights: Mapping[str, float],
        adversarial: str,
        patches: int,
        temperature: float,
    ) -> None:
        helpers = None if projector is None else {"projector": projector}
        super().__init__(
            generator, discriminators, weights=weights, adversarial=adversarial, helpers=helpers
        )
        self.patches, self.temperature = patches, temperature

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms with a weight; see `Objective`."""
        us, mr = signed(batch.slice), signed(batch.mr)
        synthetic, features = self.generator.translate_and_encode(us)
        random = torch.Generator().manual_seed(batch.seed)
        terms: Terms = {}
        if "nce" in self.weights:
            terms["nce"] = self._contrast(synthetic, features, random)
        if "nce_identity" in self.weights:
            terms["nce_identity"] = self._contrast(*self.generator.translate_and_encode(mr), random)
        pairs: Pairs = {"app": (mr, synthetic)} if "app" in self.weights else {}
        terms |= self.fool(pairs)
        return in_order(terms, self.weights), detach(pairs)

    def _contrast(self, output: Tensor, features: list[Tensor], random: torch.Generator) -> Tensor:
        """Compare an output with the features of its input, which get no gradient."""
        output_features = self.generator.encode(output)
        places = draw_places(output_features, self.patches, random)
        project = self.helpers["projector"]
        with torch.no_grad():
            keys = project(features, places)
        queries = project(output_features, places)
        losses = [
            patch_nce(query, key, self.temperature)
            for query, key in zip(queries, keys, strict=True)
        ]
        return torch.stack(losses).mean()
