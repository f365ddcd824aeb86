"""The head in an ultrasound: the ellipse (2D) or ellipsoid (3D) that best follows the skull.

The skull is a bright shell, broken by shadows and by the edge of the field of view. The image is
normalised by its local contrast; second derivatives then say how much each place looks like a
bright ridge across a given direction. A generalised Hough transform scores ellipsoids of many
shapes and directions at every centre; the best ones are refined by pulling their surface to the
ridges near it. Coordinates are those of `ellipsoid`. The method is ours: the source only says that
volumes are cropped.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import SkullSettings
from ssus2mri.prepare.ellipsoid import Ellipsoid, Floats, local_spacing
from ssus2mri.prepare.growth import axial_axes_mm, ellipse_circumference, head_circumference_mm

# Numerical resolution by dimension, no tissue or scanner in it: points on the surface in the search
# and in the refinement, places along each normal.
_SEARCH_POINTS = {2: 48, 3: 160}
_SURFACE_POINTS = {2: 96, 3: 400}
_STEPS_ALONG = 25


@dataclass(frozen=True)
class Ridges:
    """Second derivatives of the normalised image, scaled so that a skull responds with about 1.

    ``hessian``: ``(D, D, ...)`` float32, sign turned so that bright ridges are positive;
    ``spacing_mm``: edge of a voxel.
    """

    hessian: NDArray[np.float32]
    spacing_mm: float

    def along(self, points: Floats, normals: Floats) -> Floats:
        """Ridge strength, clipped to [0, 1], at ``(..., D)`` local mm across ``(..., D)``."""
        dimension = points.shape[-1]
        index = np.moveaxis(points, -1, 0) / self.spacing_mm
        strength = np.zeros(points.shape[:-1])
        for i in range(dimension):
            for j in range(i, dimension):
                value = ndimage.map_coordinates(self.hessian[i, j], index, order=1, cval=0.0)
                strength += (1 if i == j else 2) * value * normals[..., i] * normals[..., j]
        return np.clip(strength, 0.0, 1.0)


def find_head(image: sitk.Image, ga_weeks: float, settings: SkullSettings) -> Ellipsoid:
    """Find the outer border of the head.

    Args:
        image: ultrasound, 2D or 3D, 0 outside the field of view.
        ga_weeks: gestational age, weeks: a prior on the size.
        settings: section ``crop.skull``.

    Returns:
        The ellipse or ellipsoid, in local mm of ``image``.
    """
    dimension = image.GetDimension()
    coarse_mm, fine_mm = (
        (settings.coarse_2d_mm, settings.fine_2d_mm)
        if dimension == 2
        else (settings.coarse_3d_mm, settings.fine_3d_mm)
    )
    prior = _Prior(head_circumference_mm(ga_weeks), settings)
    candidates = _hough(ridges(image, coarse_mm, settings), prior, settings)
    fine = ridges(image, fine_mm, settings)
    directions = sphere(_SURFACE_POINTS[dimension], dimension)
    refined = [_refine(candidate, fine, prior, directions, settings) for candidate in candidates]
    best = max(refined, key=lambda e: _score(e, fine, prior, directions))
    return best.grown(settings.outward_mm)


def ridges(image: sitk.Image, spacing_mm: float, settings: SkullSettings) -> Ridges:
    """Find bright ridges on an isotropic grid.

    Args:
        image: ultrasound, 2D or 3D.
        spacing_mm: edge of the grid's voxels.
        settings: section ``crop.skull``.

    Returns:
        The ridges; 0 outside the field of view.
    """
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    seen = _field_of_view(array).astype(np.float32)
    spacing = local_spacing(image)
    sigma_mm = max(settings.ridge_mm, spacing_mm)
    # Normalised convolution: what is outside the field of view makes no edge at its border.
    zoom = spacing / spacing_mm
    anti = 0.4 * np.maximum(1.0 / zoom - 1.0, 0.0)
    weighted = _resampled(ndimage.gaussian_filter(array * seen, anti), zoom)
    weight = _resampled(ndimage.gaussian_filter(seen, anti), zoom)
    smooth = _blurred(weighted, weight, sigma_mm / spacing_mm)
    far = settings.contrast_mm / spacing_mm
    inside = (weight > 0.5).astype(np.float32)
    mean = _blurred(smooth * inside, inside, far)
    deviation = np.sqrt(_blurred((smooth - mean) ** 2 * inside, inside, far))
    floor = settings.contrast_floor * float(deviation[inside > 0].mean())
    normal = (smooth - mean) / (deviation + floor)
    dimension = array.ndim
    hessian = np.zeros((dimension, dimension, *normal.shape), np.float32)
    scale = -((sigma_mm / spacing_mm) ** 2) / settings.ridge_strength
    for i in range(dimension):
        first = np.gradient(normal, axis=i)
        for j in range(i, dimension):
            hessian[i, j] = hessian[j, i] = np.gradient(first, axis=j) * scale * inside
    return Ridges(hessian, spacing_mm)


def sphere(count: int, dimension: int) -> Floats:
    """Unit vectors spread evenly over the circle or sphere, ``(count, dimension)``."""
    number = np.arange(count)
    if dimension == 2:
        angle = 2 * np.pi * number / count
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)
    height = 1 - (2 * number + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * number  # golden angle: Fibonacci lattice
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


@dataclass(frozen=True)
class _Prior:
    """How likely a head has these axes: circumference, width / length and height / length."""

    hc_mm: float
    settings: SkullSettings

    def deviations(self, axes: Floats) -> list[float]:
        """How many standard deviations the semi-axes (long, wide, high) are off."""
        s = self.settings
        long, wide = float(axes[0]), float(axes[1])
        hc_mm = ellipse_circumference(2 * long, 2 * wide)
        deviations = [
            np.log(hc_mm / self.hc_mm) / s.hc_spread,
            np.log(wide / long / s.aspect) / s.aspect_spread,
        ]
        if len(axes) == 3:
            deviations.append(np.log(float(axes[2]) / long / s.height) / s.aspect_spread)
        return deviations

    def factor(self, axes: Floats) -> float:
        """Likelihood, 1 at its best."""
        return float(np.exp(-0.5 * np.sum(np.square(self.deviations(axes)))))

    def shapes(self, dimension: int) -> list[Floats]:
        """Semi-axes to try."""
        s = self.settings
        steps = np.linspace(-1.0, 1.0, s.sizes)
        shapes = []
        for size in np.exp(steps * s.hc_spread) * self.hc_mm:
            for step in (-1.0, 0.0, 1.0) if dimension == 2 else (0.0,):
                aspect = min(s.aspect * float(np.exp(step * s.aspect_spread)), 1.0)
                long, wide = axial_axes_mm(float(size), aspect)
                height = [s.height * long] if dimension == 3 else []
                shapes.append(np.array([long, wide, *height], dtype=np.float64) / 2)
        return shapes


def _hough(ridge: Ridges, prior: _Prior, settings: SkullSettings) -> list[Ellipsoid]:
    """Score every shape and rotation at every voxel; the best, apart from each other."""
    dimension = ridge.hessian.shape[0]
    shape = ridge.hessian.shape[2:]
    # Ridges have no sign, so half of the directions are enough.
    bins = _half(sphere(settings.angles_2d if dimension == 2 else settings.angles_3d, dimension))
    strengths = [
        np.clip(np.einsum("ij...,i,j->...", ridge.hessian, n, n), 0.0, 1.0).astype(np.float32)
        for n in bins
    ]
    directions = sphere(_SEARCH_POINTS[dimension], dimension)
    found: list[tuple[float, Ellipsoid]] = []
    for axes in prior.shapes(dimension):
        factor = prior.factor(axes)
        reach = int(np.ceil(axes.max() / ridge.spacing_mm)) + 1
        padded = [np.pad(strength, reach) for strength in strengths]
        for rotation in _rotations(bins):
            trial = Ellipsoid(np.zeros(dimension), axes, rotation)
            offsets = np.rint(trial.points(directions) / ridge.spacing_mm).astype(int) + reach
            nearest = np.abs(trial.normals(directions) @ bins.T).argmax(axis=1)
            total = np.zeros(shape, np.float32)
            for offset, which in zip(offsets, nearest, strict=True):
                total += padded[which][
                    tuple(slice(o, o + n) for o, n in zip(offset, shape, strict=True))
                ]
            best = np.unravel_index(int(total.argmax()), shape)
            center = np.array(best) * ridge.spacing_mm
            found.append((factor * float(total[best]), Ellipsoid(center, axes, rotation)))
    found.sort(key=lambda pair: -pair[0])
    kept: list[Ellipsoid] = []
    for _, candidate in found:
        if all(_apart(candidate, other) > settings.apart_mm for other in kept):
            kept.append(candidate)
        if len(kept) == settings.candidates:
            break
    return kept


def _refine(
    start: Ellipsoid, ridge: Ridges, prior: _Prior, directions: Floats, settings: SkullSettings
) -> Ellipsoid:
    """Pull the surface to the strongest ridge near each of its points, several times."""
    ellipsoid = start
    dimension = len(start.center)
    for reach_mm in np.geomspace(settings.reach_mm, settings.reach_mm / 3, settings.iterations):
        normals = ellipsoid.normals(directions)
        steps = np.linspace(-reach_mm, reach_mm, _STEPS_ALONG)
        points = ellipsoid.points(directions)[:, None] + steps[:, None] * normals[:, None]
        strength = ridge.along(points, np.broadcast_to(normals[:, None], points.shape))
        strength = strength * np.exp(-0.5 * (steps / reach_mm) ** 2)
        best = strength.argmax(axis=1)
        rows = np.arange(len(directions))
        target, weight = points[rows, best], strength[rows, best]
        scale = np.sqrt(weight * settings.observations / len(directions)) / settings.noise_mm
        base = ellipsoid

        def residuals(
            values: Floats,
            base: Ellipsoid = base,
            target: Floats = target,
            scale: Floats = scale,
        ) -> Floats:
            moved = _moved(base, values)
            return np.append(_distance(moved, target) * scale, prior.deviations(moved.axes))

        count = 2 * dimension + (1 if dimension == 2 else 3)
        solution = least_squares(residuals, np.zeros(count), loss="soft_l1", max_nfev=12)
        ellipsoid = _moved(base, solution.x)
    return ellipsoid


def _moved(base: Ellipsoid, values: Floats) -> Ellipsoid:
    """Shift by ``values[:D]`` mm, scale axes by ``exp(values[D:2D])``, turn by the rest (rad)."""
    dimension = len(base.center)
    turn = values[2 * dimension :]
    if dimension == 2:
        c, s = np.cos(turn[0]), np.sin(turn[0])
        matrix = np.array([[c, -s], [s, c]])
    else:
        matrix = Rotation.from_rotvec(turn).as_matrix()
    axes = base.axes * np.exp(np.clip(values[dimension : 2 * dimension], -0.5, 0.5))
    return Ellipsoid(base.center + values[:dimension], axes, matrix @ base.rotation)


def _distance(ellipsoid: Ellipsoid, points: Floats) -> Floats:
    """Signed distance of points to the surface, mm, to first order."""
    unit = (points - ellipsoid.center) @ ellipsoid.rotation / ellipsoid.axes
    radius = np.linalg.norm(unit, axis=1)
    gradient = np.linalg.norm(unit / ellipsoid.axes, axis=1) / radius
    return (radius - 1.0) / gradient


def _score(ellipsoid: Ellipsoid, ridge: Ridges, prior: _Prior, directions: Floats) -> float:
    """Mean ridge strength along the surface, by the prior."""
    points, normals = ellipsoid.points(directions), ellipsoid.normals(directions)
    return float(ridge.along(points, normals).mean()) * prior.factor(ellipsoid.axes)


def _rotations(bins: Floats) -> list[Floats]:
    """One rotation per direction of the long axis; the other axes are arbitrary."""
    if bins.shape[1] == 2:
        return [np.array([[n[0], -n[1]], [n[1], n[0]]]) for n in bins]
    return [Rotation.align_vectors([n], [[1.0, 0.0, 0.0]])[0].as_matrix() for n in bins]


def _half(directions: Floats) -> Floats:
    """One of each pair of opposite directions."""
    signs = np.sign(directions + 1e-9 * np.arange(1, directions.shape[1] + 1))
    first = signs[:, 0]
    return directions[first > 0]


def _apart(a: Ellipsoid, b: Ellipsoid) -> float:
    return float(np.linalg.norm(a.center - b.center) + np.abs(a.axes - b.axes).max())


def _field_of_view(array: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the scanner put an image: above 0, small gaps closed."""
    return ndimage.binary_closing(np.pad(array > 0, 3), iterations=3)[
        tuple(slice(3, -3) for _ in array.shape)
    ]


def _resampled(array: NDArray[np.float32], zoom: Floats) -> NDArray[np.float32]:
    """Resample so that voxel i of the new grid lies at i * new spacing: index 0 stays."""
    shape = tuple(int(np.floor((n - 1) * z)) + 1 for n, z in zip(array.shape, zoom, strict=True))
    return ndimage.affine_transform(array, 1.0 / zoom, output_shape=shape, order=1)


def _blurred(
    weighted: NDArray[np.float32], weight: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    """Gaussian mean of the seen part (``weighted`` is already multiplied by ``weight``)."""
    total = ndimage.gaussian_filter(weight, sigma)
    return ndimage.gaussian_filter(weighted, sigma) / np.maximum(total, 1e-3)
