"""Head image and template in, similarity transform between them out: the search of `align`.

Both images become features on grids along the world's axes, and are compared by correlation at
points inside the template's head. Rotations on a grid are scored first; the best ones climb the
correlation's gradient on coarse features, the best of those on fine ones. Arrays are [z, y, x],
points are rows (x, y, z) of world mm.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import AlignSettings

Floats = NDArray[np.float64]
_LEVER_MM = 30.0  # half a head: makes a step of rotation or scale as long as one of translation
_BATCH = 64  # rotations scored at once: bounds memory
DOUBT = ("agreement_deg", "agreement_mm", "agreeing", "margin")


@dataclass(frozen=True)
class Features:
    """What is compared: channels on a grid along the world's axes.

    ``channels`` is ``(C, z, y, x)`` float32, zero mean inside ``near`` and 0 outside; ``origin``
    the world point of voxel 0; ``near`` the head and a rim around it.
    """

    channels: NDArray[np.float32]
    near: NDArray[np.bool_]
    origin: Floats
    spacing_mm: float

    def points(self, step: int) -> tuple[Floats, Floats]:
        """Every ``step``-th point of ``near``: places ``(N, 3)``, values ``(C, N)``."""
        every = np.s_[::step, ::step, ::step]
        inside = np.argwhere(self.near[every]) * step
        values = self.channels[:, *inside.T].astype(float)
        return inside[:, ::-1] * self.spacing_mm + self.origin, values

    def sample(self, channel: NDArray[np.float32], places: Floats) -> Floats:
        """Linear interpolation of a channel at world points ``(..., 3)``; 0 outside."""
        index = (places - self.origin) / self.spacing_mm
        return ndimage.map_coordinates(
            channel, np.moveaxis(index[..., ::-1], -1, 0), order=1, output=np.float64
        )


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

    def doubt(self) -> dict[str, float]:
        """Give the numbers that say whether another pose would do as well."""
        return {name: getattr(self, name) for name in DOUBT}


def features(
    image: sitk.Image, head: sitk.Image, spacing_mm: float, settings: AlignSettings
) -> Features:
    """Turn an image into what is compared: its local contrast, and the shape of its head.

    Local contrast, ``(I - local mean) / local deviation`` in the head, evens out shadow, gain and
    the difference between subjects; the source aligns by other means and states none of this.

    Args:
        image: 3D, any direction, any intensities.
        head: mask on the image's grid.
        spacing_mm: of the grid compared on; the image is smoothed accordingly.
        settings: section ``align``.

    Returns:
        The features.
    """
    grid = _grid_around(head, spacing_mm, settings.rim_mm + 2 * spacing_mm)
    soft = _on_grid(sitk.Cast(head > 0, sitk.sitkFloat32), grid, spacing_mm)
    values = _on_grid(image, grid, spacing_mm)
    distance = ndimage.distance_transform_edt(soft < 0.5, sampling=spacing_mm)
    near = distance <= settings.rim_mm
    sigma = settings.window_mm / spacing_mm
    weight = ndimage.gaussian_filter(near.astype(float), sigma) + 1e-6
    mean = ndimage.gaussian_filter(values * near, sigma) / weight
    residual = np.where(near, values - mean, 0.0)
    deviation = np.sqrt(ndimage.gaussian_filter(residual**2, sigma) / weight)
    floor = 0.2 * deviation[near].mean() + 1e-12
    contrast = residual / (deviation + floor)
    depth = ndimage.distance_transform_edt(soft >= 0.5, sampling=spacing_mm) - distance
    shape = np.clip(depth, -settings.rim_mm, settings.rim_mm)
    channels = np.stack([_centred(contrast, near), _centred(shape, near)]).astype(np.float32)
    return Features(channels, near, np.array(grid.GetOrigin()), spacing_mm)


def search(
    image: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_head: sitk.Image,
    settings: AlignSettings,
) -> Found:
    """Find the pose of a head.

    Args:
        image: 3D image of a head.
        head: its mask, on its grid.
        template: 3D image of the atlas, of the same modality.
        template_head: its mask, on its grid.
        settings: section ``align``.

    Returns:
        The best pose and its quality.
    """
    start = first_pose(head, template_head, settings)
    fixed, moving = (
        features(a, b, settings.coarse_mm, settings)
        for a, b in ((template, template_head), (image, head))
    )
    starts = _best_rotations(fixed, moving, start, settings)
    refined = sorted((climb(fixed, moving, pose, settings) for pose in starts), key=lambda r: -r[1])
    fixed, moving = (
        features(a, b, settings.fine_mm, settings)
        for a, b in ((template, template_head), (image, head))
    )
    pose, similarity = climb(fixed, moving, refined[0][0], settings)
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
    settings: AlignSettings,
) -> float:
    """Correlation, -1 to 1, of an image that is already in atlas space with the template.

    Args:
        image: 3D.
        head: its mask.
        template: 3D image of the atlas, of the same modality.
        template_head: its mask.
        settings: section ``align``.

    Returns:
        What `search` makes as high as it can.
    """
    fixed = features(template, template_head, settings.fine_mm, settings)
    moving = features(image, head, settings.fine_mm, settings)
    places, values = fixed.points(1)
    return float(_correlations(values, moving, places[None], settings)[0])


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
    places, values = fixed.points(2)
    offsets = (places - start.pivot) * np.exp(start.log_scale)
    scores = []
    for batch in np.array_split(vectors, -(-len(vectors) // _BATCH)):
        matrices = Rotation.from_rotvec(batch).as_matrix()
        targets = start.center + np.einsum("rij,nj->rni", matrices, offsets)
        scores.append(_correlations(values, moving, targets, settings))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    kept: list[Pose] = []
    for i in order:
        pose = Pose(vectors[i], start.shift, start.log_scale, start.pivot, start.center)
        if all(_distance(pose, other)[0] > 1.5 * settings.step_deg for other in kept):
            kept.append(pose)
        if len(kept) == settings.starts:
            break
    return kept


def _correlations(
    values: Floats, moving: Features, targets: Floats, settings: AlignSettings
) -> Floats:
    """Weighted mean over channels of the correlation, for each row of ``targets (R, N, 3)``."""
    total = np.zeros(len(targets))
    for weight, fixed, channel in zip(_weights(settings), values, moving.channels, strict=True):
        seen = moving.sample(channel, targets)
        norm = np.linalg.norm(seen, axis=1) * np.linalg.norm(fixed) + 1e-12
        total += weight * (seen @ fixed) / norm
    return total


def climb(
    fixed: Features, moving: Features, start: Pose, settings: AlignSettings
) -> tuple[Pose, float]:
    """Follow the correlation's gradient to its top.

    Args:
        fixed: the template's features.
        moving: the image's.
        start: where to begin.
        settings: section ``align``.

    Returns:
        The pose and the correlation there, -1 to 1.
    """
    places, values = fixed.points(1)
    offsets = places - start.pivot
    slopes = [np.gradient(channel, moving.spacing_mm) for channel in moving.channels]
    free = np.ones(7)
    free[6] = settings.transform == "similarity"

    def cost(parameters: Floats) -> tuple[float, Floats]:
        pose = start.moved(parameters)
        targets = pose.apply(places)
        jacobian = _jacobian(pose, offsets)
        total, gradient = 0.0, np.zeros(7)
        for weight, t, channel, slope in zip(
            _weights(settings), values, moving.channels, slopes, strict=True
        ):
            seen = moving.sample(channel, targets)
            size = np.linalg.norm(seen) + 1e-12
            unit = t / (np.linalg.norm(t) + 1e-12)
            correlation = unit @ seen / size
            per_point = (unit - correlation * seen / size) / size
            along = np.stack([moving.sample(s, targets) for s in slope[::-1]], axis=1)
            total += weight * correlation
            gradient += weight * np.einsum("n,nj,jnk->k", per_point, along, jacobian, optimize=True)
        return -total, -gradient * free

    found = optimize.minimize(
        cost, start.parameters, jac=True, method="L-BFGS-B", options={"maxiter": settings.steps, "ftol": 1e-6}
    )
    return start.moved(found.x), -float(found.fun)


def _jacobian(pose: Pose, offsets: Floats) -> Floats:
    """How targets move with each parameter: ``(3, N, 7)``."""
    scale = np.exp(pose.log_scale)
    columns = []
    for axis in np.eye(3) * 1e-6:
        ahead, behind = (Rotation.from_rotvec(pose.rotation + d).as_matrix() for d in (axis, -axis))
        columns.append(scale * offsets @ ((ahead - behind) / 2e-6).T / _LEVER_MM)
    columns += [np.broadcast_to(axis, offsets.shape) for axis in np.eye(3)]
    turned = offsets @ Rotation.from_rotvec(pose.rotation).as_matrix().T
    columns.append(scale * turned / _LEVER_MM)
    return np.moveaxis(np.stack(columns, axis=-1), 1, 0)


def _weights(settings: AlignSettings) -> tuple[float, float]:
    return 1.0 - settings.shape_weight, settings.shape_weight


def _distance(a: Pose, b: Pose) -> tuple[float, float]:
    """Angle in degrees, and distance in mm at the middle of the head, between two poses."""
    turn = Rotation.from_rotvec(a.rotation).inv() * Rotation.from_rotvec(b.rotation)
    return float(np.degrees(turn.magnitude())), float(np.linalg.norm(a.shift - b.shift))


def middle(mask: sitk.Image) -> tuple[Floats, float]:
    """World centre of mass ``(3,)`` and volume in mm3 of a mask."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8))
    return np.array(shape.GetCentroid(1)), shape.GetPhysicalSize(1)


def _grid_around(mask: sitk.Image, spacing_mm: float, rim_mm: float) -> sitk.Image:
    """Empty grid along the world's axes that holds a mask of any direction, and a rim."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[:, ::-1]
    low, high = index.min(axis=0), index.max(axis=0)
    corners = [
        [(low, high)[bit][axis] for axis, bit in enumerate(bits)] for bits in np.ndindex(2, 2, 2)
    ]
    world = np.array(
        [mask.TransformContinuousIndexToPhysicalPoint([float(v) for v in c]) for c in corners]
    )
    first, last = world.min(axis=0) - rim_mm, world.max(axis=0) + rim_mm
    size = np.ceil((last - first) / spacing_mm).astype(int) + 1
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetOrigin(first.tolist())
    return grid


def _on_grid(image: sitk.Image, grid: sitk.Image, spacing_mm: float) -> Floats:
    """Smooth by what the grid can hold, and resample."""
    smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), 0.6 * spacing_mm)
    moved = sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    return sitk.GetArrayFromImage(moved).astype(float)


def _centred(values: Floats, near: NDArray[np.bool_]) -> Floats:
    return np.where(near, values - values[near].mean(), 0.0)
