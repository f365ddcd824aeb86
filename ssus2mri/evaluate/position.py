"""Where a run believes its slices to be, and where they are, in; how far it is off out."""

import numpy as np

from ssus2mri.evaluate.tables import POSITION
from ssus2mri.slices import SAGITTAL, Slices


def errors(made: Slices, *, tolerance: float) -> list[dict[str, float]]:
    """Judge the predicted position of every slice.

    The index error counts whatever the plane: leaving out slices taken for another plane's would
    flatter.

    A head's left half looks like its right, and probes look from either side: a sagittal slice at
    an index and one at its mirror image, ``size - 1 - index``, can hardly be told apart by
    themselves. ``index_right_either_side`` forgives the side. Two limits: up to twice as many
    answers are right there by chance, and a run that answers between the sides, as a regression
    may, is still wrong. The mirror image takes the atlas' midline to be the grid's middle.

    Source: TMI 2020, Sec. IV-F, "an accuracy of 86%"; when a prediction is right is not stated.

    Args:
        made: synthetic slices, with ``predicted_position`` or without.
        tolerance: how far an index may be off to be right, as a fraction of the index range.

    Returns:
        For every slice ``plane_right`` and ``index_right`` (the plane is right and the index within
        the tolerance), 0 or 1; ``index_right_either_side``, the same, but of a sagittal slice the
        index or its mirror image; ``index_error``, absolute, slices; ``index_error_mm``; errors are
        those of the very index. Empty where the run predicts no positions.
    """
    if made.predicted_position is None:
        return []
    plane, index = made.predicted_position.astype(np.float64).T
    error = np.abs(index - made.index)
    mirrored = np.abs(index - (made.header.size - 1 - made.index))
    nearer = np.where(made.plane == SAGITTAL, np.minimum(error, mirrored), error)
    plane_right = np.rint(plane) == made.plane
    near_enough = tolerance * made.header.size
    columns = (
        plane_right,
        plane_right & (error <= near_enough),
        plane_right & (nearer <= near_enough),
        error,
        error * made.header.spacing_mm,
    )
    table = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return [dict(zip(POSITION, row, strict=True)) for row in table.tolist()]
