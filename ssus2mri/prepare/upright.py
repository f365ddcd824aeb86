"""The upright frame that all heads share, and how an atlas is turned against it.

Label atlases were not drawn in one frame: some nod by several degrees against others. The upright
frame is that of the built-in head: x to the left, y to the back, z up. Another atlas is turned into
it by the places of its tissues. Source: not stated in TMI 2020.
"""

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssus2mri.errors import InputError
from ssus2mri.tissues import INTRACRANIAL, Tissue

PLACES: dict[Tissue, tuple[float, float]] = {
    Tissue.WHITE_MATTER: (-0.09, 0.08),
    Tissue.VENTRICLES: (0.18, 0.04),
    Tissue.CEREBELLUM: (0.51, -0.50),
    Tissue.DEEP_GREY: (-0.12, -0.04),
    Tissue.BRAINSTEM: (0.19, -0.55),
    Tissue.CORPUS_CALLOSUM: (-0.34, 0.21),
}
"""Centres (y, z) of tissues of the built-in head of 23 weeks, seen from the brain's centre, in
units of the radius of a ball of the brain's volume. Its test measures them anew."""


def upright_rotation(labels: sitk.Image) -> NDArray[np.float64]:
    """Return the rotation that turns a labelled brain upright: a nod, about the x axis.

    Atlases are drawn with their midline upright; where they differ is in the nod.

    Args:
        labels: 3D, `Tissue`, left and right along x.

    Returns:
        ``(3, 3)``: world directions of the labels -> upright directions; the least-squares fit of
        the centres of its tissues to `PLACES`.

    Raises:
        InputError: fewer than three of these tissues are there.
    """
    array = sitk.GetArrayViewFromImage(labels)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(labels)
    present = [tissue for tissue in PLACES if shape.HasLabel(int(tissue))]
    if len(present) < 3:
        raise InputError(
            "labels of the atlas",
            expected=f"at least three of {', '.join(tissue.name.lower() for tissue in PLACES)}",
            found=", ".join(tissue.name.lower() for tissue in present) or "none",
            do="Map your labels to the scheme of config/README.md.",
        )
    brain = sitk.GetImageFromArray(np.isin(array, INTRACRANIAL).astype(np.uint8))
    brain.CopyInformation(labels)
    centres = np.array([shape.GetCentroid(int(tissue)) for tissue in present])
    shape.Execute(brain)
    seen = (centres - np.array(shape.GetCentroid(1)))[:, 1:]
    places = np.array([PLACES[tissue] for tissue in present])
    # The angle of the least-squares rotation in a plane: Umeyama, IEEE TPAMI 13(4), 1991.
    nod = np.arctan2(
        (seen[:, 0] * places[:, 1] - seen[:, 1] * places[:, 0]).sum(), (seen * places).sum()
    )
    return Rotation.from_rotvec([nod, 0.0, 0.0]).as_matrix()
