"""The segmentation network: a small U-Net from an MR slice to scores of its classes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssus2mri.segment.classes import CLASSES

SPACING_MM = 0.8
"""Edge of a pixel of what the network sees: that of the label atlases."""
MULTIPLE = 8
"""Both edges of a slice are a multiple of this many pixels."""
_CHANNELS = (12, 24, 48, 96)


class SegmentNetwork(nn.Module):
    """Score every pixel of a slice.

    ``net(slices)`` takes ``(N, 1, H, W)`` in [0, 1] at `SPACING_MM`, edges a `MULTIPLE`, and
    returns ``(N, len(CLASSES), H, W)`` scores before the softmax. Source of the layout: Ronneberger
    et al., MICCAI 2015; sizes are ours.
    """

    def __init__(self, channels: Sequence[int] = _CHANNELS) -> None:
        super().__init__()
        inputs = (1, *channels[:-1])
        self.down = nn.ModuleList(_block(i, o) for i, o in zip(inputs, channels, strict=True))
        self.up = nn.ModuleList(
            _block(deep + skip, skip)
            for deep, skip in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.scores = nn.Conv2d(channels[0], len(CLASSES), 1)

    def forward(self, slices: Tensor) -> Tensor:
        """See the class."""
        skips, features = [], slices
        for level, block in enumerate(self.down):
            features = block(F.max_pool2d(features, 2) if level else features)
            skips.append(features)
        skips.pop()
        for block in self.up:
            wide = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(torch.cat([wide, skips.pop()], dim=1))
        return self.scores(features)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.1),
        nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.1),
    )
