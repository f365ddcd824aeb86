"""What speaks for a fetal head in a scan, and the probability that there is one."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from ssus2mri.growth import head_circumference_mm
from ssus2mri.prediction.prepare import Prepared
from ssus2mri.prediction.synthesise import Maps
from ssus2mri.tissues import SHOWN, Tissue

NAMES = ("overlap", "certainty", "landmarks", "ring", "closed", "pose")
_LANDMARKS = (Tissue.CAVUM, Tissue.MIDLINE, Tissue.DEEP_GREY, Tissue.VENTRICLES)
_SECTORS = 24  # of a plane, about the head's centre


def evidence(maps: Maps, prepared: Prepared) -> dict[str, float]:
    """Measure what speaks for a fetal head.

    Args:
        maps: with tissues.
        prepared: of the same scan.

    Returns:
        By `NAMES`: ``overlap`` (Dice, 0 to 1) of the head that the network shows with the ellipsoid
        that was fitted to the skull; ``certainty``, mean probability of the likeliest tissue within
        it; ``landmarks``, mean of the highest probabilities of cavum, midline, deep grey matter and
        ventricles; ``ring``, how much brighter (in units of the network's input) the skull is than
        the brain; ``closed``, share of directions in which it is brighter than nine tenths of the
        brain; ``pose``, confidence of a volume's pose, of a plane its similarity with the template.
    """
    assert maps.tissue is not None
    labels = maps.labels
    seen = labels != Tissue.BACKGROUND
    skull = labels == Tissue.SKULL
    brain = seen & ~skull
    both = float((seen & prepared.head).sum())
    overlap = 2 * both / max(float(seen.sum() + prepared.head.sum()), 1.0)
    top = maps.tissue.max(axis=0).astype(np.float32)
    certainty = float(top[prepared.head].mean()) if prepared.head.any() else 0.0
    landmarks = float(np.mean([maps.tissue[SHOWN.index(name)].max() for name in _LANDMARKS]))
    ring, closed = 0.0, 0.0
    if skull.any() and brain.any():
        ring = float(prepared.us[skull].mean() - prepared.us[brain].mean())
        closed = _closed(prepared.us, skull, float(np.percentile(prepared.us[brain], 90)))
    pose = prepared.pose.get("confidence")
    if pose is None:
        pose = prepared.pose["similarity"]
    values = (overlap, certainty, landmarks, ring, closed, float(pose))
    return dict(zip(NAMES, values, strict=True))


def head_probability(values: dict[str, float], weights: dict[str, float]) -> float:
    """Return the probability that a scan shows a fetal head.

    Args:
        values: of `evidence`.
        weights: ``offset`` and a slope for each, fitted on simulated heads and on other pictures.

    Returns:
        0 to 1.
    """
    score = weights["offset"] + sum(weights[name] * values[name] for name in NAMES)
    return float(special.expit(score))


def reasons(
    prepared: Prepared,
    *,
    ga_weeks: float,
    ages_weeks: tuple[float, float],
    min_confidence: float,
    max_size_ratio: float,
    probability: float | None,
    min_head: float,
) -> list[str]:
    """Say why a scan is not to be predicted.

    Args:
        prepared: the scan.
        ga_weeks: gestational age, weeks.
        ages_weeks: that are not refused.
        min_confidence: of a volume's pose.
        max_size_ratio: of the head's circumference against that of its age.
        probability: that it is a head; None: not known.
        min_head: least such probability.

    Returns:
        Clauses; none: it is to be predicted.
    """
    clauses = []
    low, high = ages_weeks
    if not low <= ga_weeks <= high:
        clauses.append(f"an age of {ga_weeks:g} weeks, not {low:g} to {high:g}")
    if probability is not None and probability < min_head:
        clauses.append(f"a fetal head with a probability of {probability:.2f} only")
    expected_mm = head_circumference_mm(ga_weeks)
    if not 1 / max_size_ratio <= prepared.hc_mm / expected_mm <= max_size_ratio:
        clauses.append(
            f"a circumference of {prepared.hc_mm:.0f} mm where {ga_weeks:g} weeks have about"
            f" {expected_mm:.0f} mm"
        )
    confidence = prepared.pose.get("confidence")
    if confidence is not None and confidence < min_confidence:
        clauses.append(f"an uncertain pose (confidence {confidence:.2f}, least {min_confidence:g})")
    return clauses


def _closed(us: NDArray[np.float32], skull: NDArray[np.bool_], level: float) -> float:
    """Return the share of directions (in every slice) whose skull is brighter than a level."""
    hits, total = 0, 0
    centre = np.array(ndimage.center_of_mass(skull))[1:]
    y, x = np.indices(skull.shape[1:])
    sector = ((np.arctan2(y - centre[0], x - centre[1]) / (2 * np.pi) + 0.5) * _SECTORS).astype(int)
    for shown, ring in zip(us, skull, strict=True):
        for number in np.unique(sector[ring] % _SECTORS):
            part = ring & (sector % _SECTORS == number)
            total += 1
            hits += bool(shown[part].max() > level)
    return hits / max(total, 1)
