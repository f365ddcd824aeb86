"""Loss curves of a run as an SVG embedded in the page."""

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# Okabe and Ito's colours: colour-blind readers can tell them apart, on light and dark pages.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a")
_INK = "#010203"  # placeholder for the text colour of the page
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def losses_svg(losses: pd.DataFrame, title: str, terms: Sequence[str]) -> str:
    """Plot the losses of a run over the epochs: generator terms, then discriminator terms.

    Args:
        losses: rows of losses.csv; ``epoch``, one column a term, ``d_...`` for discriminators, the
            same with prefix ``val_``.
        title: text alternative of the figure; also seeds its identifiers.
        terms: all terms of all figures, so that each has the same colour in all of them; a
            discriminator has the colour of its term.

    Returns:
        SVG to embed in a page, in its text colour; empty if there is nothing to plot.
    """
    panels = [(name, panel_terms) for name, panel_terms in _panels(losses) if panel_terms]
    if not panels or losses.empty:
        return ""
    names = list(dict.fromkeys(term.removeprefix("d_") for term in terms))
    colours = dict(zip(names, _COLOURS * len(names), strict=False))
    style: dict[Any, Any] = {
        "svg.hashsalt": title,
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
        ),
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(style):
        many = len(panels)
        figure = Figure(figsize=(5.4 * many, 3.0))
        FigureCanvasSVG(figure)
        for number, (name, panel_terms) in enumerate(panels):
            # Fixed positions, so that the panels of all runs are aligned on the page.
            axes = figure.add_axes(((number + 0.12) / many, 0.17, 0.62 / many, 0.72))
            _plot(axes, losses, name, panel_terms, colours)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(buffer.getvalue(), title)


def loss_terms(losses: pd.DataFrame) -> list[str]:
    """List the columns of losses.csv that are terms and hold at least one number."""
    no_terms = ("epoch", "step", "learning_rate")
    return [
        str(name)
        for name in losses.columns
        if name not in no_terms and not str(name).startswith("val_") and losses[name].notna().any()
    ]


def _panels(losses: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Split the terms between generator and discriminators."""
    terms = loss_terms(losses)
    return [
        ("Generator", [name for name in terms if not name.startswith("d_")]),
        ("Discriminators", [name for name in terms if name.startswith("d_")]),
    ]


def _few_labels(value: float, _: float | None = None) -> str:
    """Label 2 and 5 between powers of ten; more labels would overlap."""
    digits = f"{value:.0e}"
    return f"{value:g}" if digits[0] in "25" and np.isclose(float(digits), value) else ""


def _plot(
    axes: Axes, losses: pd.DataFrame, name: str, terms: list[str], colours: dict[str, str]
) -> None:
    marker = "o" if len(losses) < 4 else ""
    for term in terms:
        colour = colours[term.removeprefix("d_")]
        line: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3}
        axes.plot(losses["epoch"], losses[term], label=term, linewidth=1.6, **line)
        if f"val_{term}" in losses:
            axes.plot(losses["epoch"], losses[f"val_{term}"], "--", linewidth=1.1, **line)
    axes.plot([], [], color=_INK, linewidth=1.6, label="train")
    axes.plot([], [], "--", color=_INK, linewidth=1.1, label="validation")
    values = losses[[name for name in losses if str(name).removeprefix("val_") in terms]].to_numpy()
    low, high = np.nanmin(values), np.nanmax(values)
    if low > high / 20:
        axes.set_ylim(0, 1.08 * high)
    elif low > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(FuncFormatter(_few_labels))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (no unit)")
    axes.grid(alpha=0.25, linewidth=0.5, color=_INK)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _inline(svg: str, title: str) -> str:
    """Turn a stand-alone SVG into one to embed in a page beside others."""
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # repeated in every figure; nothing refers to them
    svg = re.sub(r'(<svg[^>]*?) width="([\d.]+pt)"', r'\1 style="max-width: \2"', svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).strip()
