"""Networks that compute their widest layers only where the head is, exactly as the whole.

An encoder's first, full-size layers and a decoder's last ones make up nine tenths of the cost of a
synthesis, and each of their convolutions sees one pixel to either side. So within a window it is
enough to know what lies a few pixels around it. Everything in between, of which each number depends
on the whole slice, is computed in full. About two thirds of a slice of 160 x 160 are outside a head
of 23 weeks.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssus2mri.models.blocks import widened
from ssus2mri.models.generator import LEVELS, Decoder, Encoder

# Windows are whole steps wide: every new size costs a CPU some preparation. A multiple of 4, so
# that edges are even at half size too.
STEP = 4
LAST = 3  # convolutions of dec6
BEFORE = 2  # convolutions of dec2 to dec5 before their up-convolution
FIRST = (2, 1)  # convolutions of enc1 and enc2; those of the others cost next to nothing


class Window(NamedTuple):
    """Pixels of a slice: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends not in."""

    top: int
    bottom: int
    left: int
    right: int


def around(head: Tensor) -> Window:
    """Give the smallest window, of whole steps, with all heads of a batch.

    Args:
        head: ``(N, H, W)`` bool.

    Returns:
        The window; the whole slice where there is no head at all.
    """
    seen = head.any(dim=0)
    if not seen.any():
        return Window(0, head.shape[1], 0, head.shape[2])
    return Window(*_span(seen.any(dim=1)), *_span(seen.any(dim=0)))


class WindowedEncoder(nn.Module):
    """An `Encoder`, in inference, that computes enc1 and enc2 only as far as bright pixels reach.

    Beyond, every pixel is what a black image gives there.

    Args:
        encoder: what is computed.
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
        reach = around((image != 0).any(dim=1))
        features = [widened(image)]
        for number in range(1, LEVELS + 1):
            if number > len(FIRST):
                features.append(self.encoder.level(number, features[-1]))
                continue
            whole = _all_of(features[-1])
            # As far as bright pixels are seen from; edges stay even, for the pooling.
            reach = _grown(reach, FIRST[number - 1], whole)
            read = _grown(reach, 2, whole)  # what padding spoils, but where the image ends
            part = self.encoder.level(number, _cut(features[-1], read))
            reach, read = _halved(reach), _halved(read)
            black = self.black[shape][number].expand(len(image), -1, -1, -1)
            features.append(black.clone(memory_format=torch.channels_last))
            _paste(_cut(part, reach, read), features[-1], reach)
        return features


class WindowedDecoder(nn.Module):
    """A `Decoder`, in inference, that gives 0 outside of its window and within it the very same.

    Args:
        decoder: what is computed.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.window: Window | None = None

    def start(self, features: list[Tensor], level: int) -> Tensor:
        """Run the blocks before a level; see `Decoder.start`."""
        return self.decoder.start(features, level)

    def finish(self, value: Tensor, features: list[Tensor], level: int) -> Tensor:
        """Run a level and all that follow; see `Decoder.finish`."""
        if self.window is None:
            return self.decoder.finish(value, features, level)
        image = features[0]
        read = {LEVELS + 1: _grown(self.window, LAST, _all_of(image))}  # by a block, of its input
        for number in range(LEVELS, level - 1, -1):
            wanted = read[number + 1]
            # An up-convolution of stride 2 makes pixels 2 i and 2 i + 1 from i and i + 1.
            half = Window(
                *(wanted.top // 2, wanted.bottom // 2 + 1),
                *(wanted.left // 2, wanted.right // 2 + 1),
            )
            read[number] = _grown(half, BEFORE, _all_of(features[LEVELS + 1 - number]))
        value = _cut(value, read[level])
        for number in range(level, LEVELS + 1):
            made = self.decoder.blocks[number - 1](value)
            frame = Window(*(2 * edge for edge in read[number]))
            wanted = read[number + 1]
            value = _joined(_part(made, wanted, frame), _part(features[LEVELS - number], wanted))
        made = self.decoder.output(self.decoder.blocks[LEVELS](value).float())
        canvas = made.new_zeros(len(made), made.shape[1], *image.shape[2:])
        _paste(_cut(made, self.window, read[LEVELS + 1]), canvas, self.window)
        return canvas


def _span(seen: Tensor) -> tuple[int, int]:
    places = torch.nonzero(seen)
    first, last = int(places[0]), int(places[-1])
    return first // STEP * STEP, min(-(-(last + 1) // STEP) * STEP, len(seen))


def _grown(window: Window, by: int, whole: Window) -> Window:
    """Add pixels on all sides, but none outside of the slice: there, padding follows as ever."""
    return Window(
        max(window.top - by, whole.top),
        min(window.bottom + by, whole.bottom),
        max(window.left - by, whole.left),
        min(window.right + by, whole.right),
    )


def _all_of(value: Tensor) -> Window:
    return Window(0, value.shape[2], 0, value.shape[3])


def _halved(window: Window) -> Window:
    """Give the same window of a map of half the size; edges are even."""
    return Window(*(edge // 2 for edge in window))


def _paste(part: Tensor, onto: Tensor, window: Window) -> None:
    onto[:, :, window.top : window.bottom, window.left : window.right] = part


def _cut(value: Tensor, window: Window, frame: Window | None = None) -> Tensor:
    """Copy a window out of a map; see `_part`."""
    return _part(value, window, frame).contiguous(memory_format=torch.channels_last)


def _part(value: Tensor, window: Window, frame: Window | None = None) -> Tensor:
    """View a window of a map that begins at the corner of ``frame``, by default at 0, 0."""
    top, left = (frame.top, frame.left) if frame else (0, 0)
    rows = slice(window.top - top, window.bottom - top)
    return value[:, :, rows, window.left - left : window.right - left]


def _joined(*parts: Tensor) -> Tensor:
    """Do what `join` does, on views of maps, which that would first have to copy."""
    widths = [one.shape[1] for one in parts]
    shape = (len(parts[0]), sum(widths), *parts[0].shape[2:])
    first = parts[0]
    whole = torch.empty(
        shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last
    )
    for one, place in zip(parts, whole.split(widths, dim=1), strict=True):
        place.copy_(one)
    return whole
