"""The page of one prediction: pictures, sizes and what they are worth, in one HTML file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.render.pages import environment
from ssus2mri.render.pictures import drawn
from ssus2mri.slices import PLANES
from ssus2mri.tissues import Tissue

_SLICES = (0.38, 0.5, 0.62)  # of the extent of the brain along an axis
_COLOURS = {
    Tissue.WHITE_MATTER: (215, 215, 205),
    Tissue.VENTRICLES: (0, 114, 178),
    Tissue.CEREBELLUM: (230, 159, 0),
    Tissue.EXTRA_AXIAL_CSF: (86, 180, 233),
    Tissue.CORTEX: (130, 130, 130),
    Tissue.DEEP_GREY: (0, 158, 115),
    Tissue.BRAINSTEM: (204, 121, 167),
    Tissue.CORPUS_CALLOSUM: (240, 228, 66),
    Tissue.SKULL: (255, 250, 240),
    Tissue.MIDLINE: (70, 70, 70),
    Tissue.CAVUM: (20, 40, 120),
    Tissue.CHOROID_PLEXUS: (213, 94, 0),
    Tissue.GERMINAL_MATRIX: (150, 90, 40),
    Tissue.CYST: (120, 0, 160),
    Tissue.BLEED: (160, 0, 30),
}
_SIZES = {
    **{name: f"{name} diameter" for name in ("biparietal", "occipitofrontal", "transcerebellar")},
    **{name: f"width of the {name}" for name in ("atrium", "cavum")},
}


def prediction_page(
    name: str,
    *,
    us: NDArray[np.float32],
    mr: NDArray[np.float32],
    labels: NDArray[np.uint8],
    trust: NDArray[np.float32],
    facts: Mapping[str, Any],
) -> str:
    """Make the page.

    Args:
        name: of the scan; any text.
        us: upright ``[z, y, x]`` in [0, 1], of a plane one slice.
        mr: the same shape, in [0, 1].
        labels: the same shape, `Tissue`.
        trust: the same shape, 0 to 1.
        facts: what the JSON file says; see `ssus2mri.prediction.write`.

    Returns:
        HTML that needs no network and no other file.
    """
    present = [tissue for tissue in _COLOURS if (labels == tissue).any()]
    columns: list[tuple[str, NDArray[Any]]] = [("ultrasound", us), ("synthetic MR", mr)]
    if present:
        columns += [("tissues", coloured(labels)), ("trust", trust)]
    return (
        environment()
        .get_template("prediction.html")
        .render(
            name=name,
            facts=facts,
            columns=[title for title, _ in columns],
            rows=_rows(columns, mr),
            sizes={key: _SIZES.get(key, key.replace("_", " ")) for key in facts["sizes"]},
            legend=[(_name(tissue), _COLOURS[tissue]) for tissue in present],
        )
    )


def _name(tissue: Tissue) -> str:
    """Return how a tissue is written."""
    if tissue == Tissue.EXTRA_AXIAL_CSF:
        return "extra-axial CSF"
    return tissue.name.lower().replace("_", " ")


def _rows(
    columns: Sequence[tuple[str, NDArray[Any]]], mr: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Cut the slices: plane, and a picture for every column."""
    flat = len(mr) == 1
    rows = []
    for axis in (0,) if flat else (0, 1, 2):
        other_axes = tuple(a for a in range(3) if a != axis)
        used = np.flatnonzero((mr > 0).any(axis=other_axes))
        if not used.size:
            used = np.arange(mr.shape[axis])
        for share in (0.5,) if flat else _SLICES:
            index = int(used[0] + share * (used[-1] - used[0]))
            pictures = []
            for _, array in columns:
                image = array.take(index, axis=axis)
                pictures.append(drawn(image if axis == 0 else image[::-1]))
            rows.append({"plane": PLANES[axis], "pictures": pictures})
    return rows


def coloured(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours of tissues: `Tissue`, any shape, to uint8 ``(..., 3)``."""
    table = np.zeros((256, 3), np.uint8)
    for tissue, colour in _COLOURS.items():
        table[tissue] = colour
    return table[labels]
