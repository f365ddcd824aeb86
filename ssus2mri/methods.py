"""The methods that a run can use (`train.method`), and what sets each apart: one table."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["trained", "reference", "upper_bound"]
MethodName = Literal[
    "synthesis",
    "autoencoder",
    "cyclegan",
    "cut",
    "paired",
    "simulated",
    "copy",
    "atlas",
    "matched",
]


@dataclass(frozen=True)
class Method:
    """Traits of a method.

    Attributes:
        terms: its loss terms in the order of their columns; none: it has nothing to learn.
        role: ``trained`` runs are compared with each other. A ``reference`` learned nothing: a run
            that learned to translate is nearer to the truth. The ``upper_bound`` learned from the
            true MR, which only simulated scans have: not a competitor, but how near the trained
            runs could come at best.
        needs_truth: whether it is trained on the true MR of the ultrasound slices.
        needs_labels: whether it is trained on their tissues as well.
        shown_match: whether its model is shown MR matched to the ultrasound, not the ultrasound.
        gaussian: whether its first weights are Gaussian with ``network.resnet.initial_std``.
    """

    terms: tuple[str, ...]
    role: Role
    needs_truth: bool = False
    needs_labels: bool = False
    shown_match: bool = False
    gaussian: bool = False

    @property
    def learns(self) -> bool:
        """Whether it is trained in steps."""
        return bool(self.terms)


METHODS: dict[MethodName, Method] = {
    "synthesis": Method(
        ("lat", "app", "stru", "proj", "back_app", "bi", "index", "match"), role="trained"
    ),
    "autoencoder": Method(("lat",), role="trained"),
    "cyclegan": Method(("app", "back_app", "cycle", "identity"), role="trained", gaussian=True),
    "cut": Method(("app", "nce", "nce_identity"), role="trained", gaussian=True),
    "paired": Method(("truth",), role="upper_bound", needs_truth=True),
    "simulated": Method(
        ("truth", "ssim", "tissue", "spread"),
        role="upper_bound",
        needs_truth=True,
        needs_labels=True,
    ),
    "copy": Method((), role="reference"),
    "atlas": Method((), role="reference"),
    "matched": Method((), role="reference", shown_match=True),
}

OTHER = "other"
"""Stands for the method of another tool, whose synthetic MR is measured too."""

ROLES: dict[str, Role] = {
    **{name: method.role for name, method in METHODS.items()},
    OTHER: "trained",
}
"""The role of every method, by a name that need not be one."""
