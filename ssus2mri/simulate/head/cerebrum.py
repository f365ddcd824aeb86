"""Cerebral hemisphere of the built-in head: lobes, Sylvian fissure, cortical plate, deep grey."""

import numpy as np

from ssus2mri.simulate.head.shapes import (
    Canvas,
    Distance,
    Points,
    common,
    ellipsoid,
    tube,
    union,
    without,
)
from ssus2mri.simulate.head.sizes import Sizes
from ssus2mri.simulate.head.sulci import carve
from ssus2mri.tissues import Tissue

_FISSURE_MM = 0.85
"""Half of the gap between the hemispheres, which the falx shares with fluid."""


def hemisphere(points: Points, inner: Distance, sizes: Sizes) -> Distance:
    """Return the distance to one hemisphere's surface, reference mm.

    Args:
        points: half of the head, x >= 0, reference mm.
        inner: distance to the skull's inner table, reference mm.
        sizes: of the head.

    Returns:
        Distance, negative inside; smooth except for the Sylvian fissure and the sulci of the age.
    """
    x, y, z = points
    lobes = union(
        ellipsoid(points, (10.5, -8.5, 3.5), (15.5, 26.5, 22.8)),
        ellipsoid(points, (12.3, 6.0, 6.0), (14.6, 22.0, 19.2)),
        ellipsoid(points, (10.8, 16.5, 2.8), (11.4, 16.3, 12.2)),
        blend=6,
    )
    lobes = common(lobes, np.float32(-9.6) - z, blend=3)
    temporal = tube(points, [(16.5, -7.0, -9.5, 6.3), (17.2, 3, -9.5, 7.8), (16.8, 12, -4, 8.5)])
    lobes = union(lobes, temporal, blend=2.5) - np.float32(sizes.swell)
    # The fluid is thinnest at the side, where the parietal bone is nearest.
    fluid = np.float32(sizes.ref(sizes.fluid)) * (1 - np.float32(0.4) * (x / 27) ** 2)
    hull = np.maximum(lobes, inner + fluid)
    hull = np.maximum(hull, np.float32(sizes.ref(_FISSURE_MM)) - x)
    # Behind, the hemispheres part over the tentorium, the wider the lower, less towards the pole.
    parting = (
        np.float32(np.clip(sizes.ref(1.0), 0.7, 1.1))
        * np.clip(11.5 - z, -10, 20)
        * (0.12 + 0.33 * np.clip((24 - y) / 14, 0, 1))
    )
    hull = without(hull, common(x - parting - np.float32(0.9), 6.0 - y, blend=4), blend=3)
    opened = without(hull, _sylvian(points, sizes), blend=2.0)
    return carve(opened, hull, points, sizes)


def _sylvian(points: Points, sizes: Sizes) -> Distance:
    """Return the fluid over the insula and its mouth, which the opercula close with age."""
    x, y, z = points
    insula = 27.0 + sizes.room - sizes.ref(sizes.insula) - 0.5
    flat = (np.zeros_like(x), y, z)

    def extent(share: float) -> Distance:
        knots = [(-16.5, -2.0, 6.5), (-5.0, 2.5, 4.8), (6.5, 6.5, 2.2)]
        return tube(flat, [(0, y, z, share * radius) for y, z, radius in knots])

    cistern = np.maximum(insula - x, x - insula - sizes.ref(2.2))
    mouth = common(extent(sizes.mouth), (insula - x).astype(np.float32), blend=2)
    if sizes.mouth > 0.9:
        return mouth
    return union(mouth, common(extent(0.9), cistern.astype(np.float32), blend=1.5), blend=1.5)


def paint_cerebrum(canvas: Canvas, surface: Distance, sizes: Sizes) -> None:
    """Paint cortical plate and white matter of a `hemisphere`.

    The plate does not line the diencephalon's side: between corpus callosum and base the
    hemispheres are joined, and what follows is painted into white matter there.
    """
    canvas.labels[surface < 0] = Tissue.CORTEX
    cut, points = canvas.box((-1, -22, -7), (12, 8, 12))
    joined = ellipsoid(points, (0, -6.5, 2.6), (7.5, 14.2, 9.2))
    part = canvas.labels[cut]
    part[(joined < 0) & (part != Tissue.SKULL)] = Tissue.WHITE_MATTER
    canvas.labels[surface < -sizes.ref(sizes.cortex)] = Tissue.WHITE_MATTER


def paint_deep_grey(canvas: Canvas) -> None:
    """Paint thalamus, lentiform and caudate nucleus, hypothalamus."""
    cut, points = canvas.box((-1, -19, -9), (17, 11, 12))
    thalamus = ellipsoid(points, (5.8, 0.3, 2.2), (5.6, 7.6, 6.2))
    lentiform = ellipsoid(points, (11.3, -5.5, 2.2), (3.4, 8.2, 5.4))
    caudate = tube(points, [(7.2, -14.5, 4.5, 2.4), (8.0, -8, 7.0, 1.8), (9.2, 0, 8.5, 1.2)])
    floor = ellipsoid(points, (0, -5.0, -4.0), (4.5, 6.0, 3.4))
    massa = ellipsoid(points, (0, -0.5, 1.0), (3.0, 2.8, 2.4))
    deep = union(thalamus, lentiform, caudate, floor, massa, blend=1.5)
    part = canvas.labels[cut]
    # The pulvinar lies bare in the cistern; the other nuclei within white matter.
    part[(deep < 0) & ((part != Tissue.CORTEX) | (thalamus < 0.5))] = Tissue.DEEP_GREY
