"""The head in an ultrasound: the ellipse (2D) or ellipsoid (3D) that best follows the skull.

The skull is a bright shell, broken by shadows and by the edge of the field of view: a ridge (see
`ridges`). A generalised Hough transform scores ellipsoids of many shapes and directions at every
centre; the best ones are refined by pulling their surface to the ridges near it. Coordinates are
those of `ellipsoid`. The method is ours: the source only says that volumes are cropped.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import SkullSettings
from ssus2mri.growth import axial_axes_mm, ellipse_circumference, head_circumference_mm
from ssus2mri.prepare.ellipsoid import Ellipsoid, Floats
from ssus2mri.prepare.ridges import Ridges, ridges
from ssus2mri.prepare.robust_fit import robust_fit

# Numerical resolution by dimension, no tissue or scanner in it: points on the surface in the search
# and in the refinement, places along each normal.
_SEARCH_POINTS = {2: 48, 3: 160}
_SURFACE_POINTS = {2: 96, 3: 400}
_STEPS_ALONG = 25


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
    coarse, fine = ridges(image, (coarse_mm, fine_mm), settings)
    candidates = _hough(coarse, prior, settings)
    directions = sphere(_SURFACE_POINTS[dimension], dimension)
    refined = [_refine(candidate, fine, prior, directions, settings) for candidate in candidates]
    best = max(refined, key=lambda e: _score(e, fine, prior, directions))
    return best.grown(settings.outward_mm)


def sphere(count: int, dimension: int) -> Floats:
    """Spread unit vectors evenly over the circle or sphere, ``(count, dimension)``."""
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
        """Return how many standard deviations the semi-axes (long, wide, high) are off."""
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
        """Return the likelihood of the axes, 1 at its best, shared by the skull's `observations`.

        It multiplies a mean strength, which stands for one of them: with the whole prior on one, a
        usual ellipsoid that runs over the face would beat the skull of a round head.
        """
        square = np.sum(np.square(self.deviations(axes)))
        return float(np.exp(-0.5 * square / self.settings.observations))

    def shapes(self, dimension: int) -> list[Floats]:
        """Return semi-axes to try."""
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
    strengths = np.array(
        [np.clip(np.einsum("ij...,i,j->...", ridge.hessian, n, n), 0.0, 1.0) for n in bins],
        np.float32,
    )
    directions = sphere(_SEARCH_POINTS[dimension], dimension)
    scored: list[tuple[float, Ellipsoid]] = []
    for axes in prior.shapes(dimension):
        factor = prior.factor(axes)
        reach = int(np.ceil(axes.max() / ridge.spacing_mm)) + 1
        padded = np.zeros((len(bins), *(n + 2 * reach for n in shape)), np.float32)
        padded[(slice(None), *(slice(reach, reach + n) for n in shape))] = strengths
        # Of each map the last two axes are one: what lies between the rows of a window is added
        # too, which takes less time than to leave it out.
        row = padded.shape[-1]
        flat = padded.reshape(*padded.shape[:-2], -1)
        length = (shape[-2] - 1) * row + shape[-1]
        for rotation in _rotations(bins):
            trial = Ellipsoid(np.zeros(dimension), axes, rotation)
            offsets = np.rint(trial.points(directions) / ridge.spacing_mm).astype(int) + reach
            nearest = np.abs(trial.normals(directions) @ bins.T).argmax(axis=1)
            rows = np.zeros((*shape[:-2], shape[-2] * row), np.float32)
            inside = rows[..., :length]
            for (*before, y, x), which in zip(offsets.tolist(), nearest.tolist(), strict=True):
                box = [slice(o, o + n) for o, n in zip(before, shape[:-2], strict=True)]
                start = y * row + x
                inside += flat[which][(*box, slice(start, start + length))]
            total = rows.reshape(*shape[:-1], row)[..., : shape[-1]]
            best = np.unravel_index(int(total.argmax()), shape)
            center = np.array(best, dtype=np.float64) * ridge.spacing_mm
            scored.append((factor * float(total[best]), Ellipsoid(center, axes, rotation)))
    return _distinct(scored, settings)


def _distinct(scored: list[tuple[float, Ellipsoid]], settings: SkullSettings) -> list[Ellipsoid]:
    """Keep the best, each apart from all better ones."""
    kept: list[Ellipsoid] = []
    for _, candidate in sorted(scored, key=lambda pair: -pair[0]):
        if all(_apart(candidate, better) > settings.apart_mm for better in kept):
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
        count = 2 * dimension + (1 if dimension == 2 else 3)
        fitted: dict[str, Any] = {
            "base": ellipsoid,
            "target": target,
            "scale": scale,
            "prior": prior,
        }
        moves = robust_fit(
            partial(_residuals, **fitted), partial(_jacobian, **fitted), count, evaluations=12
        )
        ellipsoid = _moved(ellipsoid, moves)
    return ellipsoid


def _residuals(
    values: Floats, base: Ellipsoid, target: Floats, scale: Floats, prior: _Prior
) -> Floats:
    """Return scaled distances of the targets to the moved surface, then those from the prior."""
    moved = _moved(base, values)
    return np.append(_distance(moved, target) * scale, prior.deviations(moved.axes))


def _jacobian(
    values: Floats, base: Ellipsoid, target: Floats, scale: Floats, prior: _Prior
) -> Floats:
    """Return the derivatives of `_residuals`, to first order in the distance.

    A point of the surface moves by a shift, by the growth of each axis along it, and by a turn
    about the centre; its target comes nearer by the part of that along the normal.
    """
    moved = _moved(base, values)
    unit = (target - moved.center) @ moved.rotation / moved.axes
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    normals = moved.normals(unit)
    arms = moved.points(unit) - moved.center
    growth = (normals @ moved.rotation) * moved.axes * unit
    dimension = len(base.center)
    if dimension == 2:
        turns = (arms[:, 0] * normals[:, 1] - arms[:, 1] * normals[:, 0])[:, None]
    else:
        turns = np.cross(arms, normals)
    distances = -np.concatenate([normals, growth, turns], axis=1) * scale[:, None]
    priors = np.zeros((len(prior.deviations(moved.axes)), len(values)))
    for axis in range(dimension):
        ahead, behind = (
            np.array(prior.deviations(moved.axes * np.exp(step * (np.arange(dimension) == axis))))
            for step in (1e-5, -1e-5)
        )
        priors[:, dimension + axis] = (ahead - behind) / 2e-5
    return np.concatenate([distances, priors])


def _moved(base: Ellipsoid, values: Floats) -> Ellipsoid:
    """Shift by ``values[:D]`` mm, scale axes by ``exp(values[D:2D])``, turn by the rest (rad)."""
    dimension = len(base.center)
    turn = values[2 * dimension :]
    if dimension == 2:
        c, s = np.cos(turn[0]), np.sin(turn[0])
        matrix = np.array([[c, -s], [s, c]])
    else:
        from scipy.spatial.transform import Rotation  # only volumes pay for loading it

        matrix = Rotation.from_rotvec(turn).as_matrix()
    axes = base.axes * np.exp(np.clip(values[dimension : 2 * dimension], -0.5, 0.5))
    return Ellipsoid(base.center + values[:dimension], axes, matrix @ base.rotation)


def _distance(ellipsoid: Ellipsoid, points: Floats) -> Floats:
    """Return the signed distance of points to the surface, mm, to first order."""
    unit = (points - ellipsoid.center) @ ellipsoid.rotation / ellipsoid.axes
    radius = np.linalg.norm(unit, axis=1)
    gradient = np.linalg.norm(unit / ellipsoid.axes, axis=1) / radius
    return (radius - 1.0) / gradient


def _score(ellipsoid: Ellipsoid, ridge: Ridges, prior: _Prior, directions: Floats) -> float:
    """Return the mean ridge strength along the surface, by the prior."""
    points, normals = ellipsoid.points(directions), ellipsoid.normals(directions)
    return float(ridge.along(points, normals).mean()) * prior.factor(ellipsoid.axes)


def _rotations(bins: Floats) -> list[Floats]:
    """Return a rotation per direction of the long axis; the other axes are arbitrary."""
    if bins.shape[1] == 2:
        return [np.array([[n[0], -n[1]], [n[1], n[0]]]) for n in bins]
    from scipy.spatial.transform import Rotation

    return [Rotation.align_vectors([n], [[1.0, 0.0, 0.0]])[0].as_matrix() for n in bins]


def _half(directions: Floats) -> Floats:
    """Return one of each pair of opposite directions."""
    signs = np.sign(directions + 1e-9 * np.arange(1, directions.shape[1] + 1))
    first = signs[:, 0]
    return directions[first > 0]


def _apart(a: Ellipsoid, b: Ellipsoid) -> float:
    return float(np.linalg.norm(a.center - b.center) + np.abs(a.axes - b.axes).max())
