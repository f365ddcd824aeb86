"""Sprite sheets: all slices of a plane side by side in one grey picture, as a data URI.

A sheet compresses better than its slices, and a page loads a few of them faster than thousands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssus2mri.render.pictures import grey

Box = tuple[slice, slice]

MARGIN_PX = 2
"""Black pixels left around the head."""


class Grid(NamedTuple):
    """How the slices lie in every sheet of a plane: size of one, pixels, and how many in a row."""

    height: int
    width: int
    columns: int


def head_box(head: NDArray[np.bool_]) -> Box:
    """Find the rows and columns that the head needs in any slice of a plane.

    Args:
        head: ``(S, H, W)``.

    Returns:
        Rows and columns, with a margin; the whole slice if there is no head.
    """
    if not head.any():
        return slice(0, head.shape[1]), slice(0, head.shape[2])
    return _range(np.any(head, axis=(0, 2))), _range(np.any(head, axis=(0, 1)))


def grid(count: int, box: Box) -> Grid:
    """Lay out a sheet, about as wide as high."""
    height, width = (part.stop - part.start for part in box)
    return Grid(height, width, max(1, round((count * height / width) ** 0.5)))


def sheet(images: NDArray[np.floating], layout: Grid) -> str:
    """Draw a sheet, row by row.

    Args:
        images: ``(S, height, width)`` in [0, 1].
        layout: from `grid`.

    Returns:
        Data URI of an 8-bit grey PNG.
    """
    rows = -(-len(images) // layout.columns)
    cells = np.zeros((rows * layout.columns, layout.height, layout.width), np.float32)
    cells[: len(images)] = images
    wide = cells.reshape(rows, layout.columns, layout.height, layout.width).swapaxes(1, 2)
    return grey(wide.reshape(rows * layout.height, layout.columns * layout.width))


def _range(covered: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(covered)
    return slice(
        max(0, int(places[0]) - MARGIN_PX), min(len(covered), int(places[-1]) + 1 + MARGIN_PX)
    )
