"""The generator, which synthesises MR from a US slice.

Encoder A and decoders B (reconstructs the US) and C (synthesises MR), with attention from B to C,
are the forward path; encoder D and decoder E, the backward path, infer US from the synthetic MR.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.models.attention import CrossModalAttention
from ssus2mri.models.blocks import OUTPUTS, conv, join, pick, up_conv, widened
from ssus2mri.models.locator import Locator

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


class Synthesis(NamedTuple):
    """The output of every model for a batch of slices.

    ``mr (N, 1, H, W)``; ``position (N, 2)``, plane and index scaled by `locator.scale`; ``tissue
    (N, K, H, W)``, logits of `tissues.SHOWN`; ``log_spread (N, 1, H, W)``, log of the expected
    absolute error of ``mr``. What the model does not predict is None.
    """

    mr: Tensor
    position: Tensor | None
    tissue: Tensor | None = None
    log_spread: Tensor | None = None


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


@dataclass(frozen=True)
class Forward:
    """Output of the forward path; what was not requested is None; see `Synthesis`."""

    mr: Tensor
    tissue: Tensor | None
    log_spread: Tensor | None
    us: Tensor | None
    latent: Tensor
    position: Tensor | None


class Generator(nn.Module):
    """Encoders A and D, decoders B, C and E, attention from B to C; only the requested ones.

    Source: TMI 2020, Sec. III, Fig. 2; Sec. III-D for neighbours and locator.

    Args:
        shape: sizes of encoders and decoders.
        neighbours: slices on either side that encoder A sees as well; every decoder outputs the
            middle slice.
        attention_level: decoder level whose input the attention changes; 0 for none.
        attention_channels: of the attention's embeddings.
        locator_channels: of the index predictor's convolutions; empty for none.
        reconstruct: whether a loss needs all of decoder B; the attention needs its start.
        encode_back: whether encoder D is needed, from synthetic MR back to a latent.
        infer_back: whether decoder E is needed, from that latent to US.
        tissues: number of tissues that decoder C tells apart, beside an MR and the log of its
            spread; 0: it gives the MR only.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        neighbours: int,
        attention_level: int,
        attention_channels: int,
        locator_channels: Sequence[int],
        reconstruct: bool,
        encode_back: bool,
        infer_back: bool,
        tissues: int = 0,
    ) -> None:
        super().__init__()
        self.channels = 1 + 2 * neighbours
        self.level = attention_level or LEVELS
        width = shape.encoder_channels + shape.decoder_channels
        self.encoder_a = Encoder(self.channels, shape)
        self.decoder_b = None
        if reconstruct:
            self.decoder_b = Decoder(self.channels, 1, shape)
        elif attention_level:
            self.decoder_b = Decoder(self.channels, 1, shape).keep_before(self.level)
        self.tissues = tissues
        self.decoder_c = Decoder(self.channels, 1 + (tissues + 1 if tissues else 0), shape)
        self.attention = CrossModalAttention(width, attention_channels) if attention_level else None
        self.locator = (
            Locator(shape.encoder_channels, locator_channels, activation=shape.activation)
            if locator_channels
            else None
        )
        self.encoder_d = Encoder(1, shape) if encode_back else None
        self.decoder_e = Decoder(1, 1, shape) if infer_back else None

    def translate(self, us: Tensor, *, reconstruct: bool) -> Forward:
        """Run the forward path.

        Args:
            us: ``(N, channels, H, W)`` in [0, 1], the slice between its neighbours.
            reconstruct: whether to run decoder B to the end.

        Returns:
            See `Forward`.
        """
        features = self.encoder_a(us)
        mr = self.decoder_c.start(features, self.level)
        us_output = None
        if self.decoder_b is not None and (reconstruct or self.attention is not None):
            guide = self.decoder_b.start(features, self.level)
            if self.attention is not None:
                mr = self.attention(guide, mr)
            if reconstruct:
                us_output = self.decoder_b.finish(guide, features, self.level)
        output = self.decoder_c.finish(mr, features, self.level)
        position = self.locator(features[-1]) if self.locator is not None else None
        return Forward(
            mr=output[:, :1],
            tissue=output[:, 1:-1] if self.tissues else None,
            log_spread=output[:, -1:] if self.tissues else None,
            us=us_output,
            latent=features[-1],
            position=position,
        )

    def infer_back(self, mr: Tensor) -> tuple[Tensor | None, Tensor]:
        """Run the backward path.

        Args:
            mr: ``(N, 1, H, W)``, synthetic.

        Returns:
            The back-inferred US, ``(N, 1, H, W)``, if there is a decoder E, and D's latent.
        """
        if self.encoder_d is None:
            raise ValueError("this generator has no backward path")
        features = self.encoder_d(mr)
        if self.decoder_e is None:
            return None, features[-1]
        # In the same parts as the other decoders, so that all three share compiled code.
        half = self.decoder_e.start(features, self.level)
        return self.decoder_e.finish(half, features, self.level), features[-1]

    def forward(self, us: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> Synthesis:
        """Synthesise MR; of decoder B only what the attention needs is run.

        Args:
            us: ``(N, channels, H, W)`` in [0, 1], the slice between its neighbours.
            plane: ``(N,)``, an index into `slices.PLANES`; not used.
            index: ``(N,)``, the slice's index in atlas space; not used.
            ga_weeks: ``(N,)``; not used.

        Returns:
            See `Synthesis`.
        """
        forward = self.translate(us, reconstruct=False)
        return Synthesis(forward.mr, forward.position, forward.tissue, forward.log_spread)
