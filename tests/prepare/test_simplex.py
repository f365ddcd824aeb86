"""The simplex takes the steps of SciPy's, to the last digit."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ssus2mri.prepare.simplex import minimise


@pytest.mark.parametrize("evaluations", [1, 3, 4, 5, 17, 40, 150])
@pytest.mark.parametrize("seed", range(8))
def test_steps_are_those_of_scipy(seed: int, evaluations: int) -> None:
    rng = np.random.default_rng(seed)
    count = 2 + seed % 3
    matrix, centre = rng.normal(size=(count, count)), rng.normal(size=count)

    def cost(x: np.ndarray) -> float:
        return float(np.sum((matrix @ x) ** 2) + np.abs(x - centre).sum() + np.sin(5 * x[0]))

    start = np.vstack([np.zeros(count), np.eye(count)])
    options = {"initial_simplex": start, "maxfev": evaluations, "xatol": 0.02, "fatol": 1e-4}
    expected = minimize(cost, np.zeros(count), method="Nelder-Mead", options=options).x
    lowest = minimise(cost, start, evaluations=evaluations, x_tolerance=0.02, cost_tolerance=1e-4)
    np.testing.assert_array_equal(lowest, expected)


def test_the_bottom_of_a_bowl_is_found() -> None:
    lowest = minimise(
        lambda x: float(np.sum((x - [1.0, -2.0]) ** 2)),
        np.array([[0.0, 0], [1, 0], [0, 1]]),
        evaluations=400,
        x_tolerance=1e-6,
        cost_tolerance=1e-12,
    )
    np.testing.assert_allclose(lowest, [1, -2], atol=1e-5)
