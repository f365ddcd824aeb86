"""The deformation score: how strongly a displacement field deforms.

For ``T(x) = x + u(x)`` the determinant ``det J`` of the Jacobian of ``T`` is the factor by which a
small area grows: 1 where nothing is deformed, 0 or less where the slice folds (see
`ssus2mri.ffd.spline.determinant`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Deformation:
    """The deformation score in [0, 1] and its raw parts, means within a mask."""

    abs_log_det: float
    abs_det_minus_1: float
    folding_fraction: float
    score: float


def measure(
    determinants: NDArray[np.floating],
    mask: NDArray[np.bool_],
    *,
    scale: float,
    min_determinant: float,
) -> Deformation:
    """Summarise how much a registration had to deform.

    Source: TMI 2020, Sec. IV-B, "the average Jacobian (normalised to [0,1])", 0.00 for real MR. How
    is not stated in the source. Ours is ``1 - exp(-mean |log det J| / scale)``: 0 for no
    deformation, growth and shrinkage count alike, always below 1, and no score depends on which
    other runs are in the table (as it would if normalised by the largest).

    Args:
        determinants: ``(H, W)``, of the Jacobian.
        mask: ``(H, W)``, the head; at least one pixel.
        scale: mean |log det J| at which the score is 1 - 1/e.
        min_determinant: smallest determinant counted, also for folded points: log needs more than
            0.

    Returns:
        The score and its parts.
    """
    inside = determinants[mask].astype(np.float64)
    abs_log_det = float(np.abs(np.log(np.maximum(inside, min_determinant))).mean())
    return Deformation(
        abs_log_det=abs_log_det,
        abs_det_minus_1=float(np.abs(inside - 1).mean()),
        folding_fraction=float((inside <= 0).mean()),
        score=1.0 - float(np.exp(-abs_log_det / scale)),
    )
