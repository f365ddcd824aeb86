"""GE Voluson volumes (KRETZFILE): the beams of a swept fan, resampled to a regular grid.

The format is not published. What is known of it comes from the reader of the 3D Slicer extension
SlicerHeart: little-endian items of group, element, length and data; beams fan out in a frame,
frames are swept about an axis at a distance. The patient's position is unknown: the axes are those
of the probe (lateral, elevation, depth), right-handed, so that nothing is mirrored.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.grid import from_affine
from ssus2mri.images.messages import unreadable
from ssus2mri.images.stored import Stored

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]

MAGIC = b"KRETZFILE 1.0   "
GRID_MM = 0.5
"""Edge of a voxel of the even grid."""
MOST_SAMPLES = 2**26
_SIZES = (0xC0000001, 0xC0000002, 0xC0000003)
_STEP, _FIRST, _AXIS = 0xC1000001, 0xC2000001, 0xC2000002
_PHI, _THETA = 0xC3000001, 0xC3000002
_EDGE, _VOXELS = 0x00100022, 0xD0000001
_IN_DICOM = ((0x7FE1, 0x0011), (0x7FE1, 0x1101))
_DO = (
    "Export it anew, on the scanner or in 4D View, with data compression off"
    ' ("save uncompressed", 2D/3D/4D), one volume at a time.'
)


@dataclass(frozen=True)
class SweptFan:
    """Geometry of the beams: all lengths mm, all angles rad, 0 in the middle.

    Radius of the first sample and step between samples, distance of the sweep's axis, lateral
    angle of each beam, elevation angle of each frame.
    """

    first_mm: float
    step_mm: float
    axis_mm: float
    theta: Floats
    phi: Floats

    def points(self, r: Floats, theta: Floats, phi: Floats) -> Floats:
        """Return the world points (LPS, mm) of samples, ``(..., 3)``."""
        along = r * np.cos(theta)
        lateral = r * np.sin(theta)
        elevation = -(along - self.axis_mm) * np.sin(phi)
        depth = self.axis_mm * (1 - np.cos(phi)) + along * np.cos(phi)
        return np.stack(np.broadcast_arrays(-lateral, -elevation, depth), axis=-1)


def within(data: Any) -> tuple[int, int] | None:
    """Find such a file in a DICOM data set.

    Returns:
        Its first byte in the DICOM file and its length; None where there is none.
    """
    creator, payload = _IN_DICOM
    if payload not in data or "KRETZ_US" not in str(data.get(creator, "")):
        return None
    # Through `values` a large value stays in the file; asked for by its tag it would be read.
    item = next(item for item in data.values() if item.tag == payload)
    return int(item.value_tell), int(item.length)


def read(path: Path, start: int = 0, length: int | None = None) -> Stored:
    """Read the header of a volume; its voxels are converted when they are asked for.

    Args:
        path: ``.vol``, ``.v00``, or a DICOM file that holds one.
        start: its first byte.
        length: its length; None: to the end of the file.

    Returns:
        The volume on an isotropic grid of `GRID_MM`.

    Raises:
        InputError: no such file, cut off, compressed, a sequence, or of impossible geometry.
    """
    items = _items(path, start, length)
    size = tuple(_number(path, items, tag, "<u2") for tag in _SIZES)
    samples, beams, sweep = (int(n) for n in size)
    count = samples * beams * sweep
    if min(samples, beams, sweep) < 2 or count > MOST_SAMPLES:
        raise unreadable(path, f"a volume of {samples} x {beams} x {sweep} samples")
    if _VOXELS not in items or items[_VOXELS][1] != count:
        raise InputError(
            str(path),
            expected=f"the {count} samples of one uncompressed volume",
            found="none"
            if _VOXELS not in items
            else f"{items[_VOXELS][1]} bytes of them (compressed data, or a sequence)",
            do=_DO,
        )
    at, shape = items[_VOXELS][0], (sweep, beams, samples)
    if _THETA not in items and _PHI not in items:
        return _cartesian(path, items, at, shape)
    fan = _fan(path, items, shape)
    return _converted(path, fan, at, shape)


def _items(path: Path, start: int, length: int | None) -> dict[int, tuple[int, int]]:
    """Place and length of the data of each item."""
    items: dict[int, tuple[int, int]] = {}
    end = path.stat().st_size if length is None else start + length
    if end > path.stat().st_size:
        raise unreadable(path, "it ends within an item")
    with path.open("rb") as file:
        file.seek(start)
        if file.read(len(MAGIC)) != MAGIC:
            raise unreadable(path, "no GE Voluson volume (KRETZFILE 1.0)")
        at = start + len(MAGIC)
        while at < end:
            if end - at == 1:  # a value within DICOM has an even length
                break
            head = file.read(8)
            if len(head) < 8:
                raise unreadable(path, "it ends within an item")
            group, element, size = np.frombuffer(head, "<u2,<u2,<u4")[0].item()
            if at + 8 + size > end:
                raise unreadable(path, "it ends within an item")
            tag = group << 16 | element
            if tag in items and tag in (*_SIZES, _STEP, _FIRST, _AXIS, _PHI, _THETA, _VOXELS):
                raise InputError(
                    str(path), expected="one volume", found="several in sequence", do=_DO
                )
            items[tag] = (at + 8, size)
            at += 8 + size
            file.seek(at)
    return items


def _array(path: Path, items: dict[int, tuple[int, int]], tag: int, kind: str, n: int) -> Any:
    if tag not in items:
        raise unreadable(path, f"no item {tag >> 16:04X},{tag & 0xFFFF:04X}")
    at, size = items[tag]
    dtype = np.dtype(kind)
    if size != n * dtype.itemsize:
        raise unreadable(path, f"item {tag >> 16:04X},{tag & 0xFFFF:04X} has {size} bytes")
    return np.fromfile(path, dtype, n, offset=at)


def _number(path: Path, items: dict[int, tuple[int, int]], tag: int, kind: str = "<f8") -> float:
    return float(_array(path, items, tag, kind, 1)[0])


def _fan(path: Path, items: dict[int, tuple[int, int]], shape: tuple[int, int, int]) -> SweptFan:
    step = 1000 * _number(path, items, _STEP)
    first, axis = _number(path, items, _FIRST) * step, -_number(path, items, _AXIS) * step
    theta = _array(path, items, _THETA, "<f8", shape[1]) - np.pi / 2
    phi = _array(path, items, _PHI, "<f8", shape[0]) - np.pi / 2
    for angles, what in ((theta, "lateral"), (phi, "elevation")):
        steps = np.diff(angles)
        one_way = (steps > 0).all() or (steps < 0).all()
        if not np.isfinite(angles).all() or not one_way or np.abs(angles).max() >= np.pi / 2:
            raise unreadable(path, f"its {what} angles do not rise within a half circle")
    reach = first + (shape[2] - 1) * step
    if not (0.01 <= step <= 5 and 0 <= first <= 500 and abs(axis) <= 500 and reach <= 1000):
        raise unreadable(
            path, f"beams from {first:.3g} to {reach:.3g} mm about an axis at {axis:.3g} mm"
        )
    return SweptFan(first, step, axis, theta, phi)


def _converted(path: Path, fan: SweptFan, at: int, shape: tuple[int, int, int]) -> Stored:
    reach = fan.first_mm + (shape[2] - 1) * fan.step_mm
    # The extremes lie on the border of the fan, or where an angle is 0.
    inner = [np.clip(0.0, angles.min(), angles.max()) for angles in (fan.theta, fan.phi)]
    edge = fan.points(
        np.array([fan.first_mm, reach])[:, None, None],
        np.append(fan.theta, inner[0])[:, None],
        np.append(fan.phi, inner[1]),
    ).reshape(-1, 3)
    low, high = edge.min(axis=0), edge.max(axis=0)
    size = tuple(int(n) for n in np.ceil((high - low) / GRID_MM - 1e-6) + 1)
    affine = np.column_stack([np.eye(3) * GRID_MM, low])
    grid = from_affine(path, size, affine)

    def blocks() -> Iterator[NDArray[np.float32]]:
        beams = _smoothed(path, at, shape, fan.step_mm)
        x, y = (low[k] + GRID_MM * np.arange(size[k]) for k in (0, 1))
        for k in range(size[2]):
            yield _slice(fan, beams, x, y, low[2] + GRID_MM * k).ravel()

    return Stored(path, grid, blocks)


def _slice(fan: SweptFan, beams: NDArray[np.float32], x: Floats, y: Floats, z: float) -> Any:
    """Return the values at one depth, ``(y, x)``; 0 outside the fan."""
    from scipy.ndimage import map_coordinates  # every stage that reads an image would pay for it

    depth = z - fan.axis_mm
    values = np.zeros((len(y), len(x)), np.float32)
    # Elevation is -y. The axis itself belongs to no frame.
    from_axis = np.copysign(np.hypot(y, depth), depth if depth else 1.0)
    phi = np.arctan2(y * np.sign(from_axis), np.abs(depth))
    rows = np.flatnonzero((phi >= fan.phi.min() - 1e-9) & (phi <= fan.phi.max() + 1e-9))
    if not rows.size:
        return values
    along = (from_axis[rows] + fan.axis_mm)[:, None]
    radius, theta = np.hypot(x, along), np.arctan2(-x, along)
    i = (radius - fan.first_mm) / fan.step_mm
    last = beams.shape[2] - 1
    slack = 1e-6
    used = (i >= -slack) & (i <= last + slack) & (along > 0)
    used &= (theta >= fan.theta.min() - 1e-9) & (theta <= fan.theta.max() + 1e-9)
    row, column = np.nonzero(used)
    if row.size:
        frame = _index(fan.phi, phi[rows])[row]
        beam = _index(fan.theta, theta[row, column])
        sample = np.clip(i[row, column], 0, last)
        values[rows[row], column] = map_coordinates(
            beams, [frame, beam, sample], order=1, mode="nearest", prefilter=False
        )
    return values


def _index(angles: Floats, wanted: Floats) -> Floats:
    """Return the continuous index of angles in a monotonic, perhaps uneven, list."""
    index = np.arange(len(angles), dtype=float)
    rising = angles[-1] > angles[0]
    return np.interp(wanted, angles if rising else angles[::-1], index if rising else index[::-1])


def _smoothed(path: Path, at: int, shape: Any, step_mm: float) -> NDArray[np.float32]:
    """Blur beams along themselves where the grid is coarser: fine speckle would alias."""
    from scipy.ndimage import gaussian_filter1d

    raw = np.fromfile(path, np.uint8, int(np.prod(shape)), offset=at).reshape(shape)
    beams = raw.astype(np.float32)
    sigma = 0.4 * np.sqrt(max(GRID_MM**2 - step_mm**2, 0.0)) / step_mm
    if sigma > 0.25:
        for frame in beams:
            gaussian_filter1d(frame, sigma, axis=-1, output=frame, mode="nearest")
    return beams


def _cartesian(path: Path, items: dict[int, tuple[int, int]], at: int, shape: Any) -> Stored:
    edge = 1000 * _number(path, items, _EDGE)
    affine = np.column_stack([np.diag([-edge, -edge, edge]), np.zeros(3)])
    grid = from_affine(path, shape[::-1], affine)
    logger.warning("%s: a Cartesian export, which may be mirrored: compare it with the scan", path)
    return Stored(path, grid, lambda: iter([np.fromfile(path, np.uint8, grid.count, offset=at)]))
