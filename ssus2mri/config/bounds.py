"""Bounds of every numeric setting, by the unit that its name ends in.

Fields with narrower bounds say so themselves.
"""

from typing import Any

_MOST = {
    "mm": 1000.0,
    "mm3": 1e4,
    "deg": 360.0,
    "db": 300.0,
    "weeks": 50.0,
    "mhz": 100.0,
    "px": 1e4,
    "minutes": 1e5,
    "seed": 2.0**32 - 1,
    "channels": 4096.0,
    "features": 4096.0,
}
"""Largest number by the last word of a name."""
_MOST_OTHER = 1e6
_GRIDS = ("coarse", "fine", "spacing", "pixel", "resolution", "mesh")
_LEAST_GRID_MM = 0.02
"""Least edge of a voxel or cell: finer grids hold nothing but more voxels than any machine."""


def bounds(name: str) -> tuple[float, float]:
    """Return the least and the most that a setting can be.

    Returns:
        Both included.
    """
    first, *_, last = name.split("_") if "_" in name else (name, name)
    most = _MOST.get(last, _MOST_OTHER)
    return (_LEAST_GRID_MM if last == "mm" and first in _GRIDS else -most), most


def require_within(name: str, value: Any) -> None:
    """Refuse a number beyond the bounds of its unit, also within lists and mappings.

    Args:
        name: of the field.
        value: of any type; what is no number is left to others.

    Raises:
        ValueError: beyond its bounds.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            require_within(name, part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = bounds(name)
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
