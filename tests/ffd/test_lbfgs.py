import numpy as np
import pytest
import torch
from scipy.optimize import rosen, rosen_der

from ssus2mri.ffd.lbfgs import minimise

LIMITS = {"iterations": 200, "evaluations": 20, "tolerance": 1e-9}


def valleys(x, problems):
    """Rosenbrock's function, of another width for each problem."""
    width = 10.0 ** -problems.double()[:, None]
    points = (x / width).numpy()
    values = torch.from_numpy(np.array([rosen(point) for point in points]))
    gradients = torch.from_numpy(np.array([rosen_der(point) for point in points]))
    return values, gradients / width


def test_bent_valleys_are_followed_to_their_ends():
    starts = torch.tensor([[-1.2, 1.0, 0.5], [0.3, -0.1, 0.2]], dtype=torch.float64)

    ends, values = minimise(valleys, starts, **LIMITS)

    assert torch.allclose(ends, torch.tensor([[1.0], [0.1]]).double().expand(2, 3), atol=1e-5)
    assert (values < 1e-10).all()


def test_problems_do_not_know_of_each_other():
    starts = torch.tensor([[-1.2, 1.0], [0.0, 0.3], [0.01, 0.02]], dtype=torch.float64)
    few = {**LIMITS, "iterations": 7}

    together, values = minimise(valleys, starts, **few)

    for number in range(len(starts)):

        def alone(x, _, number=number):
            return valleys(x, torch.full((len(x),), number))

        end, value = minimise(alone, starts[number : number + 1], **few)
        assert torch.equal(end[0], together[number])
        assert torch.equal(value[0], values[number])


def test_a_problem_at_its_minimum_stays_there_exactly():
    starts = torch.tensor([[1.0, 1.0], [0.0, 0.3]], dtype=torch.float64)

    ends, _ = minimise(valleys, starts, **LIMITS)

    assert torch.equal(ends[0], starts[0])
    assert not torch.equal(ends[1], starts[1])


@pytest.mark.parametrize("nowhere", [float("inf"), float("nan")])
def test_step_into_nowhere_is_taken_back(nowhere):
    def walled(x, _):
        values = (x - 2).square().sum(1)
        return torch.where(x[:, 0] > 2.5, nowhere, values), 2 * (x - 2)

    ends, values = minimise(walled, torch.tensor([[-60.0, 0.0]]).double(), **LIMITS)

    assert torch.allclose(ends, torch.tensor(2.0).double(), atol=1e-6)
    assert values.isfinite().all()


def test_limits_are_kept():
    calls = []

    def counted(x, problems):
        calls.append(len(x))
        return valleys(x, problems)

    minimise(
        counted, torch.tensor([[-1.2, 1.0]]).double(), iterations=3, evaluations=1, tolerance=1e-9
    )

    assert 1 < sum(calls) <= 4
