"""``agreement``: whether a synthesis shows the anatomy of its scan. It needs no truth.

Whatever look a synthesis has, its tissues must lie where the ultrasound changes: ``tissues_scan``
is the share of the scan's local contrast that is explained by the tissue, as the segmenter reads it
off the synthesis, of each pixel. Not even the true MR reaches 1, since speckle and shadows have no
tissue. A copy of the scan wins this measure by construction: its "tissues" are its grey levels.

They must also lie as in a head: ``tissues_atlas`` is their mean Dice with the tissues of training
MR at the same places. The model ``atlas`` wins this one by construction.

``agreement`` asks for both: the first, lowered where the second falls short of what MR of different
subjects have in common. Not in the source; how it follows the truth: docs/results/measures.md.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.evaluate import ContrastSettings
from ssus2mri.slices import Slices
from ssus2mri.slicing import cut

AGREEMENT, TISSUES_SCAN, TISSUES_ATLAS = "agreement", "tissues_scan", "tissues_atlas"


def agreement(
    tissues_scan: float | None, tissues_atlas: float | None, typical_dice: float
) -> float | None:
    """Return how far tissues agree with the scan and with a head.

    Args:
        tissues_scan: of the tissues, 0 to 1.
        tissues_atlas: of the tissues, 0 to 1.
        typical_dice: ``tissues_atlas`` of an MR of another subject, which is plausible enough.

    Returns:
        ``tissues_scan``, less where ``tissues_atlas`` is below ``typical_dice``: by the square of
        their ratio, chosen on syntheses of known anatomy; None where one of them is unknown.
    """
    if tissues_scan is None or tissues_atlas is None:
        return None
    return tissues_scan * min(1.0, tissues_atlas / typical_dice) ** 2


def explained(
    scan: NDArray[np.floating],
    classes: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    *,
    fine_px: float,
    coarse_px: float,
) -> float:
    """Return the share of a slice's local contrast that classes explain.

    Source: the correlation ratio, Roche, Malandain, Pennec, Ayache, MICCAI 1998. Local contrast,
    the difference of two blurs, leaves out speckle, shadows and gain.

    Args:
        scan: ultrasound ``(H, W)``, any scale.
        classes: ``(H, W)``, what the synthesis shows.
        inside: ``(H, W)``, where they are compared; at least one pixel.
        fine_px: standard deviation of the finer blur, pixels.
        coarse_px: of the coarser one.

    Returns:
        0 to 1; 0 of a scan without contrast.
    """
    fine = ndimage.gaussian_filter(scan.astype(np.float64), fine_px)
    contrast = (fine - ndimage.gaussian_filter(fine, coarse_px))[inside]
    labels = classes[inside]
    counts = np.bincount(labels)
    means = np.bincount(labels, contrast) / np.maximum(counts, 1)
    return float(np.var(means[labels]) / max(np.var(contrast), 1e-12))


def tissues_scan(
    us: Slices, classes: NDArray[np.uint8], settings: ContrastSettings
) -> float | None:
    """Return the mean of `explained` over the slices of a scan.

    Args:
        us: its ultrasound.
        classes: ``[z, y, x]`` on the atlas grid; of a 2D plane ``(H, W)``.
        settings: section ``segment.contrast``.

    Returns:
        0 to 1; None if all slices are too small.
    """
    spacing_mm = us.header.spacing_mm
    shown = classes[None] if classes.ndim == 2 else cut(classes, us.plane, us.index)
    rim = max(1, round(settings.rim_mm / spacing_mm))
    shares = []
    for scan, own, head in zip(us.image, shown, us.head, strict=True):
        inside = ndimage.binary_erosion(head, iterations=rim)
        if inside.sum() * spacing_mm**2 >= settings.least_mm2:
            blurs = {
                "fine_px": settings.fine_mm / spacing_mm,
                "coarse_px": settings.coarse_mm / spacing_mm,
            }
            shares.append(explained(scan, own, inside, **blurs))
    return float(np.mean(shares)) if shares else None
