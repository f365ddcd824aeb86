"""The names of runs as the pages show them."""

from ssus2mri.methods import ROLES
from ssus2mri.slices import PLANES


def shown_label(label: str, method: str) -> str:
    """Return the name of a run on the page: that of an upper bound says what it is."""
    return f"{label} (upper bound)" if ROLES.get(method) == "upper_bound" else label


def plane_name(number: int) -> str:
    """Return the name of a plane from its number in a slice file."""
    return PLANES[int(number)]
