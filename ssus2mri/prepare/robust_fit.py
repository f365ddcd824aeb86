"""Nonlinear least squares that outliers do not rule: steps within a trusted radius.

The steps are those of `scipy.optimize.least_squares` (``trf``, ``soft_l1``). That library takes
longer to load than a 2D plane takes to crop.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TOLERANCE = 1e-8
_EPS = float(np.finfo(np.float64).eps)


def robust_fit(
    residuals: Callable[[Floats], Floats],
    jacobian: Callable[[Floats], Floats],
    count: int,
    *,
    evaluations: int,
) -> Floats:
    """Minimise a sum of losses that grow as squares below 1, and as absolute values beyond.

    Args:
        residuals: of ``(count,)`` values, ``(M,)``.
        jacobian: their derivatives, ``(M, count)``.
        count: number of values; the search begins where all are 0.
        evaluations: of the residuals, at most.

    Returns:
        The values, ``(count,)``.

    Source: Moré, The Levenberg-Marquardt Algorithm, 1977; loss by Triggs et al., 2000.
    """
    x, radius, damping = np.zeros(count), 1.0, 0.0
    apart = residuals(x)
    cost, left = _loss(apart), evaluations - 1
    while True:
        slopes, apart = _weighted(jacobian(x), apart)
        gradient = slopes.T @ apart
        if np.abs(gradient).max() < TOLERANCE:
            return x
        left_vectors, singular, right = np.linalg.svd(slopes, full_matrices=False)
        projected = left_vectors.T @ apart
        gain = -1.0
        while gain <= 0:
            if not left:
                return x
            step, damping = _within(radius, damping, projected, singular, right.T, len(apart))
            moved = slopes @ step
            expected = -float(0.5 * moved @ moved + step @ gradient)
            there = residuals(x + step)
            left -= 1
            gain = cost - _loss(there)
            length = float(np.linalg.norm(step))
            ratio = gain / expected if expected > 0 else float(expected == gain == 0)
            wider = _next_radius(radius, ratio, length)
            is_flat = gain < TOLERANCE * cost and ratio > 0.25
            if is_flat or length < TOLERANCE * (TOLERANCE + np.linalg.norm(x)):
                return x + step if gain > 0 else x
            damping *= radius / wider
            radius = wider
        x, apart, cost = x + step, there, _loss(there)


def _loss(apart: Floats) -> float:
    return float(np.sum(2 * (np.sqrt(1 + apart**2) - 1)) / 2)


def _weighted(slopes: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """Weigh residuals and derivatives so that their squares fall and rise as the loss does."""
    spread = 1 + apart**2
    first, second = spread**-0.5, -0.5 * spread**-1.5
    scale = np.sqrt(np.maximum(first + 2 * second * apart**2, _EPS))
    return slopes * scale[:, None], apart * (first / scale)


def _within(
    radius: float, damping: float, projected: Floats, singular: Floats, right: Floats, rows: int
) -> tuple[Floats, float]:
    """Return the best step of a length up to the radius, and the damping that gives it."""
    has_full_rank = singular[-1] > _EPS * rows * singular[0]
    if has_full_rank:
        step = -right @ (projected / singular)
        if np.linalg.norm(step) <= radius:
            return step, 0.0
    pull = singular * projected

    def excess(amount: float) -> tuple[float, float]:
        below = singular**2 + amount
        length = float(np.linalg.norm(pull / below))
        return length - radius, float(-np.sum(pull**2 / below**3) / length)

    most, least = float(np.linalg.norm(pull)) / radius, 0.0
    if has_full_rank:
        value, slope = excess(0.0)
        least = -value / slope
    elif not damping:
        damping = max(0.001 * most, (least * most) ** 0.5)
    for _ in range(10):
        if not least <= damping <= most:
            damping = max(0.001 * most, (least * most) ** 0.5)
        value, slope = excess(damping)
        if value < 0:
            most = damping
        least = max(least, damping - value / slope)
        damping -= (value + radius) * (value / slope) / radius
        if abs(value) < 0.01 * radius:
            break
    step = -right @ (pull / (singular**2 + damping))
    return step * (radius / float(np.linalg.norm(step))), damping


def _next_radius(radius: float, ratio: float, length: float) -> float:
    """Trust a step of twice the length where the last was as good as expected, else a quarter."""
    if ratio < 0.25:
        return 0.25 * length
    return 2 * radius if ratio > 0.75 and length > 0.95 * radius else radius
