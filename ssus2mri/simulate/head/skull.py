"""Skull of the built-in head: vault and base as one closed shell, its sutures and fontanelles."""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.simulate.head.shapes import (
    Canvas,
    Distance,
    Points,
    angle_to_arcs,
    common,
    ellipsoid,
    tube,
    union,
    without,
)
from ssus2mri.simulate.head.sizes import Sizes
from ssus2mri.tissues import Tissue

BREGMA, LAMBDA = (0.0, -9.0, 28.0), (0.0, 30.0, 15.0)
CLIVUS = [(0.0, -12.0, -16.5, 5.5), (0.0, -5.0, -19.0, 4.5), (0.0, 3.0, -27.0, 3.0)]
"""Body of the sphenoid bone and clivus, outside the cavity: knots of a `tube`."""
_NASION = (0.0, -34.5, -6.0)
_PTERION, _ASTERION = (23.0, -15.0, -2.0), (22.0, 19.0, -7.0)
SUTURES = {
    "sagittal": [BREGMA, LAMBDA],
    "metopic": [BREGMA, _NASION],
    "coronal": [BREGMA, (19.0, -11.0, 16.0), _PTERION],
    "lambdoid": [LAMBDA, (14.0, 26.0, 5.0), _ASTERION],
    "squamosal": [_PTERION, (26.0, -6.0, 4.0), (27.0, 4.0, 4.5), _ASTERION],
}
"""Course over the vault, as directions from its centre, reference mm."""


def outer_border(points: Points, sizes: Sizes) -> Distance:
    """Return the distance to the skull's outer border, reference mm.

    The vault is wider behind than in front. Below it lie the floor of the anterior fossa (above the
    orbits), the two middle fossae, and the posterior fossa, which narrows to the foramen magnum.
    """
    width, length = sizes.ref(sizes.width), sizes.ref(sizes.length)
    along = np.linspace(-1, 1, 201)
    # Where the taper makes the head widest, its width is the biparietal diameter.
    widest = (_taper(along * length / 2) * np.sqrt(1 - along**2)).max()
    x, y, z = points
    vault = ellipsoid(
        (x / _taper(y), y, z), (0, 0, 0), (width / 2 / widest, length / 2 + 0.4, 30.2)
    )
    floor = (-13.0 - z) * np.float32(0.97) + np.float32(0.1) * (y + 12)
    vault = common(vault, floor, blend=9)
    middle = ellipsoid(points, (15.5, -2.5, -7.5), (11.8, 14.5, 14.8))
    posterior = ellipsoid(points, (0, 12.5, -8.0), (20.8, 19.5, 15.2))
    funnel = tube(points, [(0, 12.5, -17, 8.5), (0, 15.0, -30, 6.0)])
    cavity = union(vault, middle, union(posterior, funnel, blend=5), blend=5)
    # The body of the sphenoid bone and the clivus rise between the middle fossae.
    return without(cavity, tube(points, CLIVUS), blend=4)


def paint_skull(canvas: Canvas, outer: Distance, sizes: Sizes) -> None:
    """Paint the shell, then its membranes: sutures, fontanelles, foramen magnum.

    Args:
        canvas: half of the head, reference mm.
        outer: of `outer_border`, on the canvas, reference mm.
        sizes: of the head.
    """
    canvas.labels[outer < 0] = Tissue.SKULL
    shell = (outer < 0) & (outer >= -sizes.ref(sizes.skull))
    index = np.nonzero(shell)
    place = np.stack([canvas.x[index[2]], canvas.y[index[1]], canvas.z[index[0]]])
    canvas.labels[tuple(part[_membrane(place, sizes)] for part in index)] = Tissue.SUTURE


def _membrane(place: NDArray[np.float32], sizes: Sizes) -> NDArray[np.bool_]:
    """Return which of the shell's points ``(3, N)`` are not bone."""
    radius = np.linalg.norm(place, axis=0)
    toward = place / radius
    half = sizes.ref(sizes.suture) / 2
    gap = np.zeros(radius.shape, bool)
    for name, course in SUTURES.items():
        narrow = 0.75 if name in ("metopic", "squamosal") else 1.0
        gap |= angle_to_arcs(toward, course) * radius < half * narrow
    # The anterior fontanelle is a kite between four bones, longer in front; the posterior one a
    # triangle that points forwards.
    x, y, z = place
    above = z > 0
    long = sizes.ref(sizes.fontanelle) / 2
    back = y - BREGMA[1]
    kite = np.abs(x) / (0.8 * long) + np.abs(back) / np.where(back < 0, 1.15 * long, 0.85 * long)
    gap |= (kite < 1) & above
    down = np.hypot(y - LAMBDA[1], z - LAMBDA[2]) * np.sign(LAMBDA[2] - z)
    gap |= (np.abs(x) < 0.4 * long * np.clip(1 + down / (0.4 * long), 0, 2)) & (
        np.abs(down) < 0.4 * long
    )
    for corner, share in ((_PTERION, 0.28), (_ASTERION, 0.22)):
        gap |= angle_to_arcs(toward, [corner]) * radius < share * long
    foramen = (np.hypot(x, y - 15) < 5) & (z < -22)
    return gap | foramen


def paint_ridges(canvas: Canvas) -> None:
    """Paint the sphenoid wings and the petrous bones, where fluid is: the X of the skull's base."""
    for knots in (
        [
            (4.0, -11.5, -10.5, 1.5),
            (10, -14, -12.3, 1.4),
            (16, -15, -12.5, 1.3),
            (21, -15, -9.5, 1.2),
        ],
        [(6.5, 2.5, -18.5, 1.8), (12, 6.0, -17.2, 2.2), (16, 9.5, -14.5, 2.1), (20, 12, -9.5, 1.6)],
    ):
        cut, points = canvas.box((-1, -19, -22), (24, 15, -6))
        part = canvas.labels[cut]
        part[(tube(points, knots) < 0) & (part == Tissue.EXTRA_AXIAL_CSF)] = Tissue.SKULL


def _taper(y: NDArray) -> NDArray:
    return 0.97 + 0.07 * np.tanh(y / 20)
