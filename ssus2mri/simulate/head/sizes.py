"""Sizes of the built-in head at one gestational age: each structure grows at its own rate.

Positions are given once, for `REFERENCE_WEEKS`, in that head's millimetres ("reference mm"), and
scale with the head. What grows otherwise is here in true millimetres; `Sizes.ref` converts.
"""

from dataclasses import dataclass

import numpy as np

from ssus2mri.growth import axial_axes_mm, head_circumference_mm
from ssus2mri.simulate.growth_charts import CHARTS

CEPHALIC_INDEX = 0.8
"""Biparietal over occipitofrontal diameter: 0.783 +- 0.044 (Hadlock et al., AJR 137, 1981), 0.79 to
0.81 by the means of `ssus2mri.simulate.growth_charts`."""
REFERENCE_WEEKS = 23.0
_REFERENCE_SKULL_MM = 2.0
"""Thickness of the skull that positions are given for."""


@dataclass(frozen=True)
class Sizes:
    """True mm unless said otherwise; halves are measured from the midline."""

    ga_weeks: float
    scale: float
    """Head circumference over that of `REFERENCE_WEEKS`."""
    width: float
    """Outer biparietal diameter."""
    length: float
    """Outer occipitofrontal diameter."""
    skull: float
    """Thickness of the vault."""
    cerebellum: float
    atrium: float
    cavum: float
    insula: float
    """Depth of the insula below the inner table."""
    mouth: float
    """Opening of the Sylvian fissure over the insula's extent, share: the opercula close it."""
    fluid: float
    """Subarachnoid space over the convexity."""
    swell: float
    """How far the lobes fill the skull, reference mm more than at `REFERENCE_WEEKS`."""
    cortex: float
    """Thickness of the cortical plate."""
    germinal: float
    """Thickness of the germinal matrix along the ventricle's wall."""
    eminence: float
    """Radius of the ganglionic eminence, later of its rest at the caudothalamic groove."""
    choroid: float
    """Choroid plexus's share of the atrium's width."""
    suture: float
    """Width of a suture."""
    fontanelle: float
    """Length of the anterior fontanelle."""

    def ref(self, mm: float) -> float:
        """Convert true mm to reference mm."""
        return mm / self.scale

    @property
    def room(self) -> float:
        """How much farther out than given the inner table lies, reference mm."""
        return self.ref(_REFERENCE_SKULL_MM - self.skull)


def head_diameters_mm(ga_weeks: float) -> tuple[float, float]:
    """Return outer biparietal and occipitofrontal diameters of the age's circumference, mm."""
    length, width = axial_axes_mm(head_circumference_mm(ga_weeks), CEPHALIC_INDEX)
    return width, length


def sizes_at(ga_weeks: float, skull_mm: float) -> Sizes:
    """Return the sizes at a gestational age.

    Args:
        ga_weeks: weeks; meant for 18 to 30, what lies outside keeps the nearest end's proportions.
        skull_mm: thickness of the vault.

    Returns:
        The sizes. Head: `ssus2mri.growth`. Cerebellum, atrium, cavum and insula: the means of
        `ssus2mri.simulate.growth_charts`. The germinal matrix holds about 2.3 ml at 23 weeks and
        little at 28 (Kinoshita et al., AJNR 22, 2001). The anterior fontanelle grows until 26
        weeks, then stays (Paladini et al., Ultrasound Obstet Gynecol 32, 2008). Ours, not stated in
        a source: the fontanelle's millimetres, the sutures' width, how the opercula close, and, so
        that tissue volumes at 22 to 24 weeks are those of fetal label atlases, the subarachnoid
        space and the cortical plate.
    """
    width, length = head_diameters_mm(ga_weeks)
    mean = {name: chart.mean(ga_weeks) for name, chart in CHARTS.items()}

    def by_age(*values: float) -> float:
        return float(np.interp(ga_weeks, (18, 20, 22, 24, 26, 28, 30), values))

    return Sizes(
        ga_weeks=ga_weeks,
        scale=head_circumference_mm(ga_weeks) / head_circumference_mm(REFERENCE_WEEKS),
        width=width,
        length=length,
        skull=skull_mm,
        cerebellum=mean["transcerebellar"],
        atrium=mean["atrium"],
        cavum=mean["cavum"],
        insula=mean["sylvian_fissure"],
        mouth=by_age(1.15, 1.05, 0.95, 0.82, 0.66, 0.48, 0.3),
        fluid=by_age(2.0, 2.4, 2.7, 2.9, 2.8, 2.6, 2.4),
        swell=by_age(0.4, 0.7, 0.9, 1.2, 1.5, 1.8, 2.2),
        cortex=by_age(1.3, 1.4, 1.6, 1.7, 1.8, 1.9, 2.0),
        germinal=by_age(0.9, 0.9, 0.9, 0.8, 0.55, 0.2, 0.0),
        eminence=by_age(1.9, 2.2, 2.4, 2.4, 2.3, 2.2, 2.0),
        choroid=by_age(0.92, 0.9, 0.84, 0.76, 0.7, 0.66, 0.62),
        suture=by_age(3.2, 3.0, 2.8, 2.6, 2.4, 2.2, 2.0),
        fontanelle=by_age(13.0, 15.0, 17.0, 18.5, 19.5, 19.5, 19.5),
    )
