"""The robust fit takes the steps of SciPy's, and leaves outliers out."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from ssus2mri.prepare.robust_fit import robust_fit


def problem(seed: int):
    """Return residuals that bend, their derivatives, and how many values they depend on."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    rows = int(rng.integers(count, 60))
    slopes = rng.normal(size=(rows, count)) * np.exp(2 * rng.normal(size=count))
    target = rng.normal(size=rows) * np.exp(rng.normal())
    if seed % 5 == 0:
        slopes[:, -1] = 0  # a value on which nothing depends
    return (
        lambda x: np.sin(slopes @ x) + slopes @ x - target,
        lambda x: (np.cos(slopes @ x) + 1)[:, None] * slopes,
        count,
    )


@pytest.mark.parametrize("seed", range(60))
def test_steps_are_those_of_scipy(seed: int) -> None:
    residuals, jacobian, count = problem(seed)
    expected = least_squares(
        residuals, np.zeros(count), jac=jacobian, loss="soft_l1", max_nfev=12
    ).x
    fitted = robust_fit(residuals, jacobian, count, evaluations=12)
    np.testing.assert_allclose(fitted, expected, rtol=1e-7, atol=1e-7)


def test_a_line_goes_through_the_points_and_not_the_outlier() -> None:
    x = np.linspace(0, 1, 21)
    y = 2 * x + 1
    y[5] += 100
    slopes = np.stack([x, np.ones_like(x)], axis=1) * 50
    fitted = robust_fit(lambda v: slopes @ v - 50 * y, lambda v: slopes, 2, evaluations=100)
    np.testing.assert_allclose(fitted, [2, 1], atol=0.05)
    assert abs(np.polyfit(x, y, 1)[1] - 1) > 1
