"""The viewer: a page to browse a scan, one self-contained file that needs no network.

Whoever has slices can make one: the pages of a project's test scans come from
`ssus2mri.render.browse`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssus2mri import __version__
from ssus2mri.render.choose import spread
from ssus2mri.render.pages import environment
from ssus2mri.render.pictures import upright
from ssus2mri.render.sprites import grid, head_box, sheet
from ssus2mri.slices import PLANES

Role = Literal["ultrasound", "synthetic", "real"]


@dataclass(frozen=True)
class Layer:
    """An image of the viewer, at all its places.

    ``image`` is ``(S, H, W)`` in [0, 1], ultrasound `display.windowed`; ``notes`` say what single
    slices are, if they differ. ``trust``, the same shape in [0, 1], is how far each pixel is to be
    believed: 0 is a guess; None where nobody knows.
    """

    name: str
    role: Role
    image: NDArray[np.floating]
    notes: Sequence[str] = ()
    trust: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Scan:
    """What the viewer shows: layers at the same places, and where these are.

    ``plane`` and ``index`` are ``(S,)`` as in `ssus2mri.slices`, ``head`` is ``(S, H, W)``;
    ``facts`` are a name and a value each.
    """

    title: str
    layers: Sequence[Layer]
    plane: NDArray[np.uint8]
    index: NDArray[np.int16]
    head: NDArray[np.bool_]
    spacing_mm: float
    facts: Sequence[tuple[str, str]] = field(default=())


def viewer_page(scan: Scan, *, slices_per_plane: int) -> str:
    """Compose the page; the same scan gives the same bytes.

    Args:
        scan: what to show.
        slices_per_plane: of more, so many are taken evenly, which bounds the size of the page.
    """
    planes = [
        _plane(scan, number, slices_per_plane)
        for number in range(len(PLANES))
        if (scan.plane == number).any()
    ]
    content = {
        "layers": [{"name": layer.name, "role": layer.role} for layer in scan.layers],
        "planes": planes,
        "spacing": scan.spacing_mm,
    }
    return (
        environment()
        .get_template("viewer.html")
        .render(
            title=scan.title,
            facts=scan.facts,
            content=content,
            version=__version__,
            trust=any(layer.trust is not None for layer in scan.layers),
        )
    )


def _plane(scan: Scan, number: int, most: int) -> dict[str, Any]:
    """Return the slices of a plane in order: where they lie, and a sheet of each layer."""
    name = PLANES[number]
    places = np.flatnonzero(scan.plane == number)
    places = places[np.argsort(scan.index[places], kind="stable")]
    places = np.array(spread(places.tolist(), most))
    box = head_box(upright(scan.head[places], name))
    layout = grid(len(places), box)

    def drawn(images: NDArray[Any]) -> str:
        return sheet(upright(images[places], name)[:, box[0], box[1]], layout)

    return {
        "name": name,
        "index": scan.index[places].tolist(),
        **layout._asdict(),
        "sheets": [drawn(layer.image) for layer in scan.layers],
        "trust": [None if layer.trust is None else drawn(layer.trust) for layer in scan.layers],
        "notes": [
            [layer.notes[place] for place in places.tolist()] if layer.notes else []
            for layer in scan.layers
        ],
    }
