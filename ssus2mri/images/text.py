"""Parse header lines ``name: value``: no field twice, and numbers that are numbers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.messages import contradicts, unreadable

MM = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "millimeters": 1.0, "cm": 10.0, "m": 1000.0,
      "um": 0.001, "µm": 0.001, "μm": 0.001, "micron": 0.001, "microns": 0.001, "micrometer": 0.001,
      "centimeter": 10.0, "meter": 1000.0, "in": 25.4}  # fmt: skip
"""Units of length, in mm."""


def add(path: Path, fields: dict[str, str], name: str, value: str) -> None:
    """Add a field to a header; refuse one that is there already with another value."""
    value = value.strip()
    if _plain(fields.setdefault(name, value)) != _plain(value):
        raise contradicts(path, f"field `{name}`", f"{fields[name][:60]!r} and {value[:60]!r}")


def _plain(value: str) -> object:
    """Return numbers where a value is made of such: 1 and 1.0 are the same."""
    try:
        return [float(word) for word in value.split()]
    except ValueError:
        return value


def numbers(path: Path, name: str, text: str, count: int) -> NDArray[np.float64]:
    """Read so many finite numbers, separated by spaces.

    Raises:
        InputError: others, more or fewer.
    """
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise unreadable(path, f"`{name}` {text[:60]!r}") from error
    if len(values) != count or not np.isfinite(values).all():
        raise unreadable(path, f"`{name}` {text[:60]!r}, not {count} finite numbers")
    return values


def integers(path: Path, name: str, text: str) -> tuple[int, ...]:
    """Read integers above 0, separated by spaces.

    Raises:
        InputError: others.
    """
    try:
        values = tuple(int(word) for word in text.split())
    except ValueError as error:
        raise unreadable(path, f"`{name}` {text[:60]!r}") from error
    if not values or min(values) < 1 or max(values) > 2**31:
        raise unreadable(path, f"`{name}` {text[:60]!r}")
    return values


def unit_mm(path: Path, unit: str) -> float:
    """Return the length of a unit, mm.

    Raises:
        InputError: none that is known.
    """
    factor = MM.get(unit.strip().strip('"').lower())
    if factor is None:
        raise InputError(
            str(path),
            expected=f"a unit of length out of {', '.join(sorted(set(MM)))}",
            found=repr(unit),
            do="Correct the unit in the header.",
        )
    return factor


def neighbour(path: Path, name: str) -> Path:
    """Return the data file that a header names, beside the header.

    Raises:
        InputError: several files, or none there.
    """
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError(
            str(path),
            expected="a header with one data file",
            found=f"several ({name})",
            do="Save the image as one .nrrd, .mha or .nii.gz.",
        )
    data = path.parent / name
    if not data.is_file():
        raise InputError(
            str(path),
            expected=f"its data file {name} beside it",
            found="no such file",
            do="Put header and data into one folder, or save the image as one file.",
        )
    return data
