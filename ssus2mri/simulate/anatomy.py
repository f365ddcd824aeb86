"""The head in atlas space: built-in by gestational age, or from a label atlas.

One rule for spaces: atlas space is the anatomy's own world. For a label atlas it is the world of
the label file (so atlases that share a space stay comparable); for the built-in head it is a world
with the head's centre at 0. `Anatomy.centre_mm` says where the head's centre lies, poses turn and
shift about it, and `template` centres its grid on it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.simulate import AnatomySettings
from ssus2mri.growth import axial_axes_mm, head_circumference_mm
from ssus2mri.simulate.pose import Points, index_of, world_of
from ssus2mri.simulate.shapes import ellipsoid, tube, union, without
from ssus2mri.tissues import HEAD, Tissue

CEPHALIC_INDEX = 0.783
"""Biparietal over occipitofrontal diameter (Hadlock et al., AJR 137, 1981: 78.3 %)."""
REFERENCE_WEEKS = 23.0
"""Age at which the built-in shapes are given; other ages are scaled by head circumference."""


@dataclass(frozen=True)
class Anatomy:
    """A labelled head: ``labels`` uint8 `Tissue`, and the centre of the head in their world."""

    labels: sitk.Image
    centre_mm: NDArray[np.float64]

    @cached_property
    def array(self) -> NDArray[np.uint8]:
        """Labels ``[z, y, x]``, in the stored order of axes."""
        return sitk.GetArrayFromImage(self.labels)

    @property
    def spacing_zyx(self) -> NDArray[np.float64]:
        """Edges of a voxel in the order of the array's axes, mm."""
        return np.array(self.labels.GetSpacing()[::-1])

    def sample(self, array: NDArray, points: Points, *, order: int, outside: float) -> NDArray:
        """Read an array on the labels' grid at world points.

        Args:
            array: same shape as `array`.
            points: ``(3, ...)`` x, y, z, atlas space, mm.
            order: 0 nearest, 1 linear.
            outside: value beyond the grid.

        Returns:
            Array of the shape of one component of ``points``, type of ``array``.
        """
        indices = index_of(self.labels)(points)
        return ndimage.map_coordinates(array, indices, order=order, cval=outside)


def head_diameters_mm(ga_weeks: float) -> tuple[float, float]:
    """Outer biparietal and occipitofrontal diameters: the ellipse of that circumference, mm."""
    length, width = axial_axes_mm(head_circumference_mm(ga_weeks), CEPHALIC_INDEX)
    return width, length


def built_in(ga_weeks: float, settings: AnatomySettings) -> Anatomy:
    """Make the built-in head.

    Args:
        ga_weeks: gestational age, weeks; meant for 18 to 30.
        settings: resolution, thickness of skull and scalp.

    Returns:
        Anatomy centred at 0, symmetric about x = 0.
    """
    width, length = head_diameters_mm(ga_weeks)
    step = settings.spacing_mm
    half = [width / 2 + 10, length / 2 + 10, length / 2 + 7]
    counts = [int(np.ceil(value / step)) for value in half]
    axes = [np.arange(0 if i == 0 else -n, n + 1) * step for i, n in enumerate(counts)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    right = _paint(np.stack([x, y, z]).astype(np.float32), ga_weeks, settings)
    both = np.concatenate([right[:, :, :0:-1], right], axis=2)
    image = sitk.GetImageFromArray(both)
    image.SetSpacing([step] * 3)
    image.SetOrigin([-n * step for n in counts])
    centre = centre_of(image, head_mask(both))
    image.SetOrigin([-n * step - c for n, c in zip(counts, centre.tolist(), strict=True)])
    return Anatomy(image, np.zeros(3))


def head_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Inside the outer border of the skull."""
    return np.isin(labels, HEAD)


def crescent(behind: NDArray, above: NDArray) -> NDArray[np.bool_]:
    """Where the falx is within the midline plane: around the corpus callosum, not below the brain.

    Args:
        behind: distance behind the middle of the corpus callosum, mm.
        above: distance above the thalami's upper part, mm.
    """
    return ((behind / 19) ** 2 + (above / 11) ** 2 > 1) & (above > -0.15 * behind - 4)


def centre_of(image: sitk.Image, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centroid of a mask in world mm, ``(3,)`` x, y, z."""
    indices = np.array([axis.mean() for axis in np.nonzero(mask)], np.float32)
    return world_of(image)(indices).astype(np.float64)


def _paint(
    mm: NDArray[np.float32], ga_weeks: float, settings: AnatomySettings
) -> NDArray[np.uint8]:
    """Paint the half with x >= 0; ``mm (3, Z, Y, X)``."""
    scale = head_circumference_mm(ga_weeks) / head_circumference_mm(REFERENCE_WEEKS)
    p = mm / np.float32(scale)
    x, y, z = p
    older = ga_weeks - REFERENCE_WEEKS
    skull = _outer_skull(p) * np.float32(scale)
    labels = np.full(x.shape, Tissue.BACKGROUND, np.uint8)

    def put(where: NDArray[np.bool_], tissue: Tissue) -> None:
        labels[where] = tissue

    inside = skull < -settings.skull_mm
    put(skull < settings.scalp_mm, Tissue.SCALP)
    put(skull < 0, Tissue.SKULL)
    put(inside, Tissue.EXTRA_AXIAL_CSF)

    hemisphere = _hemisphere(p, older)
    core = np.maximum(hemisphere, skull / np.float32(scale) + np.float32(3.0))
    put(core < 0, Tissue.CORTEX)
    put(core < -1.7, Tissue.WHITE_MATTER)

    falx = (x < 0.5) & inside & (core > 0) & crescent(y + 5, z - 3)
    put(falx, Tissue.MIDLINE)

    deep = union(
        ellipsoid(p, (6.2, 1.5, -0.5), (5.8, 9.0, 7.0)),
        ellipsoid(p, (9.5, -8.0, 0.5), (4.2, 9.5, 6.2)),
        ellipsoid(p, (0.0, -2.0, -5.5), (6.0, 6.0, 3.5)),
        blend_mm=3,
    )
    put(deep < 0, Tissue.DEEP_GREY)
    stem = tube(p, [(0, 5, -5, 5.2), (0, 4.5, -9, 5.0), (0, 2.5, -14.5, 5.6)])
    stem = union(stem, tube(p, [(0, 3.5, -17, 4.4), (0, 8, -26, 3.2), (0, 12, -40, 2.8)]))
    stem = union(stem, tube(p, [(2.5, 1, -6, 3.0), (7, -2, -3, 3.0)]), blend_mm=1)
    put((stem < 0) & inside, Tissue.BRAINSTEM)
    put(_cerebellum(p) < 0, Tissue.CEREBELLUM)
    fourth = ellipsoid(p, (0, 10.2, -14.5), (2.2, 1.8, 4.5))
    put(fourth < 0, Tissue.VENTRICLES)

    third = np.maximum(ellipsoid(p, (0, -1.5, -2), (2.0, 7.5, 5.0)), x - np.float32(0.7))
    put(third < 0, Tissue.VENTRICLES)
    put(_callosum(p) < 0, Tissue.CORPUS_CALLOSUM)
    ventricle = _ventricle(p, scale)
    put(ventricle < 0, Tissue.VENTRICLES)
    cavum = np.maximum(ellipsoid(p, (0, -13.0, 4.2), (3.0, 7.5, 4.2)), 0.3 * (z - 4) + x - 2.8)
    put((cavum < 0) & (labels != Tissue.CORPUS_CALLOSUM), Tissue.CAVUM)
    choroid = tube(p, [(8.6, 9, 6.2, 1.2), (10.8, 15, 3.4, 2.6), (13, 16.5, -2, 1.6)])
    put((choroid < 0) & (ventricle < -0.4), Tissue.CHOROID_PLEXUS)
    return labels


def _outer_skull(p: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outer border: wider behind than in front, flat below, with a posterior fossa."""
    width, length = head_diameters_mm(REFERENCE_WEEKS)
    taper = 0.97 + 0.07 * np.tanh(p[1] / 20)
    vault = np.stack([p[0] / taper, p[1], p[2]])
    vault = ellipsoid(vault, (0, 0, 0), (width / 2 + 0.8, length / 2 - 0.2, 29.5))
    # The front of the skull's base lies above the middle, where the temporal lobes rest.
    floor = 6 * np.tanh((-p[1] - 17) / 6) - 16 - p[2]
    vault = -union(-vault, -floor.astype(np.float32), blend_mm=9)
    fossa = ellipsoid(p, (0, 11.5, -12.5), (18.5, 17.0, 17.5))
    return union(vault, fossa, blend_mm=7)


def _hemisphere(p: NDArray[np.float32], older: float) -> NDArray[np.float32]:
    """One cerebral hemisphere: frontal, parietal, occipital, temporal; Sylvian fossa cut in."""
    lobes = union(
        ellipsoid(p, (10.5, -6, 2.5), (16.0, 28.5, 22.8)),
        ellipsoid(p, (11.0, 12, 1.5), (15.5, 21.5, 21.0)),
        blend_mm=6,
    )
    # Orbital surface in front, tentorium (rising towards the middle) behind.
    under = np.where(
        p[1] < 0, -9.0 + 1.5 * np.tanh((p[1] + 9) / 5), -7.5 - 0.05 * p[1] + 0.22 * (12 - p[0])
    )
    lobes = -union(-lobes, -(under - p[2]).astype(np.float32), blend_mm=3)
    temporal = tube(p, [(17.5, -10.5, -9, 5.6), (18, 1, -10, 6.6), (16.5, 14, -5, 7.0)])
    deep = 19.5 - 0.4 * older
    sylvian = tube(
        p,
        [(deep + 6.5, -13, -3.0, 4.5), (deep + 5.5, -3, -1.5, 4.5), (deep + 9.5, 8, 3.0, 3.5)],
    )
    opening = tube(p, [(29, -13, -3.0, 4.5), (29, -3, -1.5, 4.0), (30, 7, 3.0, 3.0)])
    fossa = union(sylvian, opening, blend_mm=5)
    cerebrum = without(union(lobes, temporal, blend_mm=2.5), fossa, blend_mm=2.5)
    return np.maximum(cerebrum, 1.0 - p[0])


def _cerebellum(p: NDArray[np.float32]) -> NDArray[np.float32]:
    return union(
        ellipsoid(p, (6.3, 15.5, -15.5), (6.6, 6.0, 5.8)),
        ellipsoid(p, (0, 15.2, -14.5), (3.4, 5.0, 6.4)),
        blend_mm=1.0,
    )


def _callosum(p: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = np.stack([np.maximum(p[0] - 4.0, 0), p[1], p[2]])
    return tube(
        flat,
        [
            (0, -18.5, 0.5, 0.9),
            (0, -21.5, 3.5, 1.3),
            (0, -19.5, 7.2, 1.1),
            (0, -12, 9.6, 1.0),
            (0, -1, 10.0, 1.0),
            (0, 6, 8.2, 1.3),
            (0, 8.2, 6.0, 1.3),
        ],
    )


def _ventricle(p: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Lateral ventricle: horns, body and atrium; its width is nearly the same at all ages."""
    wide = 1 / scale
    knots = [
        (5.0, -22, 1.5, 1.6),
        (5.2, -16, 5.5, 2.1),
        (5.8, -6, 8.0, 1.6),
        (7.5, 4, 8.2, 1.7),
        (10.2, 13, 4.5, 3.3),
        (11.5, 17, 2.0, 3.4),
    ]
    horns = tube(p, [(x, y, z, r * wide) for x, y, z, r in knots])
    occipital = tube(p, [(11.5, 17, 2.0, 3.4 * wide), (11.0, 25, 0.5, 1.5 * wide)])
    temporal = tube(
        p,
        [(12.0, 16, 1.0, 2.6 * wide), (15.5, 12, -5.0, 1.4 * wide), (17.0, 1, -9.0, 1.0 * wide)],
    )
    return union(horns, occipital, temporal, blend_mm=1.5)
