"""Errors of the positions (plane and index) that a run predicts for its slices."""

import numpy as np

from ssus2mri.evaluate.tables import POSITION
from ssus2mri.slices import SAGITTAL, Slices


def errors(slices: Slices, *, tolerance: float) -> list[dict[str, float]]:
    """Compute the error of every predicted position.

    The index error counts whatever the plane: leaving out slices taken for those of another plane
    would flatter.

    The left half of a head looks like the right, and probes scan from either side: a sagittal slice
    at an index and one at its mirror image, ``size - 1 - index``, can hardly be told apart on their
    own. ``index_right_either_side`` forgives the side. Two limits: up to twice as many answers are
    right there by chance, and a run that answers between the sides, as a regression may, is still
    wrong. The mirror image assumes that the atlas' midline is the middle of the grid.

    Source: TMI 2020, Sec. IV-F, "an accuracy of 86%"; when a prediction is right is not stated.

    Args:
        slices: synthetic slices, with or without ``predicted_position``.
        tolerance: largest error of an index that counts as right, as a fraction of the index range.

    Returns:
        For every slice ``plane_right`` and ``index_right`` (the plane is right and the index within
        the tolerance), 0 or 1; ``index_right_either_side``, the same, but of a sagittal slice the
        index or its mirror image; ``index_error``, absolute, slices; ``index_error_mm``; both
        errors are to the true index, not its mirror image. Empty where the run predicts no
        positions.
    """
    if slices.predicted_position is None:
        return []
    plane, index = slices.predicted_position.astype(np.float64).T
    error = np.abs(index - slices.index)
    mirrored = np.abs(index - (slices.header.size - 1 - slices.index))
    nearer = np.where(slices.plane == SAGITTAL, np.minimum(error, mirrored), error)
    plane_right = np.rint(plane) == slices.plane
    near_enough = tolerance * slices.header.size
    columns = (
        plane_right,
        plane_right & (error <= near_enough),
        plane_right & (nearer <= near_enough),
        error,
        error * slices.header.spacing_mm,
    )
    table = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return [dict(zip(POSITION, row, strict=True)) for row in table.tolist()]
