"""A decoder that computes its last, widest layers only where the head is, exactly as the whole.

The last two levels of a decoder make up two thirds of the cost of a synthesis, and each of their
convolutions sees one pixel to either side. So within a window it is enough to know what lies a few
pixels around it; everything before, of which each number depends on the whole slice, is computed in
full. About two thirds of a slice of 160 x 160 are outside a head of 23 weeks.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssus2mri.models.blocks import join
from ssus2mri.models.generator import LEVELS, Decoder

STEP = 8  # windows are whole steps wide: every new size costs a CPU some preparation
LAST = 3  # convolutions of dec6, at full size
BEFORE = 2  # convolutions of dec5 before its up-convolution, at half size


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
        window, whole = self.window, Window(0, image.shape[2], 0, image.shape[3])
        last = _grown(window, LAST, whole)
        # An up-convolution of stride 2 makes pixels 2 i and 2 i + 1 from i and i + 1.
        half = Window(last.top // 2, last.bottom // 2 + 1, last.left // 2, last.right // 2 + 1)
        before = _grown(half, BEFORE, Window(0, image.shape[2] // 2, 0, image.shape[3] // 2))
        double = Window(*(2 * edge for edge in before))
        for number in range(level, LEVELS):
            value = join(self.decoder.blocks[number - 1](value), features[LEVELS - number])
        value = self.decoder.blocks[LEVELS - 1](_cut(value, before))
        value = join(_cut(value, last, double), _cut(image, last))
        made = self.decoder.output(self.decoder.blocks[LEVELS](value).float())
        canvas = made.new_zeros(len(made), made.shape[1], *image.shape[2:])
        canvas[:, :, window.top : window.bottom, window.left : window.right] = _cut(
            made, window, last
        )
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


def _cut(value: Tensor, window: Window, frame: Window | None = None) -> Tensor:
    """Cut a window out of a map that begins at the corner of ``frame``, by default at 0, 0."""
    top, left = (frame.top, frame.left) if frame else (0, 0)
    rows = slice(window.top - top, window.bottom - top)
    part = value[:, :, rows, window.left - left : window.right - left]
    return part.contiguous(memory_format=torch.channels_last)
