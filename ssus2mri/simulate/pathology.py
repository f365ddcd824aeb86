"""Add a pathology to a healthy labelled head, before the deformation of the subject.

Tissue that an expanding space displaces is pushed aside (`ssus2mri.simulate.expansion`) and stays
intact; tissue that is absent or replaced is relabelled. Arrays are ``[z, y, x]``.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.pathology import (
    AbsentCavum,
    AbsentCorpusCallosum,
    LargeCisternaMagna,
    Lesion,
    Pathology,
    Ventriculomegaly,
)
from ssus2mri.errors import InputError
from ssus2mri.images import geometry
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.simulate.expansion import CoarseGrid, Labels, grow, outward, push
from ssus2mri.simulate.pose import index_of
from ssus2mri.tissues import INTRACRANIAL, Tissue

_FIXED = (Tissue.MIDLINE, Tissue.BRAINSTEM, Tissue.CEREBELLUM)
_OUTSIDE = (Tissue.EXTRA_AXIAL_CSF, Tissue.SKULL, Tissue.SUTURE)
_SEPTUM = (Tissue.WHITE_MATTER, Tissue.MIDLINE, Tissue.GERMINAL_MATRIX)
_VENTRICLE = (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)


def add_pathology(anatomy: Anatomy, pathology: Pathology) -> Anatomy:
    """Add a pathology to a head.

    Args:
        anatomy: healthy, upright: array axes z upwards, y front to back, x right to left.
        pathology: an entry of ``pathologies``; its sizes are those before the subject's
            deformation.

    Returns:
        A new anatomy on the same grid with the same centre.

    Raises:
        InputError: it does not suit the head: exceeded already, too large for the head, or a lesion
            outside it.
    """
    head = _Head(anatomy)
    match pathology:
        case Ventriculomegaly():
            labels = _widened(head, anatomy.array, pathology, front=0.6)
        case AbsentCavum():
            labels = _without_cavum(head, anatomy.array)
        case AbsentCorpusCallosum():
            labels = _without_callosum(head, anatomy.array, pathology)
            labels = _apart(head, labels, pathology.apart_mm)
            labels = _widened(head, labels, pathology, front=0.0)
        case LargeCisternaMagna():
            labels = _deepened(head, anatomy.array, pathology)
        case Lesion():
            labels = _with_lesion(head, anatomy.array, pathology)
    return head.with_labels(labels)


class _Head:
    """Grid, midline and coordinates of a head: z, y, x in mm from its centre, broadcastable."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.grid = CoarseGrid(anatomy.array.shape, anatomy.spacing_zyx)
        middle = np.isin(anatomy.array, (Tissue.CORPUS_CALLOSUM, Tissue.MIDLINE))
        self.middle = round(float(np.nonzero(middle)[2].mean()))
        centre = index_of(anatomy.labels)(anatomy.centre_mm.astype(np.float32))
        axes = [
            (np.arange(n) - c) * edge
            for n, c, edge in zip(self.grid.shape, centre, self.grid.spacing_zyx, strict=True)
        ]
        self.z, self.y, self.x = np.meshgrid(*axes, indexing="ij", sparse=True)
        # From the midline, which in a label atlas is not exactly at the head's centre.
        self.aside = np.abs(self.x - self.x[..., self.middle])

    def middle_of(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the centroid of a mask: z, y, x in mm from the head's centre."""
        axes = zip((self.z, self.y, self.x), np.nonzero(mask), strict=True)
        return np.array([axis.ravel()[places].mean() for axis, places in axes])

    def with_labels(self, labels: Labels) -> Anatomy:
        """Return the same head with other labels."""
        return Anatomy(geometry.from_array(labels, self.anatomy.labels), self.anatomy.centre_mm)


def _widened(
    head: _Head, labels: Labels, pathology: Ventriculomegaly | AbsentCorpusCallosum, *, front: float
) -> Labels:
    """Widen both lateral ventricles, in front by a share of the widening at the atrium."""
    atria_mm = biometry.atria_mm(head.with_labels(labels))
    _require(bool(np.isfinite(atria_mm).all()), "two choroid plexuses")
    plexus = labels == Tissue.CHOROID_PLEXUS
    before = np.isin(labels, _VENTRICLE)
    row = float(head.y[0, np.nonzero(plexus)[1], 0].mean())
    weight = front + (1 - front) / (1 + np.exp((row - 8 - head.y) / 3))
    source = _lateral(head, labels) * weight
    fixed = ~np.isin(labels, INTRACRANIAL) | np.isin(labels, _FIXED)
    column = np.arange(labels.shape[2])
    # The ventricle of a side must not move that of the other: the far side of the midline is fixed.
    low, high = (
        outward(head.grid, source * side, fixed | ~side, reach_mm=pathology.reach_mm)
        for side in (column < head.middle, column > head.middle)
    )

    def pushed(speeds: NDArray[np.float64]) -> Labels:
        if not speeds.any():
            return labels
        wide = push(labels, head.grid, low * np.float32(speeds[0]) + high * np.float32(speeds[1]))
        wide[fixed] = labels[fixed]
        # The plexus does not expand with its ventricle.
        ventricle = np.isin(wide, _VENTRICLE)
        wide[ventricle] = np.where(plexus[ventricle], Tissue.CHOROID_PLEXUS, Tissue.VENTRICLES)
        # Where the mantle becomes thinner than a voxel it would have holes.
        around = ndimage.binary_dilation(np.isin(wide, _OUTSIDE))
        wide[around & ventricle & ~before] = Tissue.CORTEX
        return wide

    def measure(wide: Labels) -> NDArray[np.float64]:
        return np.array(biometry.atria_mm(head.with_labels(wide)))

    return grow(pushed, measure, target_mm=pathology.atrium_mm, most_mm=24.0, what="atrial width")


def _lateral(head: _Head, labels: Labels) -> NDArray[np.bool_]:
    """Return fluid and plexus of the lateral ventricles, except the tips of the temporal horns."""
    hindbrain = np.nonzero(labels == Tissue.CEREBELLUM)[0]
    top = float(head.z.ravel()[hindbrain.max()]) if len(hindbrain) else -np.inf
    return np.isin(labels, _VENTRICLE) & (head.aside > 2.5) & (head.z > top)


def _without_cavum(head: _Head, labels: Labels) -> Labels:
    """Join cavum and frontal horns by removing the leaves of the septum between them."""
    cavum = labels == Tissue.CAVUM
    _require(bool(cavum.any()), "a cavum septi pellucidi")
    near = ndimage.distance_transform_edt(~cavum, head.grid.spacing_zyx) < 4.0
    fluid = cavum | (near & np.isin(labels, _VENTRICLE))
    reach = ndimage.distance_transform_edt(~fluid, head.grid.spacing_zyx) < 2.5
    closed = ndimage.distance_transform_edt(reach, head.grid.spacing_zyx) > 2.5
    leaves = closed & near & np.isin(labels, _SEPTUM)
    joined = labels.copy()
    joined[cavum | leaves] = Tissue.VENTRICLES
    return joined


def _without_callosum(head: _Head, labels: Labels, pathology: AbsentCorpusCallosum) -> Labels:
    """Open the fissure down to a high third ventricle; the rest of the callosum is white matter."""
    callosum, cavum = labels == Tissue.CORPUS_CALLOSUM, labels == Tissue.CAVUM
    _require(bool(callosum.any()), "a corpus callosum")
    changed = labels.copy()
    near = ndimage.distance_transform_edt(~cavum, head.grid.spacing_zyx) < 2.0
    changed[callosum | cavum | (near & (labels == Tissue.MIDLINE))] = Tissue.WHITE_MATTER
    changed[callosum & (head.aside < pathology.cortex_mm)] = Tissue.CORTEX
    changed[callosum & (head.aside < pathology.fissure_mm)] = Tissue.EXTRA_AXIAL_CSF
    changed[cavum & (head.aside < pathology.ventricle_mm)] = Tissue.VENTRICLES
    return changed


def _apart(head: _Head, labels: Labels, apart_mm: float) -> Labels:
    """Push the bodies of the lateral ventricles away from the midline, parallel to it."""
    fluid = _lateral(head, labels)
    plexus = float(head.y[0, np.nonzero(labels == Tissue.CHOROID_PLEXUS)[1], 0].mean())
    body = head.grid.coarse(fluid & (head.y < plexus))
    weight = ndimage.gaussian_filter(body, 5.0 / np.array(head.grid.step_mm))
    aside = head.grid.coarse(np.broadcast_to(head.x - head.x[..., head.middle], labels.shape))
    barrier = head.grid.coarse(~np.isin(labels, INTRACRANIAL)) > 0.25
    free = ndimage.distance_transform_edt(~barrier, head.grid.step_mm)
    velocity = np.zeros((3, *weight.shape), np.float32)
    # The whole body moves equally far, thin or thick.
    velocity[0] = apart_mm * np.clip(3 * weight / max(float(weight.max()), 1e-9), 0, 1)
    velocity[0] *= np.clip(aside / 4.0, -1, 1) * np.clip(free / 6.0, 0, 1)
    return push(labels, head.grid, velocity)


def _deepened(head: _Head, labels: Labels, pathology: LargeCisternaMagna) -> Labels:
    """Push cerebellum and occipital bone apart, each as a whole, along the line of the measure."""
    hindbrain = labels == Tissue.CEREBELLUM
    _require(bool(hindbrain.any()), "a cerebellum")
    front = Tissue.CAVUM if (labels == Tissue.CAVUM).any() else Tissue.DEEP_GREY
    start, end = head.middle_of(labels == front), head.middle_of(hindbrain)
    along = (end - start) * (1, 1, 0)
    along /= np.linalg.norm(along)
    place = [axis - e for axis, e in zip((head.z, head.y, head.x), end, strict=True)]
    forth = sum(part * a for part, a in zip(place, along, strict=True))
    aside2 = sum(part**2 for part in place) - forth**2
    half = biometry.cisterna_magna_mm(head.anatomy) / 2
    forth = forth - float(forth[hindbrain & (aside2 < 3.0**2)].max()) - half
    speed = np.tanh(forth / half) * np.exp(-aside2 / (2 * pathology.reach_mm**2))
    # It decays in front of the cerebellum; bone and scalp behind move equally.
    speed *= 1 / (1 + np.exp((-14.0 - forth) / 2.5))
    velocity = np.asarray(along[::-1].reshape(3, 1, 1, 1) * head.grid.coarse(speed), np.float32)

    def pushed(speeds: NDArray[np.float64]) -> Labels:
        deep = push(labels, head.grid, velocity * np.float32(speeds[0]))
        # Where the bone becomes thinner than a voxel it would have holes.
        deep[_bare(deep) & ~_bare(labels)] = Tissue.SKULL
        return deep

    def measure(deep: Labels) -> NDArray[np.float64]:
        return np.array([biometry.cisterna_magna_mm(head.with_labels(deep))])

    what = "depth of the cisterna magna"
    return grow(pushed, measure, target_mm=pathology.depth_mm, most_mm=12.0, what=what)


def _bare(labels: Labels) -> NDArray[np.bool_]:
    """Return what touches the inside of the skull without being skull, except the cord."""
    inside = np.isin(labels, INTRACRANIAL) & (labels != Tissue.BRAINSTEM)
    return ndimage.binary_dilation(inside) & ~head_mask(labels)


def _with_lesion(head: _Head, labels: Labels, lesion: Lesion) -> Labels:
    """Replace a ball of what lies inside the skull."""
    x, y, z = lesion.centre_mm
    distance2 = (head.x - x) ** 2 + (head.y - y) ** 2 + (head.z - z) ** 2
    ball = (distance2 < (lesion.diameter_mm / 2) ** 2) & np.isin(labels, INTRACRANIAL)
    if not ball.any():
        raise InputError(
            f"pathology, {lesion.kind}",
            expected="a place inside the skull, mm from the head's centre",
            found=f"{lesion.centre_mm}, diameter {lesion.diameter_mm:g}",
            do="Correct centre_mm or diameter_mm.",
        )
    changed = labels.copy()
    changed[ball] = Tissue[lesion.kind.upper()]
    return changed


def _require(there: bool, what: str) -> None:
    if not there:
        raise InputError(
            "pathology",
            expected=f"an anatomy with {what}",
            found="none",
            do="Use another anatomy.",
        )
