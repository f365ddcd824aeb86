"""Face and neck stub of the built-in head: soft tissue, orbits, jaws, cervical spine."""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.simulate.head.shapes import Canvas, Distance, Points, ellipsoid, tube, union
from ssus2mri.simulate.head.skull import CLIVUS
from ssus2mri.tissues import Tissue


def paint_face(canvas: Canvas, outer: Distance, scalp: float) -> None:
    """Paint what lies outside the skull: scalp over the vault, face and neck below it.

    Args:
        canvas: half of the head, reference mm; nothing painted yet.
        outer: distance to the skull's outer border, reference mm.
        scalp: thickness, reference mm.
    """
    labels = canvas.labels
    labels[outer < scalp] = Tissue.SCALP
    cut, points = canvas.box((-1, -46, float(canvas.z[0])), (30, 42, 4))
    part = labels[cut]
    _, y, z = points
    face = union(
        ellipsoid(points, (0, -17.5, -20.0), (19.5, 18.5, 17.0)),
        ellipsoid(points, (0, -19.0, -33.0), (14.0, 13.5, 10.0)),
        blend=6,
    )
    nose = tube(points, [(0, -35.5, -12, 1.6), (0, -38.5, -21, 2.8)])
    neck = tube(points, [(0, 8.0, -22, 15.0), (0, 12, -40, 14.0), (0, 18, -75, 15.0)])
    cheek = ellipsoid(points, (14.0, -10.0, -22.0), (9.0, 14.0, 11.0))
    soft = union(union(face, nose, blend=2), neck, cheek, blend=6)
    part[soft < 0] = Tissue.SOFT_TISSUE
    # Below the vault's rim there is no hairy scalp, only the soft tissue of face and neck.
    part[(outer[cut] < scalp) & (z < -9 - 0.12 * y)] = Tissue.SOFT_TISSUE
    # Skin covers whatever lies within.
    deep = soft < -1.3
    _paint_bones(part, points, deep)
    _paint_cavities(part, points, deep)


def _paint_bones(part: NDArray[np.uint8], points: Points, deep: NDArray[np.bool_]) -> None:
    _, y, z = points
    orbit = ellipsoid(points, (10.5, -26.5, -15.5), (7.2, 7.8, 7.0))
    rim = (np.abs(orbit) < 0.9) & (y > -31)
    zygoma = tube(points, [(16.5, -25, -21, 1.3), (20, -16, -20, 1.2), (21.5, -8, -17, 1.2)])
    maxilla = ellipsoid(points, (0, -27.5, -26.5), (9.0, 7.5, 2.4))
    nasal = tube(points, [(0.8, -33.5, -11, 1.0), (1.2, -36.0, -17, 0.9)])
    mandible = tube(
        points,
        [(17.5, -4.0, -21, 1.4), (16, -8, -33, 1.7), (9, -24, -38, 1.7), (0, -29.5, -39, 1.8)],
    )
    # Vertebrae: segments along the neck's axis with cartilage between them.
    along = (z + 30) / np.float32(5.0)
    spine = tube(points, [(0, 11.0, -33, 3.4), (0, 17.0, -75, 3.6)])
    arch = tube(points, [(5.0, 16.5, -33, 1.4), (5.0, 22.5, -75, 1.4)])
    segment = np.abs(along - np.rint(along)) < 0.33
    bone = union(zygoma, maxilla, nasal, mandible, tube(points, CLIVUS)) < 0
    bone = bone | rim | ((union(spine, arch) < 0) & segment & (z < -31))
    part[bone & deep & (part == Tissue.SOFT_TISSUE)] = Tissue.FACIAL_BONE


def _paint_cavities(part: NDArray[np.uint8], points: Points, deep: NDArray[np.bool_]) -> None:
    """Paint vitreous body, mouth and pharynx: fluid, in the womb."""
    eye = ellipsoid(points, (10.5, -28.0, -15.5), (4.9, 5.0, 4.9))
    mouth = ellipsoid(points, (0, -26.0, -30.2), (6.0, 8.0, 0.9))
    pharynx = tube(points, [(0, -6.0, -24, 1.6), (0, -2.0, -36, 1.8), (0, 3.0, -52, 1.4)])
    hollow = union(eye, mouth, pharynx) < 0
    part[hollow & deep & (part == Tissue.SOFT_TISSUE)] = Tissue.AMNIOTIC_FLUID
