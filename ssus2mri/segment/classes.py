"""The classes of the segmenter: the tissues of the label atlases, and a bleed."""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.tissues import ATLAS_LABELS, Tissue

CLASSES = (*(Tissue(label) for label in ATLAS_LABELS), Tissue.BLEED)
"""The tissue of each output channel, the background first."""

TISSUES = CLASSES[1:-1]
"""The eight tissues of the label atlases."""

_PART_OF = {
    Tissue.MIDLINE: Tissue.EXTRA_AXIAL_CSF,  # the falx is thinner than its fissure
    Tissue.CAVUM: Tissue.VENTRICLES,
    Tissue.CHOROID_PLEXUS: Tissue.VENTRICLES,
    Tissue.CYST: Tissue.VENTRICLES,
    Tissue.GERMINAL_MATRIX: Tissue.DEEP_GREY,
}
_TABLE = np.array(
    [
        CLASSES.index(_PART_OF.get(tissue, tissue))
        if _PART_OF.get(tissue, tissue) in CLASSES
        else 0
        for tissue in Tissue
    ],
    np.uint8,
)


def class_of(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the class of labelled pixels.

    Fluid within the brain is one class, as in the label atlases: ventricles with their plexus, the
    cavum, a cyst. All that an extracted brain does not show is background.

    Args:
        labels: `Tissue`, any shape.

    Returns:
        Positions in `CLASSES`, same shape.
    """
    return _TABLE[labels]
