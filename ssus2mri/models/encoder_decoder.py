"""Encoders and decoders of Table I, of which the generators are built."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.models.blocks import OUTPUTS, conv, join, pick, up_conv, widened

LEVELS = 5
"""Blocks of an encoder: each halves the size."""


@dataclass(frozen=True)
class Shape:
    """Sizes of Table I, and choices that it leaves open; section ``network`` describes them."""

    encoder_channels: int
    decoder_channels: int
    final_channels: Sequence[int]
    norm: str
    activation: str
    output: str


class Encoder(nn.Module):
    """enc1 = conv, conv, maxpool 2; enc2 to enc5 = conv, maxpool 2.

    Source: TMI 2020, Sec. III-E.1, Table I.
    """

    def __init__(self, channels_in: int, shape: Shape) -> None:
        super().__init__()
        c = shape.encoder_channels
        layer = partial(conv, norm=shape.norm, activation=shape.activation)
        first = nn.Sequential(layer(channels_in, c), layer(c, c))
        self.blocks = nn.ModuleList([first, *(layer(c, c) for _ in range(LEVELS - 1))])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode an image.

        Args:
            image: ``(N, channels_in, H, W)``, H and W multiples of 32.

        Returns:
            The image, `widened`, then the features of enc1 to enc5; the last, ``(N, C, H / 32,
            W / 32)``, is the latent.
        """
        features = [widened(image)]
        for number in range(1, LEVELS + 1):
            features.append(self.level(number, features[-1]))
        return features

    def level(self, number: int, value: Tensor) -> Tensor:
        """Run enc ``number``, 1 to 5: ``(N, C, H, W)`` to ``(N, C, H / 2, W / 2)``."""
        return F.max_pool2d(self.blocks[number - 1](value), 2)


class Decoder(nn.Module):
    """dec1 = conv, up-conv; dec2 to dec5 = conv, conv, up-conv; dec6 = conv, conv; output = conv.

    dec2 to dec5 also read enc4 to enc1, and dec6 the encoder's input image.

    Source: TMI 2020, Sec. III-E.1, Table I.
    """

    def __init__(self, channels_in: int, channels_out: int, shape: Shape) -> None:
        super().__init__()
        e, d = shape.encoder_channels, shape.decoder_channels
        layer = partial(conv, norm=shape.norm, activation=shape.activation)
        up_layer = partial(up_conv, norm=shape.norm, activation=shape.activation)
        wide, narrow = shape.final_channels
        self.output = pick(OUTPUTS, shape.output, "output")
        self.blocks = nn.ModuleList(
            [nn.Sequential(layer(e, e), up_layer(e, e))]
            + [
                nn.Sequential(
                    layer((e if level == 2 else d) + e, d),
                    layer(d, d),
                    up_layer(d, d),
                )
                for level in range(2, LEVELS + 1)
            ]
            + [
                nn.Sequential(
                    layer(d + channels_in, wide),
                    layer(wide, narrow),
                    nn.Conv2d(narrow, channels_out, 3, padding=1),
                )
            ]
        )

    def keep_before(self, level: int) -> "Decoder":
        """Drop the blocks that `start` does not need before a level; return the decoder."""
        self.blocks = self.blocks[: level - 1]
        return self

    def start(self, features: list[Tensor], level: int) -> Tensor:
        """Run the blocks before a level.

        Args:
            features: what `Encoder` returns.
            level: 2 to 6.

        Returns:
            The concatenated input of dec ``level``.
        """
        return self(features[-1], features, 1, level - 1)

    def finish(self, value: Tensor, features: list[Tensor], level: int) -> Tensor:
        """Run a level and all that follow.

        Args:
            value: the input of dec ``level``: of dec1 the latent, else the concatenated one.
            features: what `Encoder` returns.
            level: 1 to 6.

        Returns:
            ``(N, channels_out, H, W)``.
        """
        return self(value, features, level, LEVELS + 1)

    def forward(self, value: Tensor, features: list[Tensor], first: int, last: int) -> Tensor:
        """Run some levels; both parts of a decoder call it, so that they can be compiled.

        Args:
            value: the input of dec ``first``.
            features: what `Encoder` returns.
            first: 1 to 6.
            last: ``first`` to 6.

        Returns:
            The concatenated input of the level after ``last``, or if that is 6, the image.
        """
        for level in range(first, min(last, LEVELS) + 1):
            value = join(self.blocks[level - 1](value), features[LEVELS - level])
        if last <= LEVELS:
            return value
        return self.shown(self.blocks[-1](value))

    def shown(self, value: Tensor) -> Tensor:
        """Turn the last features into an image; what follows its channel stays as it is."""
        # Images are always float32: bfloat16 has only 8 bits for grey levels.
        image, details = value[:, :1].float(), value[:, 1:].float()
        return torch.cat([self.output(image), details], dim=1)
