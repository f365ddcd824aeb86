"""L-BFGS for many small problems at once, each with its own line search and stopping rule."""

from collections.abc import Callable

import torch
from torch import Tensor

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""``(x (n, P), problems (n,)) -> (values (n,), gradients (n, P))``; a value may be infinite."""

State = dict[str, Tensor]
"""What is known of each unfinished problem; the first axis of every entry counts problems."""

MEMORY = 6
"""Steps remembered (Nocedal, Wright, *Numerical Optimization*, 2006, Sec. 7.2: 3 to 20)."""
DECREASE, CURVATURE = 1e-4, 0.9
"""Constants of the strong Wolfe conditions (the same, Sec. 3.1)."""
GROWTH = 4.0
"""A step found too short is lengthened by so many times what was added to it last."""
MARGIN = 0.1
"""A step between two others keeps this share of their distance from both."""


def minimise(
    evaluate: Evaluate, start: Tensor, *, iterations: int, evaluations: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Minimise functions that have nothing to do with each other.

    Every turn evaluates each unfinished problem once, wherever it is in its line search: none waits
    for another.

    Source: Nocedal, Wright, *Numerical Optimization*, 2006, Alg. 7.4, 3.5 and 3.6.

    Args:
        evaluate: the functions and their gradients.
        start: ``(N, P)``.
        iterations: most steps of a problem.
        evaluations: most evaluations in search of a step; a problem that needs more ends.
        tolerance: a problem ends at a gradient of this norm, relative to that of ``x`` or 1.

    Returns:
        ``(N, P)``, where each problem ended, and its values there ``(N,)``.
    """
    problems = torch.arange(len(start), device=start.device)
    state = _begin(start, *evaluate(start, problems))
    ends, values = start.clone(), state["value"].clone()
    while len(problems):
        flat = _norm(state["gradient"]) <= tolerance * _norm(state["x"]).clamp(min=1)
        ended = flat | (state["tries"] >= evaluations) | (state["steps"] >= iterations)
        if ended.any():
            ends[problems[ended]] = state["x"][ended]
            values[problems[ended]] = state["value"][ended]
            problems = problems[~ended]
            state = {name: item[~ended] for name, item in state.items()}
            continue
        trial = state["x"] + state["step"][:, None] * state["direction"]
        value, gradient = evaluate(trial, problems)
        right = _search(state, value, (gradient * state["direction"]).sum(1))
        if right.any():
            _advance(state, right, trial, value, gradient)
    return ends, values


def _begin(x: Tensor, value: Tensor, gradient: Tensor) -> State:
    zero, count = torch.zeros_like(value), torch.zeros_like(value, dtype=torch.long)
    slope = -gradient.square().sum(1)
    return {
        "x": x,
        "value": value,
        "gradient": gradient,
        "direction": -gradient,
        "slope": slope,
        "step": (-slope).sqrt().clamp(min=torch.finfo(x.dtype).tiny).reciprocal(),
        "steps": count,
        "moves": x.new_zeros(len(x), MEMORY, x.shape[1]),  # the latest last
        "changes": x.new_zeros(len(x), MEMORY, x.shape[1]),
        **_search_state(zero, count, value, slope),
    }


def _search_state(zero: Tensor, count: Tensor, value: Tensor, slope: Tensor) -> State:
    """Return a line search that begins: ``low`` is the best step, ``high`` the other end if any."""
    return {
        "tries": count,
        "low": zero,
        "low_value": value,
        "low_slope": slope,
        "high": zero + torch.inf,
        "high_value": zero,
        "high_slope": zero,
    }


def _search(state: State, value: Tensor, slope: Tensor) -> Tensor:
    """Judge the trial steps and choose the next; return where one fulfils the Wolfe conditions."""
    step, before = state["step"], state["low"]
    enough = state["value"] + DECREASE * step * state["slope"]
    worse = ~((value <= enough) & (value < state["low_value"]))
    right = ~worse & (slope.abs() <= CURVATURE * state["slope"].abs())
    away = torch.where(state["high"] < before, -slope, slope)  # along the way from low to high
    passed = ~worse & (away >= 0)  # the minimum lies between this step and the best before it
    for part, item in (("", step), ("_value", value), ("_slope", slope)):
        low, high = "low" + part, "high" + part
        state[high] = torch.where(worse, item, torch.where(passed, state[low], state[high]))
        state[low] = torch.where(worse, state[low], item)
    state["step"] = torch.where(
        state["high"].isfinite(), _between(state), step + GROWTH * (step - before)
    )
    state["tries"] = state["tries"] + 1
    return right


def _between(state: State) -> Tensor:
    """Return the minimum of the cubic through both ends of a search (Eq. 3.59), off either end."""
    low, high = state["low"], state["high"]
    low_slope, high_slope = state["low_slope"], state["high_slope"]
    width = high - low
    bend = low_slope + high_slope - 3 * (state["high_value"] - state["low_value"]) / width
    root = width.sign() * (bend.square() - low_slope * high_slope).sqrt()
    share = 1 - (high_slope + root - bend) / (high_slope - low_slope + 2 * root)
    share = share.nan_to_num(0.5, 0.5, 0.5).clamp(MARGIN, 1 - MARGIN)
    return low + share * width


def _advance(state: State, right: Tensor, trial: Tensor, value: Tensor, gradient: Tensor) -> None:
    """Take the steps that are right, and begin the next searches from there."""
    column = right[:, None]
    move, change = trial - state["x"], gradient - state["gradient"]
    # Without positive curvature a step says nothing about the minimum.
    told = right & ((move * change).sum(1) > 0)
    for name, item in (("moves", move), ("changes", change)):
        pushed = torch.cat([state[name][:, 1:], item[:, None]], dim=1)
        state[name] = torch.where(told[:, None, None], pushed, state[name])
    state["x"] = torch.where(column, trial, state["x"])
    state["value"] = torch.where(right, value, state["value"])
    state["gradient"] = torch.where(column, gradient, state["gradient"])
    direction = _direction(state["gradient"], state["moves"], state["changes"])
    state["direction"] = torch.where(column, direction, state["direction"])
    state["slope"] = (state["gradient"] * state["direction"]).sum(1)
    state["step"] = torch.where(right, 1.0, state["step"])
    state["steps"] = state["steps"] + right
    zero = torch.zeros_like(value)
    begun = _search_state(zero, zero.long(), state["value"], state["slope"])
    for name, item in begun.items():
        state[name] = torch.where(right, item, state[name])


def _direction(gradient: Tensor, moves: Tensor, changes: Tensor) -> Tensor:
    """Return minus the gradient times the inverse Hessian, approximated from remembered steps."""
    products = (moves * changes).sum(2)
    inverse = torch.where(products > 0, 1 / products, 0)  # 0: no step remembered there yet
    weights = []
    q = gradient
    for age in reversed(range(MEMORY)):
        weight = inverse[:, age] * (moves[:, age] * q).sum(1)
        q = q - weight[:, None] * changes[:, age]
        weights.append(weight)
    squares = changes[:, -1].square().sum(1)
    q = q * torch.where(squares > 0, products[:, -1] / squares, 1)[:, None]
    for age, weight in enumerate(reversed(weights)):
        back = inverse[:, age] * (changes[:, age] * q).sum(1)
        q = q + (weight - back)[:, None] * moves[:, age]
    return -q


def _norm(x: Tensor) -> Tensor:
    return x.square().sum(1).sqrt()
