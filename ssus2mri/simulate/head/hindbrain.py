"""Brainstem, cerebellum and fourth ventricle of the built-in head."""

import numpy as np

from ssus2mri.simulate.head.shapes import Canvas, Distance, Points, ellipsoid, tube, union
from ssus2mri.simulate.head.sizes import Sizes
from ssus2mri.tissues import Tissue

_REFERENCE_CEREBELLUM = 24.7
"""Transcerebellar diameter that the shapes below have, reference mm."""
_ANCHOR = (0.0, 10.0, -11.5)
"""The fourth ventricle: from here the cerebellum grows at its own rate."""


def paint_hindbrain(canvas: Canvas, inner: Distance, sizes: Sizes) -> None:
    """Paint midbrain, pons, medulla, both cerebellar hemispheres and vermis, fourth ventricle.

    Args:
        canvas: half of the head, reference mm.
        inner: distance to the skull's inner table, reference mm.
        sizes: of the head.
    """
    cut, points = canvas.box((-1, -8, -36), (20, 34, 3))
    part = canvas.labels[cut]
    inside = inner[cut] < -0.6
    cerebellum = _cerebellum(points, sizes)
    part[(cerebellum < 0) & inside] = Tissue.CEREBELLUM
    room = np.isin(part, (Tissue.EXTRA_AXIAL_CSF, Tissue.CORTEX, Tissue.WHITE_MATTER, Tissue.SKULL))
    room |= part == Tissue.CEREBELLUM
    part[(_stem(points) < 0) & (inner[cut] < 0) & room] = Tissue.BRAINSTEM
    fourth = ellipsoid(points, (0, 10.4, -11.5), (2.6, 1.5, 4.6))
    aqueduct = tube(points, [(0, 5.0, -1.0, 0.6), (0, 8.5, -6.0, 0.7)])
    nervous = np.isin(part, (Tissue.BRAINSTEM, Tissue.CEREBELLUM, Tissue.DEEP_GREY))
    part[(union(fourth, aqueduct) < 0) & nervous] = Tissue.VENTRICLES


def _stem(points: Points) -> Distance:
    midbrain = tube(points, [(0, 3.5, -3.2, 5.0), (0, 4.0, -6.0, 5.0)])
    peduncle = tube(points, [(6.0, 0.0, -1.5, 2.6), (3.0, 0.5, -6.5, 3.0)])
    tectum = tube(points, [(2.2, 8.2, -1.0, 2.1), (1.8, 8.6, -4.5, 2.0)])
    pons = ellipsoid(points, (0, 4.0, -11.0), (5.6, 5.0, 5.2))
    medulla = tube(points, [(0, 7.0, -15.0, 4.0), (0, 10.5, -20.5, 3.4), (0, 15.0, -33, 2.7)])
    return union(union(midbrain, peduncle, tectum, blend=1), union(pons, medulla, blend=2), blend=2)


def _cerebellum(points: Points, sizes: Sizes) -> Distance:
    """Return two hemispheres that bulge behind and below the narrower vermis."""
    factor = sizes.ref(sizes.cerebellum) / _REFERENCE_CEREBELLUM
    x, y, z = (
        (part - np.float32(a)) / np.float32(factor) + np.float32(a)
        for part, a in zip(points, _ANCHOR, strict=True)
    )
    near = (x, y - np.float32(sizes.room), z)  # the cisterna magna keeps its depth
    hemisphere = ellipsoid(near, (7.0, 15.8, -11.8), (5.35, 6.1, 5.7))
    vermis = ellipsoid(near, (0, 15.5, -11.0), (3.2, 4.9, 7.0))
    peduncle = tube(near, [(5.5, 11.5, -10.5, 2.2), (3.5, 6.5, -10.5, 2.4)])
    return union(union(hemisphere, vermis, blend=0.8), peduncle, blend=1.0)
