"""Pictures of aligned images with outlines of the template, for inspection by eye."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ssus2mri.display import white_level
from ssus2mri.files import whole
from ssus2mri.tissues import HEAD, INTRACRANIAL, Tissue

OUTLINES = (
    ("skull", HEAD, "#ffb000"),
    ("brain", INTRACRANIAL, "#40c8ff"),
    ("ventricles", (Tissue.VENTRICLES, Tissue.CAVUM), "#ff5c8a"),
    ("cerebellum", (Tissue.CEREBELLUM,), "#7ddc5c"),
)
"""The outlines drawn of the template: name, tissues, colour."""
PANEL_PX, GAP_PX, TOP_PX, BOTTOM_PX = 300, 12, 66, 28
"""Longer edge of a panel, space between panels, and space for titles and for the legend."""


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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


def draw(planes: list[Panel], title: str) -> Image.Image:
    """Draw planes side by side, with the template's outlines on them.

    With Pillow: loading matplotlib takes longer than to align a 2D plane.

    Args:
        planes: at least one.
        title: what the picture shows, a colon, and a measure of its quality.
    """
    width = GAP_PX + max(len(planes), 2) * (PANEL_PX + GAP_PX)
    page = Image.new("RGB", (width, TOP_PX + PANEL_PX + BOTTOM_PX), "white")
    ink, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    text = title.replace(": ", "\n", 1)
    ink.multiline_text((width / 2, 4), text, "black", font, anchor="ma", align="center")
    for number, panel in enumerate(planes):
        middle = width * (2 * number + 1) // (2 * len(planes))
        ink.text((middle, TOP_PX - 4), panel.name, "black", font, anchor="ms")
        picture = _draw_panel(panel)
        page.paste(picture, (middle - picture.width // 2, TOP_PX))
    _legend(ink, font, width, page.height - BOTTOM_PX / 2)
    return page


def _legend(ink: ImageDraw.ImageDraw, font: Font, width: int, height: float) -> None:
    """Write the colour of each outline, as far from each other as from the edges."""
    words = [f"{name} (template)" for name, _, _ in OUTLINES]
    lengths = [24 + font.getlength(word) for word in words]
    gap = (width - sum(lengths)) / (len(words) + 1)
    left = gap
    for word, length, (_, _, colour) in zip(words, lengths, OUTLINES, strict=True):
        ink.line([(left, height), (left + 18, height)], colour, width=2)
        ink.text((left + 24, height), word, "black", font, anchor="lm")
        left += length + gap


def write(page: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all; the same picture gives the same bytes."""
    with whole(path) as partial:
        page.save(partial, format="PNG")


def _grey_scale(panel: Panel) -> tuple[float, float]:
    """Return what is black and white: the skull, outside the template's brain, does not decide."""
    values = panel.image[panel.image != 0]
    if not values.size:
        return 0.0, 1.0
    brain = panel.image[np.isin(panel.labels, INTRACRANIAL)]
    return float(np.percentile(values, 1.0)), white_level(brain, np.ones_like(brain, bool))


def _draw_panel(panel: Panel) -> Image.Image:
    low, high = _grey_scale(panel)
    grey = ((panel.image - low) / max(high - low, 1e-6)).clip(0, 1) * 255
    rows, columns = panel.image.shape
    scale = PANEL_PX / max(rows, columns)
    size = round(columns * scale), round(rows * scale)
    smooth = Image.Resampling.BILINEAR
    colours = np.array(Image.fromarray(grey.astype(np.uint8)).resize(size, smooth).convert("RGB"))
    for _, tissues, colour in OUTLINES:
        mask = Image.fromarray(np.isin(panel.labels, tissues).astype(np.uint8) * 255)
        colours[_border(np.array(mask.resize(size, smooth)) > 127)] = ImageColor.getrgb(colour)
    picture = Image.fromarray(colours)
    ink, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    places = [(0.5, 0.03), (0.5, 0.97), (0.03, 0.5), (0.97, 0.5)]
    for side, (x, y) in zip(panel.sides, places, strict=False):
        ink.text((x * size[0], y * size[1]), side, "white", font, anchor="mm")
    return picture


def _border(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a region that have a neighbour outside it."""
    within = inside.copy()
    within[1:] &= inside[:-1]
    within[:-1] &= inside[1:]
    within[:, 1:] &= inside[:, :-1]
    within[:, :-1] &= inside[:, 1:]
    return inside & ~within
