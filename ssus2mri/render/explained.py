"""Figures 5 and 7: what `explain` saw in a run.

Figure 5: the feature maps at the end of encoders A and D, and where they look. Figure 7: squares
stamped into ultrasound, and their synthesis.

Source: TMI 2020, Sec. III-F, Fig. 5; Sec. IV-E.a, Fig. 7.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssus2mri import arrays
from ssus2mri.render.picture_grid import (
    Panel,
    add_axes,
    blank,
    draw_panel,
    picture_grid,
    write_notes,
)
from ssus2mri.render.pictures import upright

Explained = Mapping[str, NDArray[Any]]
_NEEDED = (
    *("run", "volume", "plane", "index", "us", "latent_a", "attention_a", "mr"),
    *("stamped_us", "stamped_mr", "patterns", "planes"),
)
_LATENT, _PATTERNS = "Figure 5: latent spaces", "Figure 7: preserved patterns"
_NONE = "No data: no enabled run has the generator of the source."


class Side(NamedTuple):
    """A half of the figure: heading, latent maps, and the pictures beside them with their heads."""

    heading: str
    latent: NDArray[np.floating]
    pictures: list[tuple[str, Panel]]


def read_explained(path: Path) -> Explained:
    """Read what `explain` wrote; see `ssus2mri.arrays.read`."""
    return arrays.read(path, stage="explain", needed=_NEEDED)


def latent_figure(explained: Explained | None, labels: Mapping[str, str]) -> Figure:
    """Draw the figure.

    Args:
        explained: what `read_explained` gives; None: there is none.
        labels: run -> name.

    Returns:
        The forward path above, the backward path below, each a grid of feature maps with the
        attention on its input and its output.
    """
    if explained is None:
        return picture_grid(_LATENT, [], [], notes=[_NONE])
    plane, run = str(explained["plane"]), str(explained["run"])
    sides = [_side("Forward, encoder A", explained, "a", ("Source US", "us"), ("Synth. MR", "mr"))]
    maps, height, width = explained["latent_a"].shape
    notes = [
        f"{labels.get(run, run)}, {explained['volume']}, {plane} slice {explained['index']}."
        f" {maps} maps of {height} x {width} pixels, each on its"
        " own grey scale. Attention: Grad-CAM of the sum of the output in the head, our choice.",
    ]
    if "latent_d" in explained:
        source, result = ("Synth. MR", "mr"), ("Back-inferred US", "us_back")
        sides.append(_side("Backward, encoder D", explained, "d", source, result))
    else:
        notes.append("No data for encoder D: this run has no backward path.")
    return _draw(sides, notes)


def pattern_figure(explained: Explained | None, labels: Mapping[str, str]) -> Figure:
    """Draw Figure 7: for each pattern the ultrasound with squares, and its synthesis beside it.

    Args:
        explained: what `read_explained` gives; None: there is none.
        labels: run -> name.

    Returns:
        The figure, a row per plane.
    """
    if explained is None:
        return picture_grid(_PATTERNS, [], [], notes=[_NONE])
    run, volume = str(explained["run"]), explained["volume"]
    heads = [
        head
        for pattern in explained["patterns"]
        for head in (f"US, {pattern} pattern", f"Synth. MR ({labels.get(run, run)})")
    ]
    rows = []
    for place, plane in enumerate(explained["planes"]):
        panels = [
            Panel(upright(explained[name][pattern, place], str(plane)))
            for pattern in range(len(explained["patterns"]))
            for name in ("stamped_us", "stamped_mr")
        ]
        rows.append((f"{volume}\n{plane}", panels))
    notes = ["Squares as stamped by stage probe; every slice is synthesised by itself."]
    return picture_grid(_PATTERNS, heads, rows, notes=notes)


def _side(
    heading: str,
    explained: Explained,
    letter: str,
    source: tuple[str, str],
    result: tuple[str, str],
) -> Side:
    plane = str(explained["plane"])
    latent, attention, image, output = (
        upright(explained[name], plane)
        for name in (f"latent_{letter}", f"attention_{letter}", source[1], result[1])
    )
    pictures = [
        (source[0], Panel(image)),
        ("Attention", Panel(image, heat=attention)),
        (result[0], Panel(output)),
    ]
    return Side(heading, latent, pictures)


def _draw(sides: list[Side], notes: list[str]) -> Figure:
    """Draw at most 12 maps a row, and beside them the pictures."""
    most = max(len(side.latent) for side in sides)
    cell, picture, across = 0.42, 1.3, min(12, most)
    down = -(-most // across)
    block = max(down * cell, picture) + 0.5
    width = across * cell + 3 * picture + 0.6
    height = 0.4 + len(sides) * block + 0.25 + 0.16 * len(notes)
    figure = blank(width, height)
    figure.text(0.1 / width, 1 - 0.1 / height, _LATENT, va="top", weight="bold", size=10)
    for number, side in enumerate(sides):
        top = height - 0.4 - number * block
        figure.text(0.1 / width, (top - 0.22) / height, side.heading, size=8)
        for place, feature in enumerate(side.latent):
            row, column = divmod(place, across)
            low, high = float(feature.min()), float(feature.max())
            scaled = (feature - low) / ((high - low) or 1.0)
            y = top - 0.28 - (row + 1) * cell
            draw_panel(
                add_axes(figure, (0.1 + column * cell, y, cell - 0.03, cell - 0.03)), Panel(scaled)
            )
        for place, (name, panel) in enumerate(side.pictures):
            x = 0.3 + across * cell + place * picture
            draw_panel(add_axes(figure, (x, top - 0.28 - picture, picture - 0.06, picture)), panel)
            figure.text(
                *((x + picture / 2) / width, (top - 0.22) / height, name), ha="center", size=8
            )
    write_notes(figure, notes, width)
    return figure
