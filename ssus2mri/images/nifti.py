"""NIfTI-1 and NIfTI-2 headers: geometry from sform, else qform; ambiguous ones are refused."""

import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.grid import Grid, from_affine
from ssus2mri.images.messages import (
    bad_spacing,
    contradicts,
    lacks,
    rounded,
    several_values,
    unreadable,
)
from ssus2mri.images.raw import blocks, opened
from ssus2mri.images.stored import Stored

logger = logging.getLogger(__name__)

_FIELDS = {  # count, type and offset in NIfTI-1 and in NIfTI-2
    "dim": ((8, "i2", 40), (8, "i8", 16)),
    "datatype": ((1, "i2", 70), (1, "i2", 12)),
    "bitpix": ((1, "i2", 72), (1, "i2", 14)),
    "pixdim": ((8, "f4", 76), (8, "f8", 104)),
    "vox_offset": ((1, "f4", 108), (1, "i8", 168)),
    "slope": ((1, "f4", 112), (1, "f8", 176)),
    "intercept": ((1, "f4", 116), (1, "f8", 184)),
    "units": ((1, "u1", 123), (1, "i4", 500)),
    "qform": ((1, "i2", 252), (1, "i4", 344)),
    "sform": ((1, "i2", 254), (1, "i4", 348)),
    "quaternion": ((6, "f4", 256), (6, "f8", 352)),
    "srow": ((12, "f4", 280), (12, "f8", 400)),
}
_SIZES = (348, 540)
_LEAST_OFFSETS = (352, 544)  # four bytes after the header say whether there are extensions
_MOST_OFFSET = 2**26  # of extensions between header and voxels
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8",
}  # fmt: skip
_COLOURS = {128: 3, 2304: 4}
_COMPLEX = (32, 1792, 2048)
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown is mm in every program that writes it
_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def read(path: Path, *, dimensions: int = 3) -> Stored:
    """Read the header of a NIfTI file.

    Args:
        path: ``.nii`` or ``.nii.gz``; the content tells whether it is compressed.
        dimensions: 3, or 2 for a plane.

    Raises:
        InputError: another kind of file, other voxels than real numbers, or geometry that is
            missing, contradicts itself or cannot be true.
    """
    compression, raw = _head(path)
    header = _header(path, raw)
    dtype = _dtype(path, header)
    size = _size(path, header, dimensions)
    grid = _grid(path, header, size, dimensions)
    start = float(header["vox_offset"])
    if not (header["least_offset"] <= start <= _MOST_OFFSET and start == int(start)):  # nor NaN
        raise unreadable(path, f"its voxels begin at byte {start:g}")
    slope, intercept = _scale(path, header)
    return Stored(
        path,
        grid,
        lambda: blocks(
            path,
            start=int(start),
            dtype=dtype,
            count=grid.count,
            compression=compression,
            within=True,
            scale=(slope, intercept),
        ),
    )


def description(path: Path) -> str:
    """Return what a NIfTI-1 header says about the image in words (``descrip``).

    Raises:
        InputError: unreadable.
    """
    return _head(path)[1][148:228].split(b"\0")[0].decode("utf-8", errors="replace")


def _scale(path: Path, header: dict[str, Any]) -> tuple[float, float]:
    slope, intercept = float(header["slope"]), float(header["intercept"])
    if slope == 0 or np.isnan(slope):  # the standard: no scaling
        return 1.0, 0.0
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        found = f"slope {slope:g} and intercept {intercept:g}"
        raise contradicts(path, "scale of the values", found)
    return slope, intercept


def _head(path: Path) -> tuple[str, bytes]:
    try:
        with path.open("rb") as file:
            compression = "gzip" if file.read(2) == b"\x1f\x8b" else ""
            file.seek(0)
            return compression, opened(file, compression).read(_SIZES[1])
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, str(error)) from error


def _header(path: Path, raw: bytes) -> dict[str, Any]:
    for version, size in enumerate(_SIZES):
        for order in "<>":
            if raw[:4] == np.array(size, f"{order}i4").tobytes():
                if len(raw) < size:
                    raise unreadable(path, f"{len(raw)} bytes, and its header has {size}")
                magic = raw[344:348] if version == 0 else raw[4:8]
                if magic[:3] not in (b"n+1", b"n+2"):
                    raise unreadable(
                        path,
                        "a pair of .hdr and .img, or Analyze, which does not say left from right:"
                        " save it as one .nii.gz",
                    )
                fields = _fields(raw, version, order)
                return {"order": order, "least_offset": _LEAST_OFFSETS[version], **fields}
    raise unreadable(path, "no NIfTI header")


def _fields(raw: bytes, version: int, order: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, layouts in _FIELDS.items():
        count, kind, offset = layouts[version]
        array = np.frombuffer(raw, f"{order}{kind}", count, offset)
        values[name] = array if count > 1 else array[0]
    return values


def _dtype(path: Path, header: dict[str, Any]) -> np.dtype[Any]:
    code, bits = int(header["datatype"]), int(header["bitpix"])
    if code in _COMPLEX:
        raise InputError(
            str(path),
            expected="one real value per voxel",
            found="complex voxels",
            do="Save the magnitude.",
        )
    if code in _COLOURS:
        raise several_values(path, _COLOURS[code])
    if code not in _TYPES:
        raise unreadable(path, f"voxels of type {code}")
    dtype = np.dtype(f"{header['order']}{_TYPES[code]}")
    if bits != 8 * dtype.itemsize:
        found = f"datatype {code} and {bits} bits a voxel"
        raise contradicts(path, "type of the voxels", found)
    return dtype


def _size(path: Path, header: dict[str, Any], dimensions: int) -> tuple[int, ...]:
    n = int(header["dim"][0])
    if not 1 <= n <= 7 or min(header["dim"][1 : 1 + n]) < 1:
        raise unreadable(path, f"{n} axes of size {header['dim'][1:8].tolist()}")
    size = tuple(int(v) for v in header["dim"][1 : 1 + n])
    while len(size) > dimensions and size[-1] == 1:
        size = size[:-1]
    if len(size) >= 5 and size[3] == 1:
        raise several_values(path, size[4], "components (a vector field?)")
    return require_dimensions(path, size, dimensions)


def require_dimensions(path: Path, size: tuple[int, ...], dimensions: int) -> tuple[int, ...]:
    """Refuse an image of another dimension.

    Raises:
        InputError: another dimension, or an axis of one voxel.
    """
    if len(size) != dimensions or min(size) < 2:
        raise InputError(
            str(path),
            expected=f"a {dimensions}D image",
            found=f"{len(size)}D of size {size}",
            do="Export one time point as a volume."
            if dimensions == 3 and len(size) > 3
            else "A 2D plane needs `plane` in its manifest row, or `predict --pixel-mm`; a volume"
            " must have neither.",
        )
    return size


def _grid(path: Path, header: dict[str, Any], size: tuple[int, ...], dimensions: int) -> Grid:
    unit = _UNITS_MM.get(int(header["units"]) & 7)
    if unit is None:
        raise unreadable(path, f"lengths of unit {int(header['units']) & 7}")
    steps = np.array(header["pixdim"][1 : 1 + dimensions], float) * unit
    if not np.isfinite(steps).all() or steps.min() <= 0:
        raise bad_spacing(path, tuple(steps.tolist()))
    forms = [
        _lps(form, unit, dimensions)
        for form in (_sform(header), _qform(path, header))
        if form is not None
    ]
    if not forms:
        raise lacks(
            path,
            "sform or qform, which say where left and right are,",
            "Save it with a program that knows the scan's orientation.",
        )
    grids = [from_affine(path, size, form) for form in forms]
    if not np.allclose(grids[0].spacing_mm, steps, rtol=0.01):
        found = (
            f"pixdim {rounded(tuple(steps.tolist()))} mm and"
            f" {'sform' if header['sform'] > 0 else 'qform'} {rounded(grids[0].spacing_mm)} mm"
        )
        raise contradicts(path, "voxel spacing", found)
    if len(grids) == 2:
        off = float(np.linalg.norm(grids[0].corners() - grids[1].corners(), axis=1).max())
        if off > 0.1 * min(grids[0].spacing_mm):
            logger.warning("%s: sform and qform are %.3g mm apart; sform is taken", path, off)
    return grids[0]


def _sform(header: dict[str, Any]) -> NDArray[np.float64] | None:
    return np.array(header["srow"], float).reshape(3, 4) if header["sform"] > 0 else None


def _qform(path: Path, header: dict[str, Any]) -> NDArray[np.float64] | None:
    if header["qform"] <= 0:
        return None
    b, c, d, *origin = (float(v) for v in header["quaternion"])
    rest = 1.0 - (b * b + c * c + d * d)
    if not rest > -1e-4:
        if header["sform"] > 0:
            return None
        raise unreadable(path, "its qform is no rotation")
    a = np.sqrt(max(rest, 0.0))
    if rest < 0:
        b, c, d = np.array([b, c, d]) / np.sqrt(b * b + c * c + d * d)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    pixdim = np.array(header["pixdim"], float)
    steps = np.where(pixdim[1:4] > 0, pixdim[1:4], 1.0)  # of a plane the third is not used
    steps[2] *= -1.0 if pixdim[0] < 0 else 1.0
    return np.column_stack([rotation * steps, origin])


def _lps(form: NDArray[np.float64], unit: float, dimensions: int) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):  # numbers that are not finite are refused with the grid
        world = _TO_LPS @ form * unit
    return world[:dimensions, [*range(dimensions), 3]]
