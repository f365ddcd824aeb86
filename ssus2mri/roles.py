"""What a run is to the others, by its method: the one place that says so.

``trained`` runs are compared. A ``reference`` learned nothing: what is worth anything is nearer to
the truth. The ``ceiling`` learned from the true MR, which only simulated scans have: no rival, but
how near the others could come at best.
"""

from typing import Literal

Role = Literal["trained", "reference", "ceiling"]

ROLES: dict[str, Role] = {
    "synthesis": "trained",
    "autoencoder": "trained",
    "cyclegan": "trained",
    "cut": "trained",
    "paired": "ceiling",
    "copy": "reference",
    "atlas": "reference",
    "matched": "reference",
}
FLOOR = "atlas"
"""The method from which the way to the ceiling is measured."""
