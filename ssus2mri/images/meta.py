"""MetaImage headers: geometry from ``ElementSpacing``, ``TransformMatrix`` and ``Offset``."""

from pathlib import Path

import numpy as np

from ssus2mri.images.grid import from_affine
from ssus2mri.images.messages import bad_spacing, contradicts, lacks, several_values, unreadable
from ssus2mri.images.nifti import require_dimensions
from ssus2mri.images.raw import blocks, plain_text
from ssus2mri.images.stored import Stored
from ssus2mri.images.text import add, integers, neighbour, numbers, unit_mm

_MOST_HEADER = 2**20
_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_SAME = {  # the format's other names for a field
    "position": "offset", "origin": "offset", "orientation": "transformmatrix",
    "rotation": "transformmatrix", "elementbyteordermsb": "binarydatabyteordermsb",
}  # fmt: skip


def header(path: Path) -> tuple[dict[str, str], int]:
    """Read the fields of a header and where it ends.

    Returns:
        Fields by their lower-case names, and the first byte after the header.

    Raises:
        InputError: no MetaImage, or a field twice.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while file.tell() < _MOST_HEADER:
            line = file.readline(2**16)
            name, equals, value = line.decode("latin-1").partition("=")
            if not equals:
                if line.strip():
                    break
                if line:
                    continue
                break
            name = name.strip().lower()
            add(path, fields, _SAME.get(name, name), value)
            if name == "elementdatafile":
                return fields, file.tell()
    raise unreadable(path, "no MetaImage header with `ElementDataFile`")


def read(path: Path, *, dimensions: int = 3) -> Stored:
    """Read the header of a MetaImage.

    Args:
        path: ``.mha`` or ``.mhd``.
        dimensions: 3, or 2 for a plane.

    Raises:
        InputError: other voxels than real numbers, or geometry that is missing, contradicts itself
            or cannot be true.
    """
    fields, end = header(path)
    if fields.get("objecttype", "Image").lower() != "image":
        raise unreadable(path, f"a MetaIO {fields['objecttype']}, not an image")
    for name in ("ndims", "dimsize", "elementtype"):
        if name not in fields:
            raise unreadable(path, f"no field `{name}`")
    channels = fields.get("elementnumberofchannels", "1")
    if channels != "1" or fields["elementtype"].endswith("_ARRAY"):
        raise several_values(path, int(channels) if channels.isdigit() else 0)
    size = integers(path, "DimSize", fields["dimsize"])
    if fields["ndims"] != str(len(size)):
        found = f"NDims {fields['ndims']} and DimSize {fields['dimsize']}"
        raise contradicts(path, "number of axes", found)
    affine = _affine(path, fields, len(size))
    while len(size) > dimensions and size[-1] == 1:
        size = size[:-1]
        affine = affine[:-1][:, [*range(len(size)), -1]]
    grid = from_affine(path, require_dimensions(path, size, dimensions), affine)
    if fields["elementtype"] not in _TYPES:
        raise unreadable(path, f"voxels of type {fields['elementtype']!r}")
    slope = fields.get("elementtointensityfunctionslope", "1")
    shift = fields.get("elementtointensityfunctionoffset", "0")
    slope_value, shift_value = numbers(path, "ElementToIntensityFunction", f"{slope} {shift}", 2)
    scale = (float(slope_value), float(shift_value))
    big = _flag(path, fields, "binarydatabyteordermsb")
    dtype = np.dtype(_TYPES[fields["elementtype"]]).newbyteorder(">" if big else "<")
    local = fields["elementdatafile"].upper() == "LOCAL"
    data = path if local else neighbour(path, fields["elementdatafile"])
    compressed = _flag(path, fields, "compresseddata")
    start = end if local else _skip(path, fields)
    if not _flag(path, fields, "binarydata", default=True):
        text = {"start": start, "dtype": dtype, "count": grid.count}
        return Stored(
            path,
            grid,
            lambda: iter([plain_text(data, **text) * scale[0] + scale[1]]),  # type: ignore[arg-type]
        )
    return Stored(
        path,
        grid,
        lambda: blocks(
            data,
            start=start,
            dtype=dtype,
            count=grid.count,
            compression="zlib" if compressed else "",
            scale=scale,
        ),
    )


def _affine(path: Path, fields: dict[str, str], n: int) -> np.ndarray:
    for name, word in (
        ("elementspacing", "`ElementSpacing`"),
        ("transformmatrix", "`TransformMatrix`"),
        ("offset", "`Offset`"),
    ):
        if name not in fields:
            raise lacks(path, word, "Save it with a program that knows the scan's geometry.")
    spacing = numbers(path, "ElementSpacing", fields["elementspacing"], n)
    if spacing.min() <= 0:
        raise bad_spacing(path, tuple(spacing.tolist()))
    size = fields.get("elementsize")
    if size is not None and not np.allclose(
        numbers(path, "ElementSize", size, n), spacing, rtol=0.01
    ):
        found = f"`ElementSpacing` {fields['elementspacing']} and `ElementSize` {size}"
        raise contradicts(path, "voxel spacing", found)
    axes = numbers(path, "TransformMatrix", fields["transformmatrix"], n * n).reshape(n, n)
    lengths = np.linalg.norm(axes, axis=1)
    if not np.allclose(lengths, 1.0, atol=0.01):
        found = f"axes of length {lengths.round(4).tolist()} in `TransformMatrix`, and"
        raise contradicts(path, "voxel spacing", f"{found} `ElementSpacing`")
    offset = numbers(path, "Offset", fields["offset"], n)
    unit = unit_mm(path, fields["distanceunits"]) if "distanceunits" in fields else 1.0
    return np.column_stack([axes.T * spacing, offset]) * unit


def _flag(path: Path, fields: dict[str, str], name: str, *, default: bool = False) -> bool:
    value = fields.get(name, str(default)).lower()
    if value not in ("true", "false", "1", "0", "t", "f"):
        raise unreadable(path, f"`{name}` {value!r}")
    return value[0] in "t1"


def _skip(path: Path, fields: dict[str, str]) -> int:
    try:
        skip = int(fields.get("headersize", "0"))
    except ValueError as error:
        raise unreadable(path, f"`HeaderSize` {fields['headersize']!r}") from error
    if skip < -1:
        raise unreadable(path, f"`HeaderSize` {skip}")
    return skip
