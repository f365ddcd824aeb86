"""The role of every method among the runs: the one place that states it.

``trained`` runs are compared with each other. A ``reference`` learned nothing: a run that learned
to translate is nearer to the truth. The ``upper_bound`` learned from the true MR, which only
simulated scans have: not a competitor, but how near the trained runs could come at best.
"""

from typing import Literal

Role = Literal["trained", "reference", "upper_bound"]

ROLES: dict[str, Role] = {
    "synthesis": "trained",
    "autoencoder": "trained",
    "cyclegan": "trained",
    "cut": "trained",
    "paired": "upper_bound",
    "copy": "reference",
    "atlas": "reference",
    "matched": "reference",
}
LOWER_BOUND = "atlas"
"""The method at which the scale of `ssus2mri.evaluate.gap_closed` begins."""
