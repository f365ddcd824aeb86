"""CycleGAN: two translators, each the inverse of the other, and a pool of earlier fakes."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.objectives.base import Pairs, Terms, WithAdversary, detach, in_order
from ssus2mri.models.patches import PatchDiscriminator
from ssus2mri.models.resnet import ResnetGenerator, signed


class ImagePool(nn.Module):
    """Stores images and returns some of them in exchange for new ones.

    Until it is full it stores and returns every image. Then each image is, with probability 1/2,
    exchanged for a stored one. Its images are part of its ``state_dict``. In evaluation mode it
    returns its input and stores nothing.

    Source: Zhu et al., ICCV 2017, Sec. 4, after Shrivastava et al., CVPR 2017.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.images = torch.empty(0)

    def forward(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Exchange images.

        Args:
            images: ``(N, C, H, W)`` without gradient, always of the same C, H and W.
            generator: on the CPU.

        Returns:
            The same shape.
        """
        if not self.training:
            return images
        stored = self.images.to(images) if len(self.images) else images[:0]
        returned = []
        for image in images.split(1):
            if len(stored) < self.size:
                stored = torch.cat([stored, image])
            elif self.size and torch.rand((), generator=generator) < 0.5:
                place = int(torch.randint(self.size, (), generator=generator))
                returned.append(stored[place : place + 1].clone())
                stored[place] = image[0]
                continue
            returned.append(image)
        self.images = stored
        return torch.cat(returned)

    def get_extra_state(self) -> Tensor:
        """Return the images: their number grows, so they cannot be a buffer."""
        return self.images

    def set_extra_state(self, state: Tensor) -> None:
        """Set the images from `get_extra_state`."""
        self.images = state.clone()


class CycleganObjective(WithAdversary[ResnetGenerator]):
    """Adversaries on both sides (`app`, `back_app`), `cycle` and `identity`.

    Images are in [-1, 1], for which the source gives its weights.

    Source: Zhu et al., ICCV 2017, Eqs. 1-3, Sec. 4 (least squares, pool of 50 fakes), Sec. 5.2
    (identity).

    Args:
        generator: from US to MR.
        back: from MR to US; None if no term needs it.
        image_pool: earlier fakes that are stored for each discriminator.
    """

    replayable = False

    def __init__(
        self,
        generator: ResnetGenerator,
        back: ResnetGenerator | None,
        discriminators: dict[str, PatchDiscriminator],
        *,
        weights: Mapping[str, float],
        adversarial: str,
        image_pool: int,
    ) -> None:
        super().__init__(
            generator,
            discriminators,
            weights=weights,
            adversarial=adversarial,
            helpers=None if back is None else {"back": back},
            memory={name: ImagePool(image_pool) for name in discriminators},
        )
        self.back = back

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms with a weight; see `Objective`."""
        us, mr = signed(batch.slice), signed(batch.mr)
        to_mr = self.generator.translate
        synthetic_mr = to_mr(us)
        pairs: Pairs = {"app": (mr, synthetic_mr)} if "app" in self.weights else {}
        terms: Terms = {}
        if "identity" in self.weights:
            terms["identity"] = F.l1_loss(to_mr(mr), mr)
        if self.back is not None:
            to_us = self.back.translate
            if "identity" in self.weights:
                terms["identity"] = terms["identity"] + F.l1_loss(to_us(us), us)
            synthetic_us = to_us(mr)
            if "back_app" in self.weights:
                pairs["back_app"] = us, synthetic_us
            if "cycle" in self.weights:
                us_cycle = F.l1_loss(to_us(synthetic_mr), us)
                terms["cycle"] = us_cycle + F.l1_loss(to_mr(synthetic_us), mr)
        terms |= self.fool(pairs)
        return in_order(terms, self.weights), self._exchange(detach(pairs), batch.seed)

    def _exchange(self, pairs: Pairs, seed: int) -> Pairs:
        """Exchange fakes for earlier ones."""
        random = torch.Generator().manual_seed(seed)
        return {
            name: (real, self.memory[name](fake, random)) for name, (real, fake) in pairs.items()
        }
