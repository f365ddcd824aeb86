"""The patch discriminator of CycleGAN and CUT, and the patch projection of CUT."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Slope of the leaky ReLU (Zhu et al., ICCV 2017, Sec. 7.2)."""


class PatchDiscriminator(nn.Module):
    """C64, C128, C256, C512, each 4 x 4, the first three of stride 2, then 4 x 4 to one channel.

    Every output sees a patch of 70 x 70 pixels.

    Source: Zhu et al., ICCV 2017, Sec. 7.2; strides as Isola et al., CVPR 2017, appendix 6.1.2.

    Args:
        channels: of the first layer, 64 in the source.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for factor, stride in ((1, 2), (2, 2), (4, 1)):
            before, after = factor * channels, 2 * factor * channels
            layers += [
                nn.Conv2d(before, after, 4, stride, 1),
                nn.InstanceNorm2d(after),
                nn.LeakyReLU(SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * channels, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Score ``(N, 1, H, W)``: ``(N, 1, H / 8 - 2, W / 8 - 2)`` float32, real high, fake low."""
        return self.layers(image).float()


class PatchProjector(nn.Module):
    """Two fully connected layers for each feature map, then normalisation to unit length.

    Source: Park et al., ECCV 2020, Sec. 3, "a small two-layer MLP network".

    Args:
        channels: of the feature maps.
        features: width of both layers, 256 in the source.
    """

    def __init__(self, channels: Sequence[int], features: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, features), nn.ReLU(), nn.Linear(features, features))
            for width in channels
        )

    def forward(self, maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Project feature maps at the given places.

        Args:
            maps: ``(N, C, H, W)`` each.
            places: for each map ``(P,)`` int64, below H W.

        Returns:
            For each map ``(N, P, features)`` of length 1.
        """
        pairs = zip(maps, places, strict=True)
        vectors = [features.flatten(2)[..., pixels].mT for features, pixels in pairs]
        projected = [layer(values) for layer, values in zip(self.layers, vectors, strict=True)]
        return [F.normalize(values.float(), dim=2) for values in projected]


def draw_places(maps: Sequence[Tensor], patches: int, generator: torch.Generator) -> list[Tensor]:
    """Draw distinct places of feature maps, the same for all images of a batch.

    Args:
        maps: ``(N, C, H, W)`` each.
        patches: number of places; all if a map has fewer.
        generator: on the CPU.

    Returns:
        For each map ``(min(patches, H W),)`` int64, on its device.
    """
    orders = [
        torch.randperm(features.shape[2] * features.shape[3], generator=generator)
        for features in maps
    ]
    return [
        order[:patches].to(features.device, non_blocking=True)
        for order, features in zip(orders, maps, strict=True)
    ]
