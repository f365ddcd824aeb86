"""What speaks for a fetal head in a scan, and the probability that there is one."""

import numpy as np
from scipy import special

from ssus2mri.growth import head_circumference_mm
from ssus2mri.prediction.average import AverageHead
from ssus2mri.prediction.prepare import Floats, Prepared
from ssus2mri.prediction.synthesise import Maps
from ssus2mri.tissues import INTRACRANIAL, SHOWN, Tissue

NAMES = ("overlap", "certainty", "landmarks", "roundness", "pose")
_LANDMARKS = (Tissue.CAVUM, Tissue.MIDLINE, Tissue.DEEP_GREY, Tissue.VENTRICLES)


def evidence(maps: Maps, prepared: Prepared) -> dict[str, float]:
    """Measure what speaks for a fetal head.

    Args:
        maps: with tissues.
        prepared: of the same scan.

    Returns:
        By `NAMES`: ``overlap`` (Dice, 0 to 1) of the head that the network shows with the ellipsoid
        that was fitted to the skull; ``certainty``, mean probability of the likeliest tissue within
        it; ``landmarks``, mean of the highest probabilities of cavum, midline, deep grey matter and
        ventricles; ``roundness``, short over long axis of the head that it shows, from above: heads
        are longer than wide, a trunk is round; ``pose``, confidence of a volume's pose, of a plane
        its similarity with the template.
    """
    assert maps.tissue is not None
    labels = maps.labels
    seen = labels != Tissue.BACKGROUND
    both = float((seen & prepared.head).sum())
    overlap = 2 * both / max(float(seen.sum() + prepared.head.sum()), 1.0)
    top = maps.tissue.max(axis=0).astype(np.float32)
    certainty = float(top[prepared.head].mean()) if prepared.head.any() else 0.0
    landmarks = float(np.mean([maps.tissue[SHOWN.index(name)].max() for name in _LANDMARKS]))
    roundness = 0.0
    if np.count_nonzero(seen) > 1:
        short, long = np.linalg.eigvalsh(np.cov(np.argwhere(seen)[:, 1:].T))
        roundness = float(np.sqrt(max(short, 0.0) / max(long, 1e-9)))
    pose = prepared.pose.get("confidence")
    if pose is None:
        pose = prepared.pose["similarity"]
    values = (overlap, certainty, landmarks, roundness, float(pose))
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


def mr_likeness(us: Floats, average: AverageHead) -> float:
    """Return how much a volume that should be ultrasound looks like MR.

    Args:
        us: ``[z, y, x]`` in atlas space.
        average: head of the age on the same grid.

    Returns:
        Correlation of its grey values with the MR of the average head in the brain, -1 to 1. Fluid
        around the brain is bright in MR and dark in ultrasound: at most 0.18 on simulated scans, of
        their true MR nine in ten are above 0.2 (docs/results/predict.md).
    """
    brain = np.isin(average.labels, INTRACRANIAL)
    a, b = us[brain], average.mr[brain]
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0


def reasons(
    prepared: Prepared,
    *,
    ga_weeks: float,
    ages_weeks: tuple[float, float],
    min_confidence: float,
    max_size_ratio: float,
    probability: float | None,
    min_head: float,
    likeness: float | None,
    max_likeness: float,
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
        likeness: of a volume to MR; None: not known.
        max_likeness: greatest such likeness.

    Returns:
        Clauses; none: it is to be predicted.
    """
    clauses = []
    low, high = ages_weeks
    if not low <= ga_weeks <= high:
        clauses.append(f"an age of {ga_weeks:g} weeks, not {low:g} to {high:g}")
    if probability is not None and probability < min_head:
        clauses.append(f"a fetal head with a probability of {probability:.2f} only")
    if likeness is not None and likeness > max_likeness:
        clauses.append(f"grey values as of an MR (correlation {likeness:.2f} with an average head)")
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
