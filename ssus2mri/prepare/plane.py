"""Alignment of a single axial plane to the axial grid of the template.

The ellipse of the head gives position, size and direction; correlation with the template's axial
slices around the thalami refines these and determines which end is anterior and which level is
nearest. Left and right cannot be told apart in a single plane, so it is never mirrored. The source
treats volumes only: all of this is ours.
"""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from ssus2mri.config.prepare import PlaneSettings
from ssus2mri.growth import ellipse_circumference, head_circumference_mm
from ssus2mri.images import geometry
from ssus2mri.prepare.ellipsoid import Ellipsoid, Floats, draw, of_mask
from ssus2mri.prepare.simplex import minimise
from ssus2mri.tissues import HEAD, Tissue


def align_plane(
    image: sitk.Image,
    mask: sitk.Image,
    template: sitk.Image,
    template_labels: sitk.Image,
    *,
    ga_weeks: float,
    settings: PlaneSettings,
) -> tuple[sitk.Similarity2DTransform, dict[str, Any]]:
    """Align an axial plane to the template's axial grid, anterior up.

    The long axis of the mask's ellipse becomes vertical and its centre that of the template's head.
    The head is scaled isotropically to the circumference of the template (``scale_to: template``),
    or of its age (``age``: Hadlock 1984, so a head of the template's own age gets the template's
    size only as far as the template follows that chart).

    Args:
        image: 2D, float32, 0 outside the field of view.
        mask: its head, same grid.
        template: 3D ultrasound template, axes along the world's (see `geometry.grid`).
        template_labels: `Tissue` on the template's grid.
        ga_weeks: gestational age, weeks.
        settings: section ``align.plane``.

    Returns:
        The transform, image -> x and y of the template's grid, and its quality: ``index`` (axial
        level of the template it is nearest to), ``similarity`` (correlation there, -1 to 1),
        ``similarity_turned`` (the best by 180 degrees the other way), ``orientation_margin`` (their
        difference: near 0, front and back are a guess), ``turned``, ``scale``, ``angle_deg``.
    """
    labels = sitk.GetArrayViewFromImage(template_labels)
    level = thalamic_level(labels)
    like = axial_grid(template)
    atlas_mask = sitk.GetImageFromArray(np.isin(labels[level], HEAD).astype(np.uint8))
    atlas_mask.CopyInformation(like)
    head, atlas_head = _world(of_mask(mask), mask), _world(of_mask(atlas_mask), like)
    fit = _circumference(atlas_head) / _circumference(head)
    scale = fit
    if settings.scale_to == "age":
        scale = head_circumference_mm(ga_weeks) / _circumference(head)
    half = round(settings.level_mm / template.GetSpacing()[2])
    first, last = max(level - half, 0), min(level + half, len(labels) - 1)
    slices = sitk.GetArrayFromImage(template)[first : last + 1]
    inner = draw(of_mask(mask).grown(-settings.rim_mm / fit), mask)
    match = _Match(image, inner, like, slices, settings.blur_mm)
    refined = [
        _refined(match, head, atlas_head.center, fit, turned, settings) for turned in (False, True)
    ]
    turned = refined[1][1] > refined[0][1]
    transform, similarity, nearest = refined[turned]
    transform.SetScale(scale)  # about the head's centre, so that its position is unchanged
    return transform, {
        "index": first + nearest,
        "similarity": similarity,
        "similarity_turned": refined[not turned][1],
        "orientation_margin": similarity - refined[not turned][1],
        "turned": bool(turned),
        "scale": scale,
        "angle_deg": float(np.rad2deg(transform.GetAngle())),
    }


def thalamic_level(labels: NDArray[np.uint8]) -> int:
    """Return the axial index with the most deep grey matter (thalami and basal ganglia).

    Args:
        labels: ``[z, y, x]``, `Tissue`.

    Returns:
        Index along z; the middle of the head where there is no deep grey matter.
    """
    for tissues in ((Tissue.DEEP_GREY,), HEAD):
        area = np.isin(labels, tissues).sum(axis=(1, 2))
        if area.any():
            break
    # The middle of the plateau, so that a single voxel does not decide.
    return round(float(np.flatnonzero(area >= 0.95 * area.max()).mean()))


def axial_grid(template: sitk.Image) -> sitk.Image:
    """Return an empty 2D image on x and y of a template whose axes are the world's."""
    like = sitk.Image(template.GetSize()[:2], sitk.sitkFloat32)
    like.SetSpacing(template.GetSpacing()[:2])
    like.SetOrigin(template.GetOrigin()[:2])
    return like


class _Match:
    """Correlate a moved plane with template slices, within the plane's head.

    A transform is tried a hundred times a plane, so only pixels of the head are looked at.
    """

    def __init__(
        self,
        image: sitk.Image,
        mask: sitk.Image,
        like: sitk.Image,
        slices: NDArray[np.float32],
        blur_mm: float,
    ) -> None:
        sigma = blur_mm / like.GetSpacing()[0]
        blurred = gaussian_filter(slices, (0, sigma, sigma))
        self._levels = np.ascontiguousarray(blurred.reshape(len(slices), -1).T)
        self._image = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, blur_mm))
        self._mask = np.pad(sitk.GetArrayFromImage(mask) > 0, 1)  # what lies outside is not head
        self._x, self._y = (
            start + step * np.arange(size)
            for start, step, size in zip(
                like.GetOrigin(), like.GetSpacing(), like.GetSize(), strict=True
            )
        )
        self._origin = np.array(image.GetOrigin())
        self._to_pixels = np.linalg.inv(
            np.array(image.GetDirection()).reshape(2, 2) * np.array(image.GetSpacing())
        )

    def correlations(self, transform: sitk.Transform) -> Floats:
        """Return the Pearson correlation with each slice, ``(levels,)``."""
        inverse = transform.GetInverse()
        linear = self._to_pixels @ geometry.matrix(inverse)
        shift = self._to_pixels @ (np.array(inverse.TransformPoint((0.0, 0.0))) - self._origin)
        column, row = (
            a * self._x + (b * self._y + c)[:, None]
            for (a, b), c in zip(linear, shift, strict=True)
        )
        rows, columns = (
            np.clip(place + 1.5, 0, size - 1).astype(np.intp)
            for place, size in zip((row, column), self._mask.shape, strict=True)
        )
        inside = np.flatnonzero(self._mask.take(rows * self._mask.shape[1] + columns))
        if len(inside) < 16:
            return np.full(self._levels.shape[1], -1.0)
        place = [row.take(inside), column.take(inside)]
        values = map_coordinates(self._image, place, np.float64, order=1, mode="nearest")
        values -= values.mean()
        levels, each = self._levels.take(inside, axis=0).astype(float), np.ones(len(inside))
        squares = each @ levels**2 - (each @ levels) ** 2 / len(inside)
        norms = np.linalg.norm(values) * np.sqrt(np.maximum(squares, 0.0))
        correlations: Floats = values @ levels / np.maximum(norms, 1e-9)
        return correlations


def _refined(
    match: _Match,
    head: Ellipsoid,
    center: Floats,
    scale: float,
    turned: bool,
    settings: PlaneSettings,
) -> tuple[sitk.Similarity2DTransform, float, int]:
    """Refine angle and shift, kept near the ellipse's by a penalty.

    Returns the transform, its correlation, and the level that it is the correlation with.
    """
    angle = _upright(head.rotation[:, 0]) + (np.pi if turned else 0.0)
    spread = np.array([np.deg2rad(settings.angle_deg), settings.shift_mm, settings.shift_mm])

    def moved(values: Floats) -> sitk.Similarity2DTransform:
        transform = sitk.Similarity2DTransform()
        transform.SetCenter(head.center.tolist())
        transform.SetScale(scale)
        transform.SetAngle(angle + values[0] * spread[0])
        transform.SetTranslation((center - head.center + values[1:] * spread[1:]).tolist())
        return transform

    def cost(values: Floats) -> float:
        penalty = settings.penalty * float(np.sum(values**2))
        return penalty - float(match.correlations(moved(values)).max())

    start = np.vstack([np.zeros(3), np.eye(3)])
    best = minimise(cost, start, evaluations=settings.steps, x_tolerance=0.02, cost_tolerance=1e-4)
    transform = moved(best)
    correlations = match.correlations(transform)
    return transform, float(correlations.max()), int(correlations.argmax())


def _upright(direction: Floats) -> float:
    """Return the angle, rad within +-90 degrees, that turns a direction (x, y) to the vertical."""
    angle = np.pi / 2 - np.arctan2(direction[1], direction[0])
    return float((angle + np.pi / 2) % np.pi - np.pi / 2)


def _world(ellipse: Ellipsoid, image: sitk.Image) -> Ellipsoid:
    """Convert local mm in array order [y, x] to world x, y."""
    direction = np.array(image.GetDirection()).reshape(2, 2)
    center = direction @ ellipse.center[::-1] + np.array(image.GetOrigin())
    return Ellipsoid(center, ellipse.axes, direction @ ellipse.rotation[::-1])


def _circumference(ellipse: Ellipsoid) -> float:
    return ellipse_circumference(2 * float(ellipse.axes[0]), 2 * float(ellipse.axes[1]))
