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
from ssus2mri.simulate.head.cerebrum import hemisphere, paint_cerebrum, paint_deep_grey
from ssus2mri.simulate.head.face import paint_face
from ssus2mri.simulate.head.hindbrain import paint_hindbrain
from ssus2mri.simulate.head.shapes import Canvas
from ssus2mri.simulate.head.sizes import Sizes, sizes_at
from ssus2mri.simulate.head.skull import outer_border, paint_ridges, paint_skull
from ssus2mri.simulate.head.ventricles import paint_callosum, paint_falx, paint_ventricles
from ssus2mri.simulate.pose import Points, index_of, world_of
from ssus2mri.tissues import HEAD, Tissue


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


def built_in(ga_weeks: float, settings: AnatomySettings) -> Anatomy:
    """Make the built-in head.

    Args:
        ga_weeks: gestational age, weeks; meant for 18 to 30.
        settings: resolution, thickness of skull and scalp.

    Returns:
        Anatomy centred at 0, symmetric about x = 0: brain, skull, scalp, face and a stub of neck;
        nothing of the womb.
    """
    # A shell thinner than a voxel would have holes.
    sizes = sizes_at(ga_weeks, max(settings.skull_mm, settings.spacing_mm))
    step = settings.spacing_mm
    room = settings.scalp_mm + 2
    reach = [
        (0.0, sizes.width / 2 + room),
        (-sizes.length / 2 - room, sizes.length / 2 + room),
        (-0.68 * sizes.length, 0.41 * sizes.length + room),
    ]
    counts = [(int(np.floor(low / step)), int(np.ceil(high / step))) for low, high in reach]
    axes = [
        (np.arange(low, high + 1) * (step / sizes.scale)).astype(np.float32) for low, high in counts
    ]
    half = Canvas(np.zeros([len(axis) for axis in axes[::-1]], np.uint8), *axes)
    _paint(half, sizes, settings)
    both = np.concatenate([half.labels[:, :, :0:-1], half.labels], axis=2)
    image = sitk.GetImageFromArray(both)
    image.SetSpacing([step] * 3)
    origin = np.array([-counts[0][1], counts[1][0], counts[2][0]]) * step
    image.SetOrigin(origin.tolist())
    centre = centre_of(image, head_mask(both))
    centre[0] = 0.0  # by symmetry, without the rounding of a mean
    image.SetOrigin((origin - centre).tolist())
    return Anatomy(image, np.zeros(3))


def head_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask of what lies inside the outer border of the skull."""
    return np.isin(labels, HEAD)


def centre_of(image: sitk.Image, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the centroid of a mask in world mm, ``(3,)`` x, y, z."""
    indices = np.array([axis.mean() for axis in np.nonzero(mask)], np.float32)
    return world_of(image)(indices).astype(np.float64)


def _paint(canvas: Canvas, sizes: Sizes, settings: AnatomySettings) -> None:
    """Paint the half with x >= 0, from outside in."""
    outer = outer_border(canvas.points, sizes)
    paint_face(canvas, outer, sizes.ref(settings.scalp_mm))
    paint_skull(canvas, outer, sizes)
    inner = outer + np.float32(sizes.ref(sizes.skull))
    canvas.labels[inner < 0] = Tissue.EXTRA_AXIAL_CSF
    surface = hemisphere(canvas.points, inner, sizes)
    paint_ridges(canvas)
    paint_cerebrum(canvas, surface, sizes)
    paint_deep_grey(canvas)
    paint_callosum(canvas, sizes)
    paint_ventricles(canvas, surface, sizes)
    _seal(canvas.labels)
    paint_hindbrain(canvas, inner, sizes)
    paint_falx(canvas, surface)


def _seal(labels: NDArray[np.uint8]) -> None:
    """Line inner tissues of the brain where, at this resolution, they touch the fluid around it.

    White and germinal matter get cortex, the third ventricle its floor, the cavum its rostrum.
    """
    fluid = labels == Tissue.EXTRA_AXIAL_CSF
    near = np.zeros_like(fluid)
    for axis in range(3):
        ahead = np.swapaxes(near, 0, axis)
        source = np.swapaxes(fluid, 0, axis)
        ahead[1:] |= source[:-1]
        ahead[:-1] |= source[1:]
    for inside, lining in (
        (Tissue.WHITE_MATTER, Tissue.CORTEX),
        (Tissue.GERMINAL_MATRIX, Tissue.CORTEX),
        (Tissue.VENTRICLES, Tissue.DEEP_GREY),
        (Tissue.CAVUM, Tissue.MIDLINE),
    ):
        labels[near & (labels == inside)] = lining
