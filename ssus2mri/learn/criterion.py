"""A criterion for syntheses without pairs: texture as in MR, content as in the ultrasound.

Neither part alone is enough: MR of another subject has the right texture whatever the scan shows,
and the ultrasound itself has the right content. If MR was matched to the scan, it is the best guide
to where anatomy should be. Not stated in the source.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssus2mri.config.learn import CriterionSettings
from ssus2mri.learn.data.pool import Pool
from ssus2mri.nearest import Places, nearest

_PATCH = 7
_SMALLEST = 16  # pixels of the coarsest level (Karras et al. 2018, Sec. 5)


class Criterion:
    """A weighted sum of `texture`, `content` and `anatomy`; lower is better.

    Random numbers are drawn once: all epochs are judged by the same patches and directions.

    Args:
        settings: weights and sizes.
        mr: slices whose texture is the target.
        plane: ``(N,)``, of the slices to judge.
        index: ``(N,)``, of these.
        head: ``(N, H, W)`` bool, the region in which these are judged.
        seed: of the random numbers.
    """

    def __init__(
        self,
        settings: CriterionSettings,
        mr: Pool,
        plane: Tensor,
        index: Tensor,
        head: Tensor,
        *,
        seed: int,
    ) -> None:
        self.settings, self.head = settings, head
        random = torch.Generator().manual_seed(seed)
        directions = torch.randn(_PATCH**2, settings.directions, generator=random)
        self.directions = F.normalize(directions, dim=0).to(head.device)
        real = mr.images(nearest_mr(mr, plane, index))[:, 0].to(head.device)
        self.places = [
            _places(head, level.shape[-1], settings.patches, random) for level in pyramid(real)
        ]
        self.real = self._projected(real)

    def judge(self, synthetic: Tensor, us: Tensor, matched: Tensor | None) -> dict[str, float]:
        """Judge synthetic slices.

        Args:
            synthetic: ``(N, 1, H, W)``, the synthetic MR.
            us: ``(N, 1, H, W)``, the ultrasound that it was synthesised from.
            matched: ``(N, H, W)``, training MR deformed onto these heads; None: a run without.

        Returns:
            ``texture``, ``content``, with matched MR ``anatomy``, the mean absolute difference to
            it within the heads, and their sum by weight, ``criterion``.
        """
        texture = self.texture(synthetic[:, 0] * self.head)
        content = content_difference(synthetic[:, 0] * self.head, us[:, 0], self.head)
        parts = {"texture": texture, "content": content}
        if matched is not None:
            parts["anatomy"] = float((synthetic[:, 0] - matched)[self.head].abs().mean())
        total = sum(getattr(self.settings, name) * value for name, value in parts.items())
        return {**parts, "criterion": total}

    def texture(self, synthetic: Tensor) -> float:
        """Compute the sliced Wasserstein distance of patches to those of MR, averaged over sizes.

        Source: Karras et al., ICLR 2018, Sec. 5: patches of 7 x 7 from each level of a Laplacian
        pyramid. Here they are not normalised: grey levels count.

        Args:
            synthetic: ``(N, H, W)``.

        Returns:
            In grey levels: 0 where the distributions are the same.
        """
        levels = zip(self._projected(synthetic), self.real, strict=True)
        return float(torch.stack([(fake - real).abs().mean() for fake, real in levels]).mean())

    def _projected(self, images: Tensor) -> list[Tensor]:
        """Project the patches of each size on all directions, and sort the values."""
        levels = zip(pyramid(images), self.places, strict=True)
        return [
            (_patches(level, places) @ self.directions).sort(dim=0).values
            for level, places in levels
        ]


def nearest_mr(mr: Pool, plane: Tensor, index: Tensor) -> Tensor:
    """Find the MR slice nearest to each place, of the same plane if there is any: ``(N,)``.

    MR of any age will do: slices only show what MR looks like.
    """
    planes, indices = mr.plane.cpu().numpy(), mr.index.cpu().numpy()
    references = Places(planes, indices, np.zeros(len(planes)))
    scan = Places(plane.cpu().numpy(), index.cpu().numpy(), np.zeros(len(plane)))
    any_plane = nearest(*(replace(places, plane=0 * places.plane) for places in (scan, references)))
    rows = nearest(scan, references)
    return torch.from_numpy(np.where(rows < 0, any_plane, rows)).to(mr.index.device)


def pyramid(images: Tensor) -> list[Tensor]:
    """Decompose images into a Laplacian pyramid, the finest level first (Burt & Adelson 1983).

    Args:
        images: ``(N, H, W)``.

    Returns:
        Differences ``(N, H / 2^k, W / 2^k)``, and last the coarsest image itself; they add up to
        the image.
    """
    levels = []
    current = images[:, None]
    while min(current.shape[-2:]) >= 2 * _SMALLEST:
        coarse = F.avg_pool2d(current, 2)
        back = F.interpolate(coarse, current.shape[-2:], mode="bilinear", align_corners=False)
        levels.append((current - back)[:, 0])
        current = coarse
    return [*levels, current[:, 0]]


def content_difference(synthetic: Tensor, us: Tensor, head: Tensor) -> float:
    """Compute the mean absolute difference of self-similarities, which are modality-independent.

    Source: Heinrich et al., MedIA 2012 (MIND), here with the 4 nearest neighbours in the plane.

    Args:
        synthetic: ``(N, H, W)``, the synthetic MR.
        us: ``(N, H, W)``, the ultrasound.
        head: ``(N, H, W)`` bool, the region to compare.

    Returns:
        In [0, 1]: 0 for equal structure.
    """
    difference = (self_similarity(synthetic) - self_similarity(us)).abs().mean(dim=1)
    return float(difference[head].mean())


def self_similarity(images: Tensor) -> Tensor:
    """Compare the neighbourhood of each pixel with those beside it (MIND).

    Args:
        images: ``(N, H, W)``.

    Returns:
        ``(N, 4, H, W)`` in (0, 1], the largest of a pixel 1.
    """
    images = F.avg_pool2d(images[:, None], 3, 1, 1, count_include_pad=False)
    shifted = [images.roll(step, axis) for axis in (2, 3) for step in (-2, 2)]
    distance = torch.cat([F.avg_pool2d((images - image) ** 2, 5, 1, 2) for image in shifted], dim=1)
    variance = distance.mean(dim=1, keepdim=True)
    similarity = torch.exp(-distance / variance.clamp_min(1e-6))
    return similarity / similarity.amax(dim=1, keepdim=True)


def _places(head: Tensor, size: int, count: int, random: torch.Generator) -> Tensor:
    """Draw pixels within the heads, in images of a smaller size: ``(N, count)``, flat indices."""
    shrunk = F.adaptive_max_pool2d(head[:, None].float(), size).flatten(1)
    return torch.multinomial(shrunk.cpu(), count, True, generator=random).to(head.device)


def _patches(images: Tensor, places: Tensor) -> Tensor:
    """Cut patches around pixels out of ``(N, H, W)``: ``(N P, 49)``."""
    reach, width = _PATCH // 2, images.shape[-1]
    padded = F.pad(images, [reach] * 4)
    row, column = places // width, places % width
    steps = torch.arange(_PATCH, device=images.device)
    around = (steps[:, None] * padded.shape[-1] + steps).flatten()
    first = row * padded.shape[-1] + column
    pixels = (first[..., None] + around).flatten(1)
    return padded.flatten(1).gather(1, pixels).view(-1, _PATCH**2)
