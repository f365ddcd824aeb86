"""The index predictor, which regresses the position of a slice in the atlas from its latent."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.models.blocks import conv
from ssus2mri.slices import PLANES

EDGE = 2
"""Edge of the last feature map: 16 inputs of the last layer = 4 channels x 2 x 2."""


class Locator(nn.Module):
    """Four convolutions and a fully connected layer, which regresses plane and index.

    Source: TMI 2020, Sec. III-D, III-E.5, Table I (conv 48, 32, 16, 4; FC 16 -> 2). Not stated in
    the source: the strides (ours: 2, 2, 1, 1, so that a latent of 5 x 5 ends at 2 x 2), what the
    two outputs are (ours: plane and index), a normalisation (ours: none, the last map may be one
    pixel) and where activations are (ours: none after the last convolution, else some of its four
    channels stay at 0 forever). The map of a smaller or larger latent is averaged or
    repeated to 2 x 2.

    Args:
        channels_in: of the latent.
        channels: of the four convolutions.
        activation: a key of `blocks.ACTIVATIONS`.
    """

    def __init__(self, channels_in: int, channels: Sequence[int], *, activation: str) -> None:
        super().__init__()
        first, second, third, last = channels
        self.layers = nn.Sequential(
            conv(channels_in, first, stride=2, norm="none", activation=activation),
            conv(first, second, stride=2, norm="none", activation=activation),
            conv(second, third, norm="none", activation=activation),
            nn.Conv2d(third, last, 3, padding=1),
        )
        self.output = nn.Linear(last * EDGE * EDGE, 2)

    def forward(self, latent: Tensor) -> Tensor:
        """Predict plane and index.

        Args:
            latent: ``(N, channels_in, h, w)``, of encoder A.

        Returns:
            ``(N, 2)`` float32, plane and index scaled by `scale`, unbounded.
        """
        # Positions need float32: bfloat16 has only 8 bits for 160 of them, and strided
        # bfloat16 convolutions of small maps fail on a CPU (see `discriminator.SMALL`).
        with torch.autocast(latent.device.type, enabled=False):
            features = F.adaptive_avg_pool2d(self.layers(latent.float()), EDGE)
            return self.output(features.flatten(1))


def scale(plane: Tensor, index: Tensor, size: int) -> Tensor:
    """Scale plane and index to [0, 1].

    Args:
        plane: ``(N,)``, an index into `slices.PLANES`.
        index: ``(N,)``, 0 to ``size - 1``, the slice's index in atlas space.
        size: voxels along the atlas grid's edge.

    Returns:
        ``(N, 2)`` float32.
    """
    return torch.stack([plane.float() / (len(PLANES) - 1), index.float() / (size - 1)], dim=1)


def read(position: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Convert a predicted position to (nearest) plane and index: the inverse of `scale`.

    Args:
        position: ``(N, 2)``, unbounded.
        size: voxels along the atlas grid's edge.

    Returns:
        Plane, ``(N,)`` int64, an index into `slices.PLANES`; index, ``(N,)`` float32, not rounded,
        within 0 and ``size - 1``.
    """
    place = position.clamp(0, 1)
    plane = (place[:, 0] * (len(PLANES) - 1)).round().long()
    return plane, place[:, 1] * (size - 1)
