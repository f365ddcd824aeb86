"""Measure a labelled head as a sonographer does: diameters, ventricles, cisterns, folding.

All functions take an `Anatomy` in standard orientation (x right to left, y front to back, z
upwards, axes along the grid's) and return mm unless said otherwise. What to expect is in
`ssus2mri.simulate.growth_charts`, under the name that `measure` gives.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from ssus2mri.growth import ellipse_circumference
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.tissues import Tissue

_STEP_MM = 0.1
_CEREBRUM = (
    Tissue.CORTEX,
    Tissue.WHITE_MATTER,
    Tissue.GERMINAL_MATRIX,
    Tissue.DEEP_GREY,
    Tissue.VENTRICLES,
    Tissue.CHOROID_PLEXUS,
    Tissue.CAVUM,
    Tissue.CORPUS_CALLOSUM,
)


def measure(anatomy: Anatomy) -> dict[str, float]:
    """Measure all sizes that a growth chart exists for, by its name; mm."""
    return {
        "head_circumference": head_circumference_mm(anatomy),
        "biparietal": biparietal_mm(anatomy),
        "occipitofrontal": occipitofrontal_mm(anatomy),
        "transcerebellar": transcerebellar_mm(anatomy),
        "atrium": float(np.mean(atria_mm(anatomy))),
        "cavum": cavum_mm(anatomy),
        "cisterna_magna": cisterna_magna_mm(anatomy),
        "sylvian_fissure": sylvian_fissure_mm(anatomy),
    }


def biparietal_mm(anatomy: Anatomy) -> float:
    """Measure the widest diameter, outer to outer border of the skull, at the thalami's level."""
    return _extent(_thalamic_plane(anatomy), 1, anatomy)


def occipitofrontal_mm(anatomy: Anatomy) -> float:
    """Measure the longest diameter, outer to outer border, at the thalami's level."""
    return _extent(_thalamic_plane(anatomy), 0, anatomy)


def head_circumference_mm(anatomy: Anatomy) -> float:
    """Return the circumference of the ellipse of both diameters, as in the growth charts."""
    return ellipse_circumference(occipitofrontal_mm(anatomy), biparietal_mm(anatomy))


def transcerebellar_mm(anatomy: Anatomy) -> float:
    """Measure the greatest lateral extent of the cerebellum; nan without one."""
    return _extent((anatomy.array == Tissue.CEREBELLUM).any(axis=0), 1, anatomy)


def cavum_mm(anatomy: Anatomy) -> float:
    """Measure the greatest width of the cavum septi pellucidi; nan without one."""
    return _extent((anatomy.array == Tissue.CAVUM).any(axis=0), 1, anatomy)


def atria_mm(anatomy: Anatomy) -> tuple[float, float]:
    """Measure the atrium of the lateral ventricle on the low-x and the high-x side.

    In the axial plane that shows most of the side's choroid plexus, through the middle of the
    glomus, at right angles to it, from inner wall to inner wall; nan without plexus.
    """
    labels = anatomy.array
    middle = _centroid(labels, Tissue.DEEP_GREY)[2]
    return _atrium(anatomy, slice(0, int(middle))), _atrium(anatomy, slice(int(middle), None))


def cisterna_magna_mm(anatomy: Anatomy) -> float:
    """Measure the cisterna magna, from the vermis to the occipital bone's inner border.

    On the line from the cavum septi pellucidi (without one: from the thalami) through the
    cerebellum's middle, in the midline plane: the transcerebellar view. Nan without cerebellum, or
    where that line meets no cerebellum or no bone.
    """
    labels = anatomy.array
    cerebellum = labels == Tissue.CEREBELLUM
    if not cerebellum.any():
        return float("nan")
    front = Tissue.CAVUM if (labels == Tissue.CAVUM).any() else Tissue.DEEP_GREY
    start, end = _centroid(labels, front), _centroid(labels, Tissue.CEREBELLUM)
    start[2] = end[2]
    along = _labels_along(anatomy, end, (end - start) * anatomy.spacing_zyx)
    met = np.nonzero(along == Tissue.CEREBELLUM)[0]
    if not met.size:
        return float("nan")
    # Bone may be thinner than a voxel's diagonal: what lies behind it stops the line as well.
    bone = np.isin(
        along[met[-1] :], (Tissue.SKULL, Tissue.SUTURE, Tissue.SCALP, Tissue.SOFT_TISSUE)
    )
    return float(np.argmax(bone) - 1) * _STEP_MM if bone.any() else float("nan")


def sylvian_fissure_mm(anatomy: Anatomy) -> float:
    """Measure the Sylvian fissure, from the insula to the parietal bone's inner border.

    Sideways from the lentiform nucleus at the thalami's level, mean of both sides; the least within
    6 mm of that line, where the insula bulges most. Nan where no cortex is met.
    """
    labels = anatomy.array
    where = _centroid(labels, Tissue.DEEP_GREY)
    reach = np.rint(3.0 / anatomy.spacing_zyx).astype(int)
    depths = []
    for side in (-1.0, 1.0):
        for dz in range(0, reach[0] + 1):
            for dy in range(-reach[1], reach[1] + 1):
                along = _labels_along(
                    anatomy, where + np.array([dz, dy, 0]), np.array([0, 0, side])
                )
                bone = int(np.argmax(np.isin(along, (Tissue.SKULL, Tissue.SUTURE))))
                cortex = np.nonzero(along[:bone] == Tissue.CORTEX)[0]
                if cortex.size:
                    depths.append((side, (bone - 1 - cortex[-1]) * _STEP_MM))
    if not depths:
        return float("nan")
    return float(np.mean([np.median([d for s, d in depths if s == side]) for side in (-1.0, 1.0)]))


def gyrification(anatomy: Anatomy, *, bridge_mm: float = 3.0) -> float:
    """Return the cerebral surface over the same with its sulci closed; 1 is smooth.

    Args:
        anatomy: the head.
        bridge_mm: gaps up to twice this wide are closed: sulci, not the fetal Sylvian fissure.

    Returns:
        Ratio of the areas of both surfaces of one hemisphere (high x).
    """
    labels, spacing = anatomy.array, anatomy.spacing_zyx
    middle = int(_centroid(labels, Tissue.DEEP_GREY)[2])
    brain = np.isin(labels[:, :, middle:], _CEREBRUM)
    brain = np.pad(brain, int(np.ceil(bridge_mm / spacing.min())) + 2)
    near = ndimage.distance_transform_edt(~brain, spacing) <= bridge_mm
    closed = brain | (ndimage.distance_transform_edt(near, spacing) > bridge_mm)
    return _area(brain, spacing) / _area(closed, spacing)


def volumes_ml(anatomy: Anatomy) -> dict[str, float]:
    """Return the volume of each tissue, ml, by its name."""
    counts = np.bincount(anatomy.array.ravel(), minlength=len(Tissue))
    each = float(np.prod(anatomy.spacing_zyx)) / 1000
    return {tissue.name.lower(): float(counts[tissue] * each) for tissue in Tissue}


def _thalamic_plane(anatomy: Anatomy) -> NDArray[np.bool_]:
    level = round(float(_centroid(anatomy.array, Tissue.DEEP_GREY)[0]))
    return head_mask(anatomy.array[level])


def _extent(plane: NDArray[np.bool_], axis: int, anatomy: Anatomy) -> float:
    """Return the greatest extent of an axial mask ``[y, x]`` along y (0) or x (1)."""
    filled = np.nonzero(plane.any(axis=1 - axis))[0]
    if not filled.size:
        return float("nan")
    return float((filled[-1] - filled[0] + 1) * anatomy.spacing_zyx[1 + axis])


def _centroid(labels: NDArray[np.uint8], tissue: Tissue) -> NDArray[np.float64]:
    return np.array([axis.mean() for axis in np.nonzero(labels == tissue)])


def _atrium(anatomy: Anatomy, side: slice) -> float:
    labels, spacing = anatomy.array[:, :, side], anatomy.spacing_zyx[1:]
    plexus = labels == Tissue.CHOROID_PLEXUS
    if not plexus.any():
        return float("nan")
    level = int(np.argmax(plexus.sum(axis=(1, 2))))
    parts, _ = ndimage.label(plexus[level])
    glomus = np.argwhere(parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1) * spacing
    middle = glomus.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((glomus - middle).T))
    fluid = np.isin(labels[level], (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)).astype(np.float32)
    away = np.arange(0, 30, _STEP_MM)
    width = -_STEP_MM  # the middle belongs to both sides
    for direction in (axes[:, 0], -axes[:, 0]):
        points = (middle[:, None] + direction[:, None] * away) / spacing[:, None]
        inside = ndimage.map_coordinates(fluid, points, order=1) >= 0.5
        width += _STEP_MM * float(np.argmin(inside))
    return width


def _labels_along(
    anatomy: Anatomy, start: NDArray[np.float64], direction_mm: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return labels every 0.1 mm of a ray from an index ``[z, y, x]``, for 80 mm; 0 beyond."""
    unit = direction_mm / np.linalg.norm(direction_mm) / anatomy.spacing_zyx
    points = start[:, None] + unit[:, None] * np.arange(0, 80, _STEP_MM)
    return ndimage.map_coordinates(anatomy.array, points, order=0)


def _area(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    # A slight blur takes the voxels' steps, which would count as folds, off both surfaces.
    smooth = ndimage.gaussian_filter(mask.astype(np.float32), 0.5)
    corners, faces, _, _ = marching_cubes(smooth, 0.5, spacing=tuple(spacing))
    return float(mesh_surface_area(corners, faces))
