"""The discriminator of images, edges or latents; real samples score high, fakes low."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.models.blocks import conv, join, widened
from ssus2mri.slices import PLANES

# Maps up to this size (latents) are computed in float32: bfloat16 convolutions of stride 2 gave
# gradients that are not finite for them on a CPU (torch 2.13).
SMALL = 8
PLACE_CHANNELS = len(PLANES) + 1


def with_place(images: Tensor, plane: Tensor, index: Tensor) -> Tensor:
    """Add constant maps that say where a slice lies, for a discriminator that judges it there.

    Not in the source, which has the alignment and does not tell its discriminators.

    Args:
        images: ``(N, C, H, W)``.
        plane: ``(N,)`` int64, an index into `slices.PLANES`.
        index: ``(N,)``, of H in atlas space.

    Returns:
        ``(N, C + PLACE_CHANNELS, H, W)``: a map for each plane, 1 or 0, and the index, -1 to 1.
    """
    height, width = images.shape[-2:]
    level = (2 * index + 1) / height - 1
    values = torch.cat([F.one_hot(plane, len(PLANES)), level[:, None]], dim=1)
    return join(images, values[..., None, None].expand(-1, -1, height, width))


class Discriminator(nn.Module):
    """Five convolutions: three of stride 2, one of stride 1, one to a single channel.

    Padding 1 lets it take latents of 5 x 5 and smaller. The mean of the map is the score.

    Source: TMI 2020, Sec. III-E.4, Table I (64, 128, 256, 512, 1 channels).

    Args:
        channels_in: channels of the input.
        channels: of the first four convolutions.
        norm: of all but the first and last, a key of `blocks.NORMS`.
        activation: a key of `blocks.ACTIVATIONS`.
    """

    def __init__(
        self, channels_in: int, channels: Sequence[int], *, norm: str, activation: str
    ) -> None:
        super().__init__()
        first, second, third, fourth = channels
        self.layers = nn.Sequential(
            conv(channels_in, first, stride=2, norm="none", activation=activation),
            conv(first, second, stride=2, norm=norm, activation=activation),
            conv(second, third, stride=2, norm=norm, activation=activation),
            conv(third, fourth, norm=norm, activation=activation),
            nn.Conv2d(fourth, 1, 3, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Compute the map of scores.

        Args:
            image: ``(N, channels_in, H, W)``.

        Returns:
            ``(N, 1, H / 8, W / 8)``, rounded up.
        """
        if max(image.shape[-2:]) > SMALL:
            return self.layers(widened(image)).float()
        with torch.autocast(image.device.type, enabled=False):
            return self.layers(image.float())
