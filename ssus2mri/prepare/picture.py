"""Pictures of aligned images with outlines of the template, for inspection by eye."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssus2mri.files import whole
from ssus2mri.tissues import HEAD, INTRACRANIAL, Tissue

OUTLINES = (
    ("skull", HEAD, "#ffb000"),
    ("brain", INTRACRANIAL, "#40c8ff"),
    ("ventricles", (Tissue.VENTRICLES, Tissue.CAVUM), "#ff5c8a"),
    ("cerebellum", (Tissue.CEREBELLUM,), "#7ddc5c"),
)
"""The outlines drawn of the template: name, tissues, colour."""


class Panel(NamedTuple):
    """A plane: ``image`` and ``labels`` are ``(H, W)`` with row 0 at the top of the picture.

    ``sides`` names top, bottom, left and right (A, P, S, I, R, L), or is empty.
    """

    name: str
    image: NDArray[np.floating]
    labels: NDArray[np.integer]
    sides: str


def panels(image: NDArray[np.floating], labels: NDArray[np.integer]) -> list[Panel]:
    """Cut the three planes through the centre of the template's head, upright.

    Args:
        image: ``[z, y, x]`` on the atlas grid, or an axial plane ``[y, x]``.
        labels: the template's, `Tissue`, same shape.

    Returns:
        Axial with anterior up; coronal and sagittal with superior up; the patient's right is at
        the left of axial and coronal (radiological). Left and right of a 2D plane are unknown.
    """
    if image.ndim == 2:
        return [Panel("axial plane", image, labels, "AP")]
    inside = np.argwhere(np.isin(labels, HEAD))
    k, j, i = inside.mean(axis=0).round().astype(int)
    return [
        Panel(f"axial, slice {k}", image[k], labels[k], "APRL"),
        Panel(f"coronal, slice {j}", image[::-1, j], labels[::-1, j], "SIRL"),
        Panel(f"sagittal, slice {i}", image[::-1, :, i], labels[::-1, :, i], "SIAP"),
    ]


def draw(planes: list[Panel], title: str) -> Figure:
    """Draw planes side by side, with the template's outlines on them.

    Args:
        planes: at least one.
        title: what the figure shows, a colon, and a measure of its quality.

    Returns:
        The figure, not yet written.
    """
    figure = Figure(figsize=(3.2 * max(len(planes), 2), 4.0), dpi=100, facecolor="white")
    figure.suptitle(title.replace(": ", "\n", 1), fontsize=8)
    for axes, panel in zip(figure.subplots(1, len(planes), squeeze=False)[0], planes, strict=True):
        _draw_panel(axes, panel)
    for name, _, colour in OUTLINES:
        figure.axes[0].plot([], [], color=colour, linewidth=1.5, label=f"{name} (template)")
    figure.legend(loc="lower center", ncols=len(OUTLINES), fontsize=7, frameon=False)
    figure.subplots_adjust(left=0.03, right=0.97, top=0.83, bottom=0.1, wspace=0.1)
    return figure


def write(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes."""
    with whole(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _draw_panel(axes: Axes, panel: Panel) -> None:
    values = panel.image[panel.image != 0]
    low, high = np.percentile(values, [1.0, 99.5]) if values.size else (0.0, 1.0)
    axes.imshow(panel.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    for _, tissues, colour in OUTLINES:
        inside = np.isin(panel.labels, tissues)
        if inside.any() and not inside.all():
            axes.contour(inside, levels=[0.5], colors=colour, linewidths=0.8)
    axes.set_title(panel.name, fontsize=8)
    axes.set_axis_off()
    places = [(0.5, 0.97), (0.5, 0.03), (0.03, 0.5), (0.97, 0.5)]
    for side, (x, y) in zip(panel.sides, places, strict=False):
        axes.text(
            x,
            y,
            side,
            transform=axes.transAxes,
            color="white",
            fontsize=8,
            ha="center",
            va="center",
        )
