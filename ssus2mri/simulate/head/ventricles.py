"""Ventricles and midline of the built-in head, with plexus, germinal matrix, callosum and falx."""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.simulate.head.shapes import Canvas, Distance, Points, common, ellipsoid, tube, union
from ssus2mri.simulate.head.sizes import Sizes
from ssus2mri.tissues import Tissue

_LOW, _HIGH = (-1.0, -26.0, -14.0), (21.0, 31.0, 16.0)
_TALL = 0.55
"""The atrium is higher than wide: its vertical axis is pressed by this before it is drawn round."""


def paint_callosum(canvas: Canvas, sizes: Sizes) -> None:
    """Paint the corpus callosum: rostrum, genu, body, splenium, over the midline to both sides."""
    cut, points = canvas.box((-1, -24, -2), (9, 12, 16))
    x, y, z = points
    thick = sizes.ref(1.8) / 2
    aside = np.maximum(x - np.float32(4.0), 0)
    knots = [
        (0, -15.5, 0.8, 0.8 * thick),
        (0, -18.8, 2.0, thick),
        (0, -20.2, 5.2, 1.5 * thick),
        (0, -17.8, 9.0, 1.1 * thick),
        (0, -11.0, 11.4, thick),
        (0, -3.0, 11.9, thick),
        (0, 3.5, 10.6, 1.1 * thick),
        (0, 6.6, 8.0, 1.4 * thick),
    ]
    # Its fibres rise to both sides.
    callosum = tube((aside, y, z - np.float32(0.12) * x), knots)
    canvas.labels[cut][callosum < 0] = Tissue.CORPUS_CALLOSUM


def paint_ventricles(canvas: Canvas, surface: Distance, sizes: Sizes) -> None:
    """Paint lateral and third ventricle with plexus, germinal matrix and cavum septi pellucidi.

    Args:
        canvas: half of the head, reference mm.
        surface: distance to the hemisphere, reference mm.
        sizes: of the head.
    """
    cut, points = canvas.box(_LOW, _HIGH)
    part = canvas.labels[cut]
    x, _, z = points
    soft = np.isin(part, (Tissue.WHITE_MATTER, Tissue.DEEP_GREY))
    lateral = _lateral(points, sizes)
    # White matter stays between the ventricle and the bottom of a sulcus.
    mantle = surface[cut] + np.float32(sizes.ref(sizes.cortex + 0.8))
    lateral = np.where(x > 5, np.maximum(lateral, mantle), lateral)
    # The frontal horns stop at the septum's leaves, which the cavum holds apart.
    leaf = sizes.ref(sizes.cavum / 2 + 0.75)
    lateral = common(lateral, np.float32(leaf) - x)
    wall = sizes.ref(sizes.germinal)
    matrix = lateral - np.float32(wall) if wall else np.full_like(lateral, 1.0)
    matrix = np.minimum(matrix, _eminence(points, sizes))
    part[(matrix < 0) & soft] = Tissue.GERMINAL_MATRIX
    part[(lateral < 0) & (soft | (part == Tissue.CORPUS_CALLOSUM) & (z < 9.5))] = Tissue.VENTRICLES
    plexus = _plexus(points, sizes)
    part[(plexus < 0) & (lateral < -0.35) & (part == Tissue.VENTRICLES)] = Tissue.CHOROID_PLEXUS
    third = np.maximum(
        ellipsoid(points, (0, -1.0, -0.5), (2.0, 8.0, 5.0)), x - np.float32(sizes.ref(0.75))
    )
    # Within it the thalami meet: the massa intermedia.
    third = np.maximum(third, -ellipsoid(points, (0, -0.5, 1.0), (9.0, 2.6, 2.2)))
    part[(third < 0) & (part != Tissue.EXTRA_AXIAL_CSF)] = Tissue.VENTRICLES
    _paint_cavum(part, points, sizes)


def _paint_cavum(part: NDArray[np.uint8], points: Points, sizes: Sizes) -> None:
    """Paint the cavum, a box in front of the fornix, and the leaves of the septum around it."""
    x, y, z = points
    half = sizes.ref(sizes.cavum) / 2
    side = (((y + 11.0) / 8.0) ** 2) ** 1.5 + (((z - 6.2) / 5.2) ** 2) ** 1.5
    narrow = half * (1 - 0.25 * np.clip((y + 10.5) / 7.2, 0, 1))
    # The callosum is its roof and front; leaves and fornix close it elsewhere.
    outside = (Tissue.CORPUS_CALLOSUM, Tissue.EXTRA_AXIAL_CSF, Tissue.CORTEX, Tissue.MIDLINE)
    free = ~np.isin(part, outside)
    part[(side < 1.35) & free & (x <= narrow + sizes.ref(0.75))] = Tissue.MIDLINE
    part[(side < 1) & free & (x <= narrow)] = Tissue.CAVUM


def _lateral(points: Points, sizes: Sizes) -> Distance:
    """Return the lateral ventricle; the atrium's width is nearly the same at all ages."""
    x, y, z = points
    wide = sizes.ref(sizes.atrium) / 2
    horn = wide / 3.05
    front = tube(
        points,
        [
            (4.6, -19.5, 3.8, 1.3 * horn),
            (4.9, -15.0, 6.6, 2.0 * horn),
            (5.6, -8.0, 9.3, 1.9 * horn),
            (6.6, 0.0, 10.2, 1.8 * horn),
            (9.6, 7.0, 8.6, 2.3 * horn),
            (12.4, 12.0, 5.5, 2.8 * horn),
        ],
    )
    pressed = (x, y, z * np.float32(_TALL))
    back = tube(
        pressed,
        [
            (13.3, 9.5, 5.2 * _TALL, 0.85 * wide),
            (12.3, 13.5, 4.6 * _TALL, wide),
            (11.0, 18.0, 3.6 * _TALL, 0.93 * wide),
            (9.2, 24.5, 2.2 * _TALL, 0.45 * wide),
        ],
    )
    temporal = tube(
        points,
        [
            (13.6, 11.5, 1.0, 2.2 * horn),
            (16.4, 7.0, -5.5, 1.3 * horn),
            (15.8, -2, -9.3, 0.9 * horn),
        ],
    )
    return union(front, back, temporal, blend=1.2)


def _plexus(points: Points, sizes: Sizes) -> Distance:
    x, y, z = points
    wide = sizes.choroid * sizes.ref(sizes.atrium) / 2
    glomus = tube(
        (x, y, z * np.float32(_TALL)),
        [
            (12.6, 10.0, 5.6 * _TALL, 0.8 * wide),
            (12.0, 14.0, 4.2 * _TALL, wide),
            (11.0, 17.5, 3.0 * _TALL, 0.75 * wide),
        ],
    )
    body = tube(points, [(6.0, -4.0, 9.0, 0.7), (7.6, 2.5, 9.4, 1.0), (11.8, 9.5, 7.0, 0.6 * wide)])
    horn = tube(points, [(13.2, 11.5, 1.0, 0.5 * wide), (16.0, 7.0, -5.2, 0.8)])
    return union(glomus, body, horn)


def _eminence(points: Points, sizes: Sizes) -> Distance:
    """Return the ganglionic eminence over the caudate, which shrinks from 24 to 28 weeks."""
    radius = sizes.ref(sizes.eminence)
    left = float(np.clip((28 - sizes.ga_weeks) / 4, 0, 1))
    knots = [
        (6.8, -16.5, 5.4, (1.6 * left - 0.7) * radius),
        (7.9, -9.0, 8.0, (0.5 * left + 0.5) * radius),
        (9.2, -2.5, 8.4, 0.8 * radius),
        (11.0, 4.0, 7.0, (0.8 * left - 0.4) * radius),
    ]
    return tube(points, knots)


def paint_falx(canvas: Canvas, core: Distance) -> None:
    """Paint the falx between the hemispheres, and the tentorium over the cerebellum.

    Args:
        canvas: half of the head, reference mm.
        core: distance to the hemisphere, reference mm.
    """
    x, y, z = canvas.points
    fluid = canvas.labels == Tissue.EXTRA_AXIAL_CSF
    step = float(canvas.x[1] - canvas.x[0])
    falx = (np.abs(x) < 0.6 * step) & crescent(y + 6, z - 5)
    # A sheet one voxel thick: high at the midline, down to the petrous bones and the occiput.
    sheet = 1.5 - 0.33 * (y - 8) - 0.42 * x
    notch = (x / 9.5) ** 2 + ((y - 4.0) / 9.0) ** 2 > 1
    tent = (np.abs(z - sheet) < 0.6 * step * 1.13) & notch & (y > 4)
    canvas.labels[(falx | tent) & fluid & (core > 0)] = Tissue.MIDLINE


def crescent(behind: NDArray, above: NDArray) -> NDArray[np.bool_]:
    """Where the falx is within the midline plane: around the corpus callosum, not below the brain.

    Args:
        behind: distance behind the middle of the corpus callosum, mm.
        above: distance above the thalami's upper part, mm.
    """
    lower = np.where(behind < 0, 0.5, -0.15) * behind - 4
    return ((behind / 19) ** 2 + (above / 11) ** 2 > 1) & (above > lower)
