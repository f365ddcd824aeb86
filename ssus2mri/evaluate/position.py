"""Where a run believes its slices to be, and where they are, in; how far it is off out."""

import numpy as np

from ssus2mri.evaluate.tables import POSITION
from ssus2mri.slices import Slices


def errors(made: Slices, *, tolerance: float) -> list[dict[str, float]]:
    """Judge the predicted position of every slice.

    The index error counts whatever the plane: leaving out slices taken for another plane's would
    flatter.

    Source: TMI 2020, Sec. IV-F, "an accuracy of 86%"; when a prediction is right is not stated.

    Args:
        made: synthetic slices, with ``predicted_position`` or without.
        tolerance: how far an index may be off to be right, as a fraction of the index range.

    Returns:
        For every slice ``plane_right`` and ``index_right`` (the plane is right and the index within
        the tolerance), 0 or 1; ``index_error``, absolute, slices; ``index_error_mm``. Empty where
        the run predicts no positions.
    """
    if made.predicted_position is None:
        return []
    plane, index = made.predicted_position.astype(np.float64).T
    error = np.abs(index - made.index)
    plane_right = np.rint(plane) == made.plane
    index_right = plane_right & (error <= tolerance * made.header.size)
    columns = (plane_right, index_right, error, error * made.header.spacing_mm)
    table = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return [dict(zip(POSITION, row, strict=True)) for row in table.tolist()]
