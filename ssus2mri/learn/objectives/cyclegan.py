"""CycleGAN: two translators, which undo each other."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.learn.data.dataset import Batch
from ssus2mri.learn.image_pool import ImagePool
from ssus2mri.learn.objectives import Pairs, Terms, cut_off, fool, in_order, judge
from ssus2mri.models.patches import PatchDiscriminator
from ssus2mri.models.resnet import ResnetGenerator, signed


class CycleganObjective:
    """Adversaries on both sides (`app`, `back_app`), `cycle` and `identity`.

    Images are in [-1, 1], for which the source gives its weights.

    Source: Zhu et al., ICCV 2017, Eqs. 1-3, Sec. 4 (least squares, pool of 50 fakes), Sec. 5.2
    (identity).

    Args:
        generator: from US to MR.
        back: from MR to US; None where no term needs it.
        discriminators: one for each adversarial term with a weight.
        weights: of the terms to compute, none 0.
        adversarial: a form of `losses.discriminator_loss`.
        image_pool: fakes that each discriminator is shown again.
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
        self.weights = dict(weights)
        self.generator = generator
        self.back = back
        self.helpers = nn.ModuleDict({} if back is None else {"back": back})
        self.discriminators = nn.ModuleDict(discriminators)
        self.memory = nn.ModuleDict({name: ImagePool(image_pool) for name in discriminators})
        self.adversarial = adversarial

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the terms with a weight; see `Objective`."""
        wanted, us, mr = self.weights, signed(batch.slice), signed(batch.mr)
        there = self.generator.translate
        mr_made = there(us)
        judged: Pairs = {"app": (mr, mr_made)} if "app" in wanted else {}
        terms: Terms = {}
        if "identity" in wanted:
            terms["identity"] = F.l1_loss(there(mr), mr)
        if self.back is not None:
            back = self.back.translate
            if "identity" in wanted:
                terms["identity"] = terms["identity"] + F.l1_loss(back(us), us)
            us_made = back(mr)
            if "back_app" in wanted:
                judged["back_app"] = us, us_made
            if "cycle" in wanted:
                terms["cycle"] = F.l1_loss(back(mr_made), us) + F.l1_loss(there(us_made), mr)
        terms |= fool(self.adversarial, self.discriminators, judged)
        return in_order(terms, wanted), self._remember(cut_off(judged), batch.seed)

    def _remember(self, pairs: Pairs, seed: int) -> Pairs:
        """Exchange fakes for earlier ones."""
        random = torch.Generator().manual_seed(seed)

        def exchanged(name: str, fake: Tensor) -> Tensor:
            return self.memory[name](fake, random)

        return {name: (real, exchanged(name, fake)) for name, (real, fake) in pairs.items()}

    def discriminator_terms(self, pairs: Pairs) -> Terms:
        """Compute the discriminators' losses; see `Objective`."""
        return judge(self.adversarial, self.discriminators, pairs)
