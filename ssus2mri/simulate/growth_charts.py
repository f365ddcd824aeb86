"""Growth charts: published sizes of the fetal head and brain by gestational age, in mm.

The equations are those of the sources, not settings; age in weeks, with fractions.

Sources, and where their numbers were read:

- Head circumference, biparietal and occipitofrontal diameter (callipers outer to outer,
  circumference of their ellipse): Papageorghiou et al., *Lancet* 2014, 384:869-79,
  INTERGROWTH-21st; equations as quoted in the R package gigs (LSHTM) and in two calculators;
  they give the published tables.
- Transcerebellar diameter: Rodriguez-Sibaja et al., *Am J Obstet Gynecol* 2021, INTERGROWTH-21st;
  equation as quoted in gigs; it gives the published table.
- Atrium of the posterior horn, and depth of cisterna magna (log-normal; its deviation is that
  downwards, the smaller) and Sylvian fissure: Napolitano et al., *Ultrasound Obstet Gynecol* 2020,
  INTERGROWTH-21st; equations as quoted in gigs; they give the published tables. The pooled atrial
  width of nine studies is 6.4 +- 1.2 mm at all ages (Almog et al., *J Ultrasound Med* 2003,
  22:39-43, abstract).
- Cavum septi pellucidi: 6042 fetuses of 15 to 28 weeks, width = 0.2705 GA - 1.6121 mm, r = 0.62,
  standard deviation over all ages 0.8 mm (*J Obstet Gynaecol* 2022, doi
  10.1080/01443615.2022.2114323, abstract). About the line that leaves
  0.8 sqrt(1 - 0.62^2) = 0.63 mm. Beyond 28 weeks the value at 28: the growth flattens (Falco et
  al., *Ultrasound Obstet Gynecol* 2000, 16:549-53: 5.3 +- 1.7 mm over all ages).
"""

from collections.abc import Callable
from math import exp, log, sqrt
from typing import NamedTuple


class Chart(NamedTuple):
    """The chart of a size: mean and standard deviation, mm, as functions of age in weeks."""

    mean: Callable[[float], float]
    sd: Callable[[float], float]


def _sylvian(ga: float) -> float:
    return 80.27012 - 32.7877 / sqrt(ga) - 100.1593 / sqrt(ga) * log(ga)


def _cisterna(ga: float) -> float:
    return exp(2.098095 - 239.0659 / ga**2 - 1.547e-7 * ga**3)


CHARTS = {
    "head_circumference": Chart(
        lambda ga: -28.2849 + 1.69267 * ga**2 - 0.397485 * ga**2 * log(ga),
        lambda ga: (
            1.98735
            + 0.0136772 * ga**3
            - 0.00726264 * ga**3 * log(ga)
            + 0.000976253 * ga**3 * log(ga) ** 2
        ),
    ),
    "biparietal": Chart(
        lambda ga: 5.60878 + 0.158369 * ga**2 - 0.00256379 * ga**3,
        lambda ga: exp(
            0.101242
            + 0.00150557 * ga**3
            - 0.000771535 * ga**3 * log(ga)
            + 0.0000999638 * ga**3 * log(ga) ** 2
        ),
    ),
    "occipitofrontal": Chart(
        lambda ga: -12.4097 + 0.626342 * ga**2 - 0.148075 * ga**2 * log(ga),
        lambda ga: exp(
            -0.880034
            + 0.0631165 * ga**2
            - 0.0317136 * ga**2 * log(ga)
            + 0.00408302 * ga**2 * log(ga) ** 2
        ),
    ),
    "transcerebellar": Chart(
        lambda ga: -13.10907 + 20.8941 * sqrt(ga / 10) + 0.5035914 * (ga / 10) ** 3,
        lambda ga: 0.4719837 + 0.0500382 * (ga / 10) ** 3,
    ),
    "atrium": Chart(
        lambda ga: 4.389214 + 38.10015 / ga + 2.0063e-6 * ga**3,
        lambda ga: 0.6707227 + 0.034258 * ga,
    ),
    "cavum": Chart(
        lambda ga: 0.2705 * min(ga, 28.0) - 1.6121,
        lambda ga: 0.63,
    ),
    "cisterna_magna": Chart(
        _cisterna,
        lambda ga: _cisterna(ga) * (1 - exp(-0.2297936 - 8.1872 / ga**2)),
    ),
    "sylvian_fissure": Chart(
        _sylvian,
        lambda ga: 2.304501 - 353.814 / ga**2,
    ),
}
"""By name: the sizes that `ssus2mri.simulate.biometry` measures are compared with these."""
