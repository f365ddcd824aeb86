"""Head size by gestational age, for simulated and for measured heads.

Source: Hadlock et al., *Radiology* 1984, 152:497-501: GA = 8.96 + 0.540 HC + 0.0003 HC^3, with the
head circumference HC in cm and the gestational age GA in weeks. The coefficients are part of the
formula, not settings.
"""

import numpy as np

_CONSTANT, _LINEAR, _CUBIC = 8.96, 0.540, 0.0003


def head_circumference_mm(ga_weeks: float) -> float:
    """Return the mean head circumference at a gestational age, by inverting the formula.

    Args:
        ga_weeks: gestational age, weeks, above 9.

    Returns:
        Head circumference (outer skull border), mm.
    """
    roots = np.roots([_CUBIC, 0.0, _LINEAR, _CONSTANT - ga_weeks])
    # The formula is strictly increasing, so exactly one root is real.
    return float(10.0 * roots[np.argmin(np.abs(roots.imag))].real)


def axial_axes_mm(hc_mm: float, aspect: float) -> tuple[float, float]:
    """Return the diameters of the ellipse of a circumference and aspect.

    Args:
        hc_mm: circumference, mm.
        aspect: short diameter / long diameter (the cephalic index), in (0, 1].

    Returns:
        Long (occipito-frontal) and short (biparietal) diameter, mm.
    """
    unit = ellipse_circumference(1.0, aspect)
    return hc_mm / unit, aspect * hc_mm / unit


def ellipse_circumference(long: float, short: float) -> float:
    """Return the circumference of an ellipse, by Ramanujan's second approximation.

    Returns:
        Circumference, same unit.
    """
    a, b = long / 2, short / 2
    h = ((a - b) / (a + b)) ** 2
    return float(np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))
