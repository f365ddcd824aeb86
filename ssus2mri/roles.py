"""The role of every method among the runs; see `ssus2mri.methods.Method`."""

from ssus2mri.methods import METHODS, Role

ROLES: dict[str, Role] = {name: method.role for name, method in METHODS.items()}
FLOOR = "atlas"
"""The method from which the way to the ceiling is measured."""
