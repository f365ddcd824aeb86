"""Networks that compute their widest layers only in a region of interest, the head, exactly.

An encoder's first, full-size layers and a decoder's last ones make up nine tenths of the cost of a
synthesis, and each of their convolutions reads one pixel to either side. So for a region it is
enough to compute what lies a few pixels around it. Everything in between, where each number depends
on the whole slice, is computed in full. About two thirds of a slice of 160 x 160 are outside a head
of 23 weeks.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssus2mri.models.blocks import widened
from ssus2mri.models.encoder_decoder import LEVELS, Decoder, Encoder

# Regions are multiples of this size: every new size costs a CPU some preparation. A multiple of 4,
# so that edges are even at half size too.
STEP = 4
LAST = 3  # convolutions of dec6
BEFORE = 2  # convolutions of dec2 to dec5 before their up-convolution
FIRST = (2, 1)  # convolutions of enc1 and enc2; those of the others cost next to nothing


class Roi(NamedTuple):
    """A region of a slice: rows ``top`` to ``bottom``, columns ``left`` to ``right``, exclusive."""

    top: int
    bottom: int
    left: int
    right: int


def bounding_roi(head: Tensor) -> Roi:
    """Return the smallest region, in multiples of `STEP`, with all heads of a batch.

    Args:
        head: ``(N, H, W)`` bool.

    Returns:
        The region; the whole slice if there is no head at all.
    """
    inside = head.any(dim=0)
    if not inside.any():
        return Roi(0, head.shape[1], 0, head.shape[2])
    return Roi(*_span(inside.any(dim=1)), *_span(inside.any(dim=0)))


class RoiEncoder(nn.Module):
    """An `Encoder`, in inference, that computes enc1 and enc2 only where bright pixels reach.

    Elsewhere every feature is that of a black image.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.black: dict[tuple[int, ...], list[Tensor]] = {}  # features, by the image's shape

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode; see `Encoder.forward`."""
        shape = tuple(image.shape[1:])
        if shape not in self.black:
            self.black[shape] = self.encoder(torch.zeros_like(image[:1]))
        roi = bounding_roi((image != 0).any(dim=1))
        features = [widened(image)]
        for number in range(1, LEVELS + 1):
            if number > len(FIRST):
                features.append(self.encoder.level(number, features[-1]))
                continue
            full = _full(features[-1])
            # As far as bright pixels have an effect; edges stay even, for the pooling.
            roi = _dilated(roi, FIRST[number - 1], full)
            read = _dilated(roi, 2, full)  # a margin that padding spoils, except at the border
            part = self.encoder.level(number, _crop(features[-1], read))
            roi, read = _halved(roi), _halved(read)
            black = self.black[shape][number].expand(len(image), -1, -1, -1)
            features.append(black.clone(memory_format=torch.channels_last))
            _paste(_crop(part, roi, read), features[-1], roi)
        return features


class RoiDecoder(nn.Module):
    """A `Decoder`, in inference, that is exact within a region and 0 outside of it."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.roi: Roi | None = None

    def start(self, features: list[Tensor], level: int) -> Tensor:
        """Run the blocks before a level; see `Decoder.start`."""
        return self.decoder.start(features, level)

    def finish(self, value: Tensor, features: list[Tensor], level: int) -> Tensor:
        """Run a level and all that follow; see `Decoder.finish`."""
        if self.roi is None:
            return self.decoder.finish(value, features, level)
        image = features[0]
        # The region of its input that each block reads.
        read = {LEVELS + 1: _dilated(self.roi, LAST, _full(image))}
        for number in range(LEVELS, level - 1, -1):
            output = read[number + 1]
            # An up-convolution of stride 2 computes pixels 2 i and 2 i + 1 from i and i + 1.
            half = Roi(
                *(output.top // 2, output.bottom // 2 + 1),
                *(output.left // 2, output.right // 2 + 1),
            )
            read[number] = _dilated(half, BEFORE, _full(features[LEVELS + 1 - number]))
        value = _crop(value, read[level])
        for number in range(level, LEVELS + 1):
            block = self.decoder.blocks[number - 1](value)
            frame = Roi(*(2 * edge for edge in read[number]))
            output = read[number + 1]
            skip = _view(features[LEVELS - number], output)
            value = _concatenated(_view(block, output, frame), skip)
        mr = self.decoder.shown(self.decoder.blocks[LEVELS](value))
        canvas = mr.new_zeros(len(mr), mr.shape[1], *image.shape[2:])
        _paste(_crop(mr, self.roi, read[LEVELS + 1]), canvas, self.roi)
        return canvas


def _span(inside: Tensor) -> tuple[int, int]:
    """Return the ends of the part of an axis that is inside, in multiples of `STEP`."""
    places = torch.nonzero(inside)
    first, last = int(places[0]), int(places[-1])
    return first // STEP * STEP, min(-(-(last + 1) // STEP) * STEP, len(inside))


def _dilated(roi: Roi, margin: int, full: Roi) -> Roi:
    """Add a margin on all sides, within the slice: beyond its border there is padding as ever."""
    return Roi(
        max(roi.top - margin, full.top),
        min(roi.bottom + margin, full.bottom),
        max(roi.left - margin, full.left),
        min(roi.right + margin, full.right),
    )


def _full(value: Tensor) -> Roi:
    return Roi(0, value.shape[2], 0, value.shape[3])


def _halved(roi: Roi) -> Roi:
    """Return the same region of a map of half the size; edges are even."""
    return Roi(*(edge // 2 for edge in roi))


def _paste(part: Tensor, onto: Tensor, roi: Roi) -> None:
    onto[:, :, roi.top : roi.bottom, roi.left : roi.right] = part


def _crop(value: Tensor, roi: Roi, frame: Roi | None = None) -> Tensor:
    """Copy a region of a map; see `_view`."""
    return _view(value, roi, frame).contiguous(memory_format=torch.channels_last)


def _view(value: Tensor, roi: Roi, frame: Roi | None = None) -> Tensor:
    """View a region of a map that begins at the corner of ``frame``, by default at 0, 0."""
    top, left = (frame.top, frame.left) if frame else (0, 0)
    rows = slice(roi.top - top, roi.bottom - top)
    return value[:, :, rows, roi.left - left : roi.right - left]


def _concatenated(*parts: Tensor) -> Tensor:
    """Act as `blocks.join` on views of maps, which that would copy first."""
    widths = [part.shape[1] for part in parts]
    shape = (len(parts[0]), sum(widths), *parts[0].shape[2:])
    whole = torch.empty(
        shape,
        dtype=parts[0].dtype,
        device=parts[0].device,
        memory_format=torch.channels_last,
    )
    for part, place in zip(parts, whole.split(widths, dim=1), strict=True):
        place.copy_(part)
    return whole
