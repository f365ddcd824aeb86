"""Head image and template in, similarity transform between them out: the search of `align`.

Both images become features on grids along the world's axes, and are compared by correlation at
points inside the template's head. Rotations on a grid are scored first; the best ones climb the
correlation's gradient on coarse features, the best of those on fine ones. Arrays are [z, y, x],
points are rows (x, y, z) of world mm.
"""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import AlignSettings

Floats = NDArray[np.float64]
_LEVER_MM = 30.0  # half a head: makes a step of rotation or scale as long as one of translation
_BATCH = 64  # rotations scored at once: bounds memory
_BLUR = 0.6  # of the grid's spacing: what a coarser grid can hold
_CLIP = 3.0  # deviations: one bright spot must not decide
_FLOOR = 0.2  # of the mean deviation: flat regions stay flat
_TOLERANCE = 1e-6  # of the correlation: where a climb ends
DOUBTS = ("agreement_deg", "agreement_mm", "agreeing", "margin")  # of `Found`


@dataclass(frozen=True)
class Features:
    """What is compared, on a grid along the world's axes.

    ``values`` is ``(z, y, x)`` float, 0 far from the head; ``inside`` says where the head is compared,
    if it is the template's; ``origin`` the world point of voxel 0.
    """

    values: Floats
    inside: NDArray[np.bool_]
    origin: Floats
    spacing_mm: float

    def points(self) -> tuple[Floats, Floats]:
        """Give the voxels inside: places ``(N, 3)`` and values ``(N,)``."""
        index = np.argwhere(self.inside)
        return index[:, ::-1] * self.spacing_mm + self.origin, self.values[self.inside]

    def sample(self, values: Floats, places: Floats) -> Floats:
        """Interpolate an array on the grid at world points ``(..., 3)``; 0 outside."""
        index = (places - self.origin) / self.spacing_mm
        return ndimage.map_coordinates(values, np.moveaxis(index[..., ::-1], -1, 0), order=1)


@dataclass(frozen=True)
class Pose:
    """Where the template lies in the image: ``q = center + shift + scale R (p - pivot)``.

    ``rotation`` is a rotation vector in radians; ``pivot`` is the middle of the template's head,
    ``center`` that of the image's; world mm.
    """

    rotation: Floats
    shift: Floats
    log_scale: float
    pivot: Floats
    center: Floats

    @property
    def parameters(self) -> Floats:
        """Rotation, shift, scale as one vector ``(7,)``, all in mm at the rim of the head."""
        return np.concatenate([self.rotation * _LEVER_MM, self.shift, [self.log_scale * _LEVER_MM]])

    def moved(self, parameters: Floats) -> "Pose":
        """Give the pose with other `parameters`."""
        rotation, shift, scale = parameters[:3], parameters[3:6], parameters[6]
        return Pose(rotation / _LEVER_MM, shift, scale / _LEVER_MM, self.pivot, self.center)

    def apply(self, places: Floats) -> Floats:
        """Send template points ``(N, 3)`` to the image."""
        turned = (places - self.pivot) @ Rotation.from_rotvec(self.rotation).as_matrix().T
        return self.center + self.shift + np.exp(self.log_scale) * turned

    def image_to_atlas(self) -> sitk.Similarity3DTransform:
        """Give the transform that maps image points to atlas points."""
        forward = sitk.Similarity3DTransform()
        forward.SetCenter(self.pivot.tolist())
        matrix = np.exp(self.log_scale) * Rotation.from_rotvec(self.rotation).as_matrix()
        forward.SetMatrix(matrix.ravel().tolist(), 1e-8)
        forward.SetTranslation((self.center + self.shift - self.pivot).tolist())
        return sitk.Similarity3DTransform(forward.GetInverse())


@dataclass(frozen=True)
class Found:
    """The best pose and what speaks for it.

    ``similarity`` is the final correlation, -1 to 1; ``agreement_deg`` and ``agreement_mm`` the
    median distance of the other refined starts from the best; ``agreeing`` the share of them that
    ended at the same pose (within 5 degrees and 3 mm); ``margin`` how much higher the best
    correlation is than that of any start that ended elsewhere (1 if none did).
    """

    pose: Pose
    similarity: float
    agreement_deg: float
    agreement_mm: float
    agreeing: float
    margin: float


class Options(TypedDict):
    """What `search` and `similarity` both take: ``us`` or ``mr``, and section ``align``."""

    modality: str
    settings: AlignSettings


def features(
    image: sitk.Image,
    head: sitk.Image,
    spacing_mm: float,
    *,
    skin_mm: float,
    slack_mm: float,
    window_mm: float,
) -> Features:
    """Turn an image into what is compared: its local contrast within the head.

    ``(I - local mean) / local deviation`` evens out gain, shadow and attenuation. An ultrasound's
    skull is left out: it is bright where the beam meets it at right angles, so its echo follows the
    probe and not the head.

    Args:
        image: 3D, any direction, any intensities.
        head: mask on the image's grid.
        spacing_mm: of the grid compared on; the image is smoothed accordingly.
        skin_mm: left out within the mask's border, mm.
        slack_mm: how far beyond that the image may still be looked at, mm.
        window_mm: standard deviation of the Gaussian neighbourhood, mm.

    Returns:
        The features.
    """
    grid = _grid_around(head, spacing_mm)
    soft = _on_grid(sitk.Cast(head > 0, sitk.sitkFloat32), grid)
    depth = ndimage.distance_transform_edt(soft >= 0.5, sampling=spacing_mm)
    depth -= ndimage.distance_transform_edt(soft < 0.5, sampling=spacing_mm)
    inside, near = depth > skin_mm, depth > skin_mm - slack_mm
    image_values = _on_grid(image, grid)
    weight = ndimage.gaussian_filter(inside.astype(float), window_mm / spacing_mm) + 1e-6

    def mean(values: Floats) -> Floats:
        return ndimage.gaussian_filter(values * inside, window_mm / spacing_mm) / weight

    residual = image_values - mean(image_values)
    deviation = np.sqrt(mean(residual**2))
    contrast = residual / (deviation + _FLOOR * deviation[inside].mean() + 1e-12)
    contrast = np.clip(contrast, -_CLIP, _CLIP)
    values = np.where(near, contrast - contrast[inside].mean(), 0.0)
    return Features(values, inside, np.array(grid.GetOrigin()), spacing_mm)


def search(
    image: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_head: sitk.Image,
    *,
    modality: str,
    settings: AlignSettings,
) -> Found:
    """Find the pose of a head.

    Args:
        image: 3D image of a head.
        head: its mask, on its grid.
        template: 3D image of the atlas, of the same modality.
        template_head: its mask, on its grid.
        modality: ``us`` or ``mr``.
        settings: section ``align``.

    Returns:
        The best pose and its quality.
    """
    start = first_pose(head, template_head, settings)

    def level(spacing_mm: float) -> tuple[Features, Features]:
        skin_mm = getattr(settings.skin_mm, modality)
        pairs = ((template, template_head), (image, head))
        fixed, moving = (
            features(
                *pair,
                spacing_mm,
                skin_mm=skin_mm,
                slack_mm=settings.slack_mm,
                window_mm=settings.window_mm,
            )
            for pair in pairs
        )
        return fixed, moving

    fixed, moving = level(settings.coarse_mm)
    starts = _best_rotations(fixed, moving, start, settings)
    refined = sorted(
        (climb(fixed, moving, pose, start.log_scale, settings) for pose in starts),
        key=lambda found: -found[1],
    )
    pose, similarity = climb(*level(settings.fine_mm), refined[0][0], start.log_scale, settings)
    distances = [_distance(refined[0][0], other) for other, _ in refined[1:]]
    same = [degrees <= 5.0 and mm <= 3.0 for degrees, mm in distances]
    elsewhere = [s for (_, s), near in zip(refined[1:], same, strict=True) if not near]
    return Found(
        pose,
        similarity,
        agreement_deg=float(np.median([d for d, _ in distances])) if distances else 0.0,
        agreement_mm=float(np.median([mm for _, mm in distances])) if distances else 0.0,
        agreeing=float(np.mean(same)) if same else 1.0,
        margin=refined[0][1] - max(elsewhere) if elsewhere else 1.0,
    )


def similarity(
    image: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_head: sitk.Image,
    *,
    modality: str,
    settings: AlignSettings,
) -> float:
    """Correlation, -1 to 1, of an image that is already in atlas space with the template.

    Args:
        image: 3D.
        head: its mask.
        template: 3D image of the atlas, of the same modality.
        template_head: its mask.
        modality: ``us`` or ``mr``.
        settings: section ``align``.

    Returns:
        What `search` makes as high as it can.
    """
    skin_mm = getattr(settings.skin_mm, modality)
    fixed, moving = (
        features(
            *pair,
            settings.fine_mm,
            skin_mm=skin_mm,
            slack_mm=settings.slack_mm,
            window_mm=settings.window_mm,
        )
        for pair in ((template, template_head), (image, head))
    )
    places, values = fixed.points()
    return float(_correlations(values, moving, places[None])[0])


def first_pose(head: sitk.Image, template_head: sitk.Image, settings: AlignSettings) -> Pose:
    """Lay the template's head over the image's: same centre, and same volume if scale is free."""
    (center, volume), (pivot, of_template) = (middle(mask) for mask in (head, template_head))
    free = settings.transform == "similarity"
    log_scale = np.log(volume / of_template) / 3 if free else 0.0
    return Pose(np.zeros(3), np.zeros(3), float(log_scale), pivot, center)


def rotations(reach_deg: float, step_deg: float) -> Floats:
    """Rotation vectors ``(R, 3)``, radians, on a grid in a ball of radius ``reach_deg``."""
    count = int(reach_deg // step_deg)
    axis = np.arange(-count, count + 1) * step_deg
    vectors = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.radians(vectors[np.linalg.norm(vectors, axis=1) <= reach_deg])


def _best_rotations(
    fixed: Features, moving: Features, start: Pose, settings: AlignSettings
) -> list[Pose]:
    """Score all rotations of the grid; keep the best ones that are not neighbours."""
    vectors = rotations(settings.reach_deg, settings.step_deg)
    places, values = fixed.points()
    offsets = (places - start.pivot) * np.exp(start.log_scale)
    scores = []
    for batch in np.array_split(vectors, -(-len(vectors) // _BATCH)):
        matrices = Rotation.from_rotvec(batch).as_matrix()
        targets = start.center + np.einsum("rij,nj->rni", matrices, offsets)
        scores.append(_correlations(values, moving, targets))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    kept: list[Pose] = []
    for i in order:
        pose = Pose(vectors[i], start.shift, start.log_scale, start.pivot, start.center)
        if all(_distance(pose, other)[0] > 1.5 * settings.step_deg for other in kept):
            kept.append(pose)
        if len(kept) == settings.starts:
            break
    return kept


def _correlations(values: Floats, moving: Features, targets: Floats) -> Floats:
    """Correlation of template values ``(N,)`` with each row of ``targets (R, N, 3)``."""
    seen = moving.sample(moving.values, targets)
    return seen @ values / (np.linalg.norm(seen, axis=1) * np.linalg.norm(values) + 1e-12)


def climb(
    fixed: Features, moving: Features, start: Pose, log_size: float, settings: AlignSettings
) -> tuple[Pose, float]:
    """Follow the correlation's gradient to its top, at a scale near that of the masks.

    Args:
        fixed: the template's features.
        moving: the image's.
        start: where to begin.
        log_size: log of the scale that gives both heads the same volume.
        settings: section ``align``.

    Returns:
        The pose, and the correlation there less the cost of its scale.
    """
    places, values = fixed.points()
    offsets = places - start.pivot
    unit = values / (np.linalg.norm(values) + 1e-12)
    slopes = np.gradient(moving.values, moving.spacing_mm)[::-1]
    free = np.ones(7)
    free[6] = settings.transform == "similarity"

    def cost(parameters: Floats) -> tuple[float, Floats]:
        pose = start.moved(parameters)
        targets = pose.apply(places)
        seen = moving.sample(moving.values, targets)
        size = np.linalg.norm(seen) + 1e-12
        correlation = float(unit @ seen / size)
        per_point = (unit - correlation * seen / size) / size
        along = np.stack([moving.sample(slope, targets) for slope in slopes], axis=1)
        gradient = _gradient(pose, offsets, per_point[:, None] * along)
        apart = (pose.log_scale - log_size) * 100  # percent
        gradient[6] -= 2 * settings.scale_cost * apart * 100 / _LEVER_MM
        return settings.scale_cost * apart**2 - correlation, -gradient * free

    found = optimize.minimize(
        cost,
        start.parameters,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": settings.steps, "ftol": _TOLERANCE},
    )
    return start.moved(found.x), -float(found.fun)


def _gradient(pose: Pose, offsets: Floats, forces: Floats) -> Floats:
    """Derivative by the parameters ``(7,)``, from that by each target point ``(N, 3)``."""
    scale = np.exp(pose.log_scale)
    # How a 3 x 3 matrix on the offsets would change the cost; rotation and scale are such.
    by_matrix = forces.T @ offsets * scale
    turns = []
    for axis in np.eye(3) * 1e-6:
        ahead, behind = (Rotation.from_rotvec(pose.rotation + d).as_matrix() for d in (axis, -axis))
        turns.append(np.sum(by_matrix * (ahead - behind)) / 2e-6 / _LEVER_MM)
    growth = np.sum(by_matrix * Rotation.from_rotvec(pose.rotation).as_matrix()) / _LEVER_MM
    return np.array([*turns, *forces.sum(axis=0), growth])


def _distance(a: Pose, b: Pose) -> tuple[float, float]:
    """Angle in degrees, and distance in mm at the middle of the head, between two poses."""
    turn = Rotation.from_rotvec(a.rotation).inv() * Rotation.from_rotvec(b.rotation)
    return float(np.degrees(turn.magnitude())), float(np.linalg.norm(a.shift - b.shift))


def middle(mask: sitk.Image) -> tuple[Floats, float]:
    """World centre of mass ``(3,)`` and volume in mm3 of a mask."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8))
    return np.array(shape.GetCentroid(1)), shape.GetPhysicalSize(1)


def _grid_around(mask: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Empty grid along the world's axes that holds a mask of any direction."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[:, ::-1]
    ends = np.stack([index.min(axis=0), index.max(axis=0)]).astype(float)
    corners = [ends[bits, range(3)].tolist() for bits in np.ndindex(2, 2, 2)]
    world = np.array([mask.TransformContinuousIndexToPhysicalPoint(c) for c in corners])
    first = world.min(axis=0) - 2 * spacing_mm
    size = np.ceil((world.max(axis=0) - first) / spacing_mm).astype(int) + 3
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetOrigin(first.tolist())
    return grid


def _on_grid(image: sitk.Image, grid: sitk.Image) -> Floats:
    """Smooth to what the grid can hold, and resample."""
    blur_mm = _BLUR * grid.GetSpacing()[0]
    smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), blur_mm)
    moved = sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    return sitk.GetArrayFromImage(moved).astype(float)
