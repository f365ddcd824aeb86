"""NRRD headers: geometry from ``space``, ``space directions`` and ``space origin`` only."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.images.grid import from_affine
from ssus2mri.images.messages import contradicts, lacks, several_values, unreadable
from ssus2mri.images.nifti import require_dimensions
from ssus2mri.images.raw import blocks, plain_text
from ssus2mri.images.stored import Stored
from ssus2mri.images.text import MM, add, integers, neighbour, numbers, unit_mm

_MOST_HEADER = 2**20
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long",
           "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_ENCODINGS = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bz2", "bz2": "bz2"}
_TEXT = ("ascii", "text", "txt")
_SPACES = {
    ("right-anterior-superior", "ras"): (-1.0, -1.0, 1.0),
    ("left-anterior-superior", "las"): (1.0, -1.0, 1.0),
    ("left-posterior-superior", "lps"): (1.0, 1.0, 1.0),
}
"""The format's three spaces that say left from right, as signs of LPS."""
_OF_SPACE = ("domain", "space", "???", "none", "")
"""Kinds of an axis along which voxels lie side by side in the world."""


def header(path: Path) -> tuple[dict[str, str], int]:
    """Read the fields of a header and where it ends.

    Returns:
        Fields by their lower-case names, and the first byte after the header.

    Raises:
        InputError: no NRRD, a line that is no field, or a field twice.
    """
    with path.open("rb") as file:
        text = file.read(_MOST_HEADER)
    if not text.startswith(b"NRRD000"):
        raise unreadable(path, "no NRRD header")
    end = re.search(rb"\r?\n\r?\n", text)
    stop = end.start() if end else len(text)
    if end is None and len(text) == _MOST_HEADER:
        raise unreadable(path, "a header without an end")
    fields: dict[str, str] = {}
    for line in text[:stop].decode("utf-8", "replace").splitlines()[1:]:
        if line.startswith("#") or ":=" in line:
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise unreadable(path, f"the line {line[:60]!r}")
        # Some fields have two names, in the format's own definition.
        name = " ".join(name.lower().split()).replace("datafile", "data file")
        name = {"centers": "centerings", "lineskip": "line skip", "byteskip": "byte skip"}.get(
            name, name
        )
        add(path, fields, name, value)
    return fields, end.end() if end else len(text)


def read(path: Path, *, dimensions: int = 3) -> Stored:
    """Read the header of a NRRD file.

    Args:
        path: ``.nrrd`` or ``.nhdr``.
        dimensions: 3, or 2 for a plane.

    Returns:
        The image; axes of one element without a direction are left out.

    Raises:
        InputError: other voxels than real numbers, or geometry that is missing, contradicts itself
            or cannot be true.
    """
    fields, end = header(path)
    for name in ("type", "dimension", "sizes", "encoding"):
        if name not in fields:
            raise unreadable(path, f"no field `{name}`")
    kinds = {name: kind for kind, names in _TYPES.items() for name in names}
    if fields["type"].lower() not in kinds:
        raise unreadable(path, f"voxels of type {fields['type']!r}")
    dtype = np.dtype(kinds[fields["type"].lower()])
    encoding = fields["encoding"].lower()
    if dtype.itemsize > 1 and encoding not in _TEXT:
        order = fields.get("endian", "").lower()
        if order not in ("little", "big"):
            raise lacks(path, "`endian`", "Save the image again.")
        dtype = dtype.newbyteorder("<" if order == "little" else ">")
    sizes = integers(path, "sizes", fields["sizes"])
    if fields["dimension"] != str(len(sizes)):
        found = f"dimension {fields['dimension']} and sizes {fields['sizes']}"
        raise contradicts(path, "number of axes", found)
    steps = _steps(path, fields, len(sizes), dimensions)
    _require_kinds(path, fields, steps)
    for axis, step in enumerate(steps):
        if step is None and sizes[axis] > 1:
            what = "values a voxel or time points (axis without a direction)"
            raise several_values(path, sizes[axis], what)
    used = [axis for axis, step in enumerate(steps) if step is not None]
    size = require_dimensions(path, tuple(sizes[axis] for axis in used), dimensions)
    lps = _to_lps(path, fields, dimensions)
    columns = [step for step in steps if step is not None]
    affine = np.column_stack([*columns, _origin(path, fields, dimensions)])
    grid = from_affine(path, size, lps @ affine * _unit(path, fields))
    data = neighbour(path, fields["data file"]) if "data file" in fields else path
    start = _start(path, fields, data, 0 if data != path else end)
    if encoding in _TEXT:
        how = {"start": start, "dtype": dtype, "count": grid.count}
        return Stored(path, grid, lambda: iter([plain_text(data, **how)]))  # type: ignore[arg-type]
    if encoding not in _ENCODINGS:
        raise unreadable(path, f"encoding {encoding!r}")
    compression = _ENCODINGS[encoding]
    return Stored(
        path,
        grid,
        lambda: blocks(data, start=start, dtype=dtype, count=grid.count, compression=compression),
    )


def _steps(
    path: Path, fields: dict[str, str], axes: int, dimensions: int
) -> list[NDArray[np.float64] | None]:
    """Read the world vector of each axis; None for an axis that is not of space."""
    if "space directions" not in fields:
        raise lacks(
            path,
            "`space directions`",
            "`spacings` do not say where left and right are: save it with a program that does.",
        )
    words = re.findall(r"none|\([^)]*\)", fields["space directions"])
    if len(words) != axes or re.sub(r"none|\([^)]*\)|\s", "", fields["space directions"]):
        raise unreadable(path, f"`space directions` {fields['space directions']!r}")
    steps = [
        None
        if word == "none" or set(re.findall(r"[^(),\s]+", word.lower())) == {"nan"}
        else _vector(path, word, dimensions)
        for word in words
    ]
    spacings = fields.get("spacings", "nan " * axes).lower().split()
    if len(spacings) != axes:
        raise contradicts(path, "number of axes", f"{axes} and `spacings` {fields['spacings']}")
    for step, text in zip(steps, spacings, strict=True):
        if step is None or text == "nan":
            continue
        spacing = numbers(path, "spacings", text, 1)[0]
        if not np.isclose(np.linalg.norm(step), spacing, rtol=0.01):
            found = f"`spacings` {fields['spacings']} and `space directions` of other lengths"
            raise contradicts(path, "voxel spacing", found)
    return steps


def _vector(path: Path, word: str, dimensions: int) -> NDArray[np.float64]:
    return numbers(path, "vector", word.strip("() ").replace(",", " "), dimensions)


def _origin(path: Path, fields: dict[str, str], dimensions: int) -> NDArray[np.float64]:
    if "space origin" not in fields:
        raise lacks(path, "`space origin`", "Save it with a program that knows where it lies.")
    return _vector(path, fields["space origin"], dimensions)


def _to_lps(path: Path, fields: dict[str, str], dimensions: int) -> NDArray[np.float64]:
    space = fields.get("space", "")
    stated = fields.get("space dimension", "")
    if not space and dimensions == 2 and stated == "2":
        return np.eye(2)
    if space and stated not in ("", "3"):
        raise contradicts(path, "space", f"`space` {space} and `space dimension` {stated}")
    name = space.strip().strip('"').lower()
    signs = next((signs for names, signs in _SPACES.items() if name in names), None)
    if signs is None:
        raise lacks(
            path,
            "`space` such as left-posterior-superior or RAS",
            f"Found {space!r}: save it with a program that knows left from right.",
        )
    return np.diag(signs)[:dimensions, :dimensions]


def _unit(path: Path, fields: dict[str, str]) -> float:
    """Return the unit of the world, mm where the file does not say: as NRRD's own programs do."""
    said = {
        name: {unit for unit in _words(fields.get(name, "")) if unit not in ("", "???", "none")}
        for name in ("space units", "units")
    }
    factors = {unit_mm(path, unit) for unit in said["space units"]}
    # `units` is for axes without directions, but some programs write it beside them.
    lengths = {unit for unit in said["units"] if unit.lower() in MM}
    if len(factors) > 1 or {unit_mm(path, unit) for unit in lengths} - (factors or {1.0}):
        found = "; ".join(f"`{name}` {fields[name]}" for name in said if name in fields)
        raise contradicts(path, "unit of length", found)
    return factors.pop() if factors else 1.0


def _words(text: str) -> list[str]:
    """Split a list of which each may stand in quotes."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|([^\s"]+)', text)]


def _require_kinds(path: Path, fields: dict[str, str], steps: list[Any]) -> None:
    """Refuse an axis that has a direction but is labelled as one of time, values or a list."""
    kinds = _words(fields.get("kinds", ""))
    if not kinds:
        return
    strange = [
        kind
        for kind, step in zip(kinds, steps, strict=False)
        if step is not None and kind.lower() not in _OF_SPACE
    ]
    if len(kinds) != len(steps) or strange:
        found = f"`kinds` {fields['kinds']} and `space directions` {fields['space directions']}"
        raise contradicts(path, "meaning of the axes", found)


def _start(path: Path, fields: dict[str, Any], data: Path, start: int) -> int:
    skip = {}
    for name in ("line skip", "byte skip"):
        try:
            skip[name] = int(fields.get(name, "0"))
        except ValueError as error:
            raise unreadable(path, f"`{name}` {fields[name]!r}") from error
    if skip["byte skip"] == -1:
        if fields["encoding"] != "raw":
            raise unreadable(path, "`byte skip` -1 of data that are not raw")
        return -1
    if min(skip.values()) < 0:
        raise unreadable(path, "a negative skip")
    with data.open("rb") as file:
        file.seek(start)
        for _ in range(skip["line skip"]):
            file.readline()
        return file.tell() + skip["byte skip"]
