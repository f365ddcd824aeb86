"""Tissue labels: those of the fetal label atlases, then the structures ultrasound meets around."""

from enum import IntEnum


class Tissue(IntEnum):
    """The label of a voxel; 0 to 8 as in the label atlases of column ``labels`` of the manifest."""

    BACKGROUND = 0
    WHITE_MATTER = 1
    VENTRICLES = 2
    CEREBELLUM = 3
    EXTRA_AXIAL_CSF = 4
    CORTEX = 5
    DEEP_GREY = 6
    BRAINSTEM = 7
    CORPUS_CALLOSUM = 8
    SKULL = 9
    SCALP = 10
    MIDLINE = 11
    CAVUM = 12
    CHOROID_PLEXUS = 13
    AMNIOTIC_FLUID = 14
    UTERINE_WALL = 15
    GERMINAL_MATRIX = 16
    SUTURE = 17
    SOFT_TISSUE = 18
    FACIAL_BONE = 19
    CYST = 20
    BLEED = 21


ATLAS_LABELS = tuple(range(9))

INTRACRANIAL = (
    Tissue.WHITE_MATTER,
    Tissue.VENTRICLES,
    Tissue.CEREBELLUM,
    Tissue.EXTRA_AXIAL_CSF,
    Tissue.CORTEX,
    Tissue.DEEP_GREY,
    Tissue.BRAINSTEM,
    Tissue.CORPUS_CALLOSUM,
    Tissue.MIDLINE,
    Tissue.CAVUM,
    Tissue.CHOROID_PLEXUS,
    Tissue.GERMINAL_MATRIX,
    Tissue.CYST,
    Tissue.BLEED,
)
"""Tissues inside the skull, which a brain-extracted MR shows."""

SHOWN = (
    Tissue.BACKGROUND,
    *INTRACRANIAL,
    Tissue.SKULL,
)
"""Tissues that a network tells apart, in the order of its channels.

Sutures count as skull, all else as background.
"""

SHOWN_NUMBERS = tuple(
    SHOWN.index(Tissue.SKULL if tissue == Tissue.SUTURE else tissue)
    if tissue in (*SHOWN, Tissue.SUTURE)
    else 0
    for tissue in Tissue
)
"""The position in `SHOWN` of every label."""

LESIONS = (Tissue.CYST, Tissue.BLEED)
"""Tissues that no healthy head has."""

HEAD = (*INTRACRANIAL, Tissue.SKULL, Tissue.SUTURE)
"""Tissues inside the outer border of the skull: the head of an ultrasound."""
