"""Search for the similarity transform between an MR and the template, from any pose.

Both images become features on grids along the world's axes, and are compared by correlation at
points inside the template's head. Rotations on a grid are scored first; the best ones are
refined along the correlation's gradient on coarse features, the best of those on fine ones. Arrays
are [z, y, x], points are rows (x, y, z) of world mm.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import optimize, special
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import AlignSettings, ConfidenceSettings
from ssus2mri.prepare.contrast import Features, Floats, features
from ssus2mri.prepare.similarity import LEVER_MM, Similarity, distance, overlay

_BATCH = 64  # rotations scored at once: bounds memory
_SAME_DEG, _SAME_MM = 5.0, 3.0  # starts that end nearer than this ended at the same pose
EVIDENCE = ("agreement_deg", "agreement_mm", "agreeing", "margin")  # of `Fit`


@dataclass(frozen=True)
class Fit:
    """The best pose and what speaks for it.

    ``similarity`` is the final correlation, -1 to 1; ``agreement_deg`` and ``agreement_mm`` the
    median distance of the other refined starts from the best; ``agreeing`` the share of them that
    ended at the same pose (within 5 degrees and 3 mm); ``margin`` how much higher the best
    correlation is than that of any start that ended elsewhere (1 if none did).
    """

    transform: Similarity
    similarity: float
    agreement_deg: float
    agreement_mm: float
    agreeing: float
    margin: float


def search(
    image: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_head: sitk.Image,
    *,
    modality: str,
    settings: AlignSettings,
) -> Fit:
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
    start = overlay(head, template_head, settings)

    def level(spacing_mm: float) -> tuple[Features, Features]:
        fixed, moving = (
            features(*pair, spacing_mm, modality=modality, settings=settings)
            for pair in ((template, template_head), (image, head))
        )
        return fixed, moving

    fixed, moving = level(settings.coarse_mm)
    starts = _best_rotations(fixed, moving, start, settings)
    refined = sorted(
        (refine(fixed, moving, pose, start.log_scale, settings) for pose in starts),
        key=lambda fit: -fit[1],
    )
    pose, similarity = refine(*level(settings.fine_mm), refined[0][0], start.log_scale, settings)
    distances = [distance(refined[0][0], end) for end, _ in refined[1:]]
    same = [degrees <= _SAME_DEG and mm <= _SAME_MM for degrees, mm in distances]
    elsewhere = [s for (_, s), near in zip(refined[1:], same, strict=True) if not near]
    return Fit(
        pose,
        similarity,
        agreement_deg=float(np.median([d for d, _ in distances])) if distances else 0.0,
        agreement_mm=float(np.median([mm for _, mm in distances])) if distances else 0.0,
        agreeing=float(np.mean(same)) if same else 1.0,
        margin=refined[0][1] - max(elsewhere) if elsewhere else 1.0,
    )


def confidence(fit: Fit, weights: ConfidenceSettings) -> float:
    """Return the probability that a pose is right within 10 degrees.

    Args:
        fit: the search's result.
        weights: of a logistic regression on share of agreeing starts, margin and similarity.

    Returns:
        0 to 1.
    """
    score = (
        weights.offset
        + weights.agreeing * fit.agreeing
        + weights.margin * fit.margin
        + weights.similarity * fit.similarity
    )
    return float(special.expit(score))


def similarity(
    image: sitk.Image,
    head: sitk.Image,
    template: sitk.Image,
    template_head: sitk.Image,
    *,
    modality: str,
    settings: AlignSettings,
) -> float:
    """Correlate an image that is already in atlas space with the template, -1 to 1.

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
    fixed, moving = (
        features(*pair, settings.fine_mm, modality=modality, settings=settings)
        for pair in ((template, template_head), (image, head))
    )
    places, values = fixed.points()
    return float(_correlations(values, moving, places[None])[0])


def rotations(reach_deg: float, step_deg: float) -> Floats:
    """Return rotation vectors ``(R, 3)``, radians, on a grid in a ball of radius ``reach_deg``."""
    count = int(reach_deg // step_deg)
    axis = np.arange(-count, count + 1) * step_deg
    vectors = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.radians(vectors[np.linalg.norm(vectors, axis=1) <= reach_deg])


def _best_rotations(
    fixed: Features, moving: Features, start: Similarity, settings: AlignSettings
) -> list[Similarity]:
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
    kept: list[Similarity] = []
    for i in order:
        pose = Similarity(vectors[i], start.shift, start.log_scale, start.pivot, start.center)
        if all(distance(pose, better)[0] > 1.5 * settings.step_deg for better in kept):
            kept.append(pose)
        if len(kept) == settings.starts:
            break
    return kept


def _correlations(values: Floats, moving: Features, targets: Floats) -> Floats:
    """Correlate template values ``(N,)`` with each row of ``targets (R, N, 3)``."""
    seen = moving.sample(moving.values, targets)
    return seen @ values / (np.linalg.norm(seen, axis=1) * np.linalg.norm(values) + 1e-12)


def refine(
    fixed: Features, moving: Features, start: Similarity, log_size: float, settings: AlignSettings
) -> tuple[Similarity, float]:
    """Follow the correlation's gradient to its top, at a scale near that of the masks.

    Args:
        fixed: the template's features.
        moving: the image's.
        start: where to begin.
        log_size: log of the scale that gives both heads the same volume.
        settings: section ``align``.

    Returns:
        The pose, and the correlation there, -1 to 1.
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
        apart = _percent(pose, log_size)
        gradient[6] -= 2 * settings.scale_cost * apart * 100 / LEVER_MM
        return settings.scale_cost * apart**2 - correlation, -gradient * free

    minimum = optimize.minimize(
        cost,
        start.parameters,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": settings.steps, "ftol": settings.tolerance},
    )
    pose = start.moved(minimum.x)
    return pose, settings.scale_cost * _percent(pose, log_size) ** 2 - float(minimum.fun)


def _percent(pose: Similarity, log_size: float) -> float:
    return 100 * (pose.log_scale - log_size)


def _gradient(pose: Similarity, offsets: Floats, forces: Floats) -> Floats:
    """Return the derivative by the parameters ``(7,)``, from that by each target ``(N, 3)``."""
    scale = np.exp(pose.log_scale)
    # How a 3 x 3 matrix on the offsets would change the cost; rotation and scale are such.
    by_matrix = forces.T @ offsets * scale
    turns = []
    for axis in np.eye(3) * 1e-6:
        ahead, behind = (Rotation.from_rotvec(pose.rotation + d).as_matrix() for d in (axis, -axis))
        turns.append(np.sum(by_matrix * (ahead - behind)) / 2e-6 / LEVER_MM)
    growth = np.sum(by_matrix * Rotation.from_rotvec(pose.rotation).as_matrix()) / LEVER_MM
    return np.array([*turns, *forces.sum(axis=0), growth])
