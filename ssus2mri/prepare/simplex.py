"""The simplex of Nelder and Mead: a minimum of a function of few numbers, without derivatives.

Its steps are those of `scipy.optimize.minimize`, to the last digit. That library takes longer to
load than a 2D plane takes to align.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cost = Callable[[Floats], float]


class _SpentError(Exception):
    """All evaluations are spent."""


def minimise(
    cost: Cost, start: Floats, *, evaluations: int, x_tolerance: float, cost_tolerance: float
) -> Floats:
    """Find a minimum.

    Args:
        cost: of a point ``(N,)``.
        start: the first simplex, ``(N + 1, N)``.
        evaluations: of the cost, at most.
        x_tolerance: the search ends where all corners are this near to the best, in each number,
        cost_tolerance: and their costs this near to its cost.

    Returns:
        The best point seen, ``(N,)``.

    Source: Nelder and Mead, The Computer Journal 7, 1965.
    """
    left = evaluations

    def spend(point: Floats) -> float:
        nonlocal left
        if not left:
            raise _SpentError
        left -= 1
        return cost(point)

    corners = np.array(start, dtype=np.float64)
    costs = np.full(len(corners), np.inf)
    try:
        for number, corner in enumerate(corners):
            costs[number] = spend(corner)
        while True:
            order = np.argsort(costs)
            corners, costs = corners[order], costs[order]
            near = np.abs(corners[1:] - corners[0]).max() <= x_tolerance
            if near and np.abs(costs[0] - costs[1:]).max() <= cost_tolerance:
                break
            _step(corners, costs, spend)
    except _SpentError:
        pass
    return corners[np.argmin(costs)]


def _step(corners: Floats, costs: Floats, cost: Cost) -> None:
    """Replace the worst corner by a better one, else draw all towards the best; in place."""
    middle = np.add.reduce(corners[:-1], 0) / (len(corners) - 1)
    mirrored = 2 * middle - corners[-1]
    at_mirrored = cost(mirrored)
    if at_mirrored < costs[0]:
        beyond = 3 * middle - 2 * corners[-1]
        at_beyond = cost(beyond)
        farther = at_beyond < at_mirrored
        corners[-1], costs[-1] = (beyond, at_beyond) if farther else (mirrored, at_mirrored)
        return
    if at_mirrored < costs[-2]:
        corners[-1], costs[-1] = mirrored, at_mirrored
        return
    outside = at_mirrored < costs[-1]
    nearer = 1.5 * middle - 0.5 * corners[-1] if outside else 0.5 * middle + 0.5 * corners[-1]
    at_nearer = cost(nearer)
    if at_nearer <= at_mirrored if outside else at_nearer < costs[-1]:
        corners[-1], costs[-1] = nearer, at_nearer
        return
    for number in range(1, len(corners)):
        corners[number] = corners[0] + 0.5 * (corners[number] - corners[0])
        costs[number] = cost(corners[number])
