"""The generator, which synthesises MR from a US slice.

Encoder A and decoders B (reconstructs the US) and C (synthesises MR), with attention from B to C,
are the forward path; encoder D and decoder E, the backward path, infer US from the synthetic MR.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from ssus2mri.models.attention import CrossModalAttention
from ssus2mri.models.blocks import join
from ssus2mri.models.encoder_decoder import LEVELS, Decoder, Encoder, Shape
from ssus2mri.models.learned_atlas import LearnedAtlas, Place
from ssus2mri.models.locator import Locator


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
        atlas_channels: features of a learned atlas that encoder A reads as well; 0 for none.
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
        atlas_channels: int = 0,
        tissues: int = 0,
    ) -> None:
        super().__init__()
        self.channels = 1 + 2 * neighbours
        channels_in = self.channels + atlas_channels
        self.atlas = LearnedAtlas(atlas_channels) if atlas_channels else None
        self.level = attention_level or LEVELS
        width = shape.encoder_channels + shape.decoder_channels
        self.encoder_a = Encoder(channels_in, shape)
        self.decoder_b = None
        if reconstruct:
            self.decoder_b = Decoder(channels_in, 1, shape)
        elif attention_level:
            self.decoder_b = Decoder(channels_in, 1, shape).keep_before(self.level)
        self.tissues = tissues
        self.decoder_c = Decoder(channels_in, 1 + (tissues + 1 if tissues else 0), shape)
        self.attention = CrossModalAttention(width, attention_channels) if attention_level else None
        self.locator = (
            Locator(shape.encoder_channels, locator_channels, activation=shape.activation)
            if locator_channels
            else None
        )
        self.encoder_d = Encoder(1, shape) if encode_back else None
        self.decoder_e = Decoder(1, 1, shape) if infer_back else None

    def translate(self, us: Tensor, place: Place | None = None, *, reconstruct: bool) -> Forward:
        """Run the forward path.

        Args:
            us: ``(N, 1 + 2 neighbours, H, W)`` in [0, 1], the slice between its neighbours.
            place: of the slices; only a learned atlas needs it.
            reconstruct: whether to run decoder B to the end.

        Returns:
            See `Forward`.

        Raises:
            ValueError: no place for the learned atlas.
        """
        if self.atlas is not None:
            if place is None:
                raise ValueError("a learned atlas needs the place of the slices")
            us = join(us, self.atlas(place, us.shape[-1]))
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
            us: ``(N, 1 + 2 neighbours, H, W)`` in [0, 1], the slice between its neighbours.
            plane: ``(N,)``, an index into `slices.PLANES`.
            index: ``(N,)``, the slice's index in atlas space.
            ga_weeks: ``(N,)``.

        Returns:
            See `Synthesis`.
        """
        forward = self.translate(us, Place(plane, index, ga_weeks), reconstruct=False)
        return Synthesis(forward.mr, forward.position, forward.tissue, forward.log_spread)
