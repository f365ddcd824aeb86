"""Figures as the paper lays them out: a grid of grey pictures under heads, as PNG and SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssus2mri.files import whole

CELL_IN = 1.25
"""Edge of a picture, inches."""
DPI = 160
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 8,
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names of scans and runs are no formulas
}


@dataclass(frozen=True)
class Panel:
    """A picture ``(H, W)`` in [0, 1], upright; without one ``note`` says why.

    ``heat (H, W)`` in [0, 1] is laid over it in colour. A ``note`` beside a picture stands below.
    """

    image: NDArray[np.floating] | None = None
    note: str = ""
    heat: NDArray[np.floating] | None = None


def picture_grid(
    title: str,
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Panel]]],
    *,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw a grid of pictures.

    Args:
        title: of the figure.
        heads: of the columns.
        rows: name of each row, and its panels, one per head.
        notes: lines below.

    Returns:
        The figure; where there are no rows or columns, its notes alone.
    """
    across, down = max(len(heads), 3), len(rows)
    width = across * CELL_IN + 0.9
    top, foot = 0.66, 0.12 + 0.16 * _lines(notes, width)
    height = top + down * (CELL_IN + 0.22) + foot
    with matplotlib.rc_context(_STYLE):
        figure = blank(width, height)
        figure.text(0.1 / width, 1 - 0.1 / height, title, va="top", weight="bold", size=10)
        for column, head in enumerate(heads):
            x = (0.8 + (column + 0.5) * CELL_IN) / width
            figure.text(x, 1 - (top - 0.06) / height, wrapped(head, 18), ha="center", va="bottom")
        for row, (name, panels) in enumerate(rows):
            y = height - top - row * (CELL_IN + 0.22) - CELL_IN
            figure.text(
                0.74 / width, (y + CELL_IN / 2) / height, wrapped(name, 12), ha="right", va="center"
            )
            for column, panel in enumerate(panels):
                place = (0.8 + column * CELL_IN + 0.03, y, CELL_IN - 0.06, CELL_IN)
                draw_panel(add_axes(figure, place), panel)
        write_notes(figure, notes, width)
    return figure


def blank(width: float, height: float) -> Figure:
    """Return an empty white figure of a size in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, place: tuple[float, float, float, float]) -> Axes:
    """Add axes at left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    left, bottom, across, up = place
    return figure.add_axes((left / width, bottom / height, across / width, up / height))


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw a panel; one without a picture is an empty frame with its note."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(panel.image is None)
        spine.set_color("0.8")
    if panel.image is None:
        axes.set_facecolor("0.97")
        axes.text(
            *(0.5, 0.5, wrapped(panel.note, 16)),
            transform=axes.transAxes,
            ha="center",
            va="center",
            size=6.5,
            color="0.35",
        )
        return
    axes.imshow(panel.image.astype(np.float32), cmap="gray", vmin=0, vmax=1)
    if panel.heat is not None:
        axes.imshow(panel.heat, cmap="inferno", vmin=0, vmax=1, alpha=0.55)
    if panel.note:
        axes.set_xlabel(wrapped(panel.note, 26), size=5.5, labelpad=1.5, color="0.35")


def write_notes(figure: Figure, notes: Sequence[str], width: float) -> None:
    """Write notes at the foot of a figure of a width in inches."""
    text = "\n".join(wrapped(note, _letters(width)) for note in notes)
    height = figure.get_size_inches()[1]
    figure.text(0.1 / width, 0.08 / height, text, va="bottom", size=7, color="0.25")


def wrapped(text: str, letters: int) -> str:
    """Break each line of a text where it is too long: at spaces, and in longer words after `_`."""
    return "\n".join(_broken(line, letters) for line in text.split("\n"))


def _broken(text: str, letters: int) -> str:
    lines = [""]
    for word in text.split(" "):
        parts = [word] if len(word) <= letters else word.replace("_", "_\u200b").split("\u200b")
        for number, part in enumerate(parts):
            joint = " " if lines[-1] and number == 0 else ""
            if lines[-1] and len(lines[-1]) + len(joint) + len(part) > letters:
                lines.append(part)
            else:
                lines[-1] += joint + part
    return "\n".join(lines)


def write_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as PNG and SVG; the same figure gives the same bytes."""
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": stem.name}):
        for ending, metadata in (
            ("png", {"Software": None}),
            ("svg", dict.fromkeys(("Date", "Creator", "Format", "Type"))),
        ):
            with whole(stem.with_suffix(f".{ending}")) as partial:
                figure.savefig(partial, format=ending, dpi=DPI, metadata=metadata)


def _letters(width: float) -> int:
    return int(width * 17)


def _lines(notes: Sequence[str], width: float) -> int:
    return sum(wrapped(note, _letters(width)).count("\n") + 1 for note in notes)
