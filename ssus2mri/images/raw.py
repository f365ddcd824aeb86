"""Read voxels from a file, plain or compressed, block by block, and refuse a file with too few."""

import bz2
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images.messages import contradicts, unreadable

BLOCK = 2**21
MOST_SAVING, LEAST_SUSPECT = 200, 2**26
"""No scan is compressed so well; of fewer voxels (or, in a slice file, bytes) nobody asks."""
_MOST_LETTERS = 40  # of a number
FAULTS = (OSError, EOFError, zlib.error, ValueError)


class _Inflated:
    """The plain bytes of a zlib stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._stream = file, zlib.decompressobj()

    def read(self, count: int) -> bytes:
        """Read up to ``count`` bytes."""
        parts: list[bytes] = []
        while count > 0 and not self._stream.eof:
            pending = self._stream.unconsumed_tail or self._file.read(2**16)
            if not pending:
                raise EOFError("the compressed data end too early")
            parts.append(self._stream.decompress(pending, count))
            count -= len(parts[-1])
        return b"".join(parts)


def opened(file: BinaryIO, compression: str) -> Any:
    """Return something whose ``read`` gives the plain bytes that follow in a file.

    Args:
        file: at the first byte of the data.
        compression: empty, ``gzip``, ``bz2`` or ``zlib``.
    """
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "bz2":
        return bz2.BZ2File(file)
    return _Inflated(file) if compression == "zlib" else file


def blocks(
    path: Path,
    *,
    start: int,
    dtype: np.dtype[Any],
    count: int,
    compression: str = "",
    within: bool = False,
    scale: tuple[float, float] = (1.0, 0.0),
) -> Iterator[NDArray[Any]]:
    """Read voxels.

    Args:
        path: the file.
        start: byte of the first voxel; -1: as far from the end as there are voxels.
        dtype: of a voxel, with its byte order.
        count: number of voxels.
        compression: empty, ``gzip``, ``bz2`` or ``zlib``.
        within: whether ``start`` counts plain bytes of a compressed file, not those of the file.
        scale: slope and intercept.

    Yields:
        Flat arrays; float64 where they are scaled.

    Raises:
        InputError: the data end early, are damaged, or are more than the header accounts for.
    """
    if compression and count > LEAST_SUSPECT:
        _require_storable(path, count * dtype.itemsize)
    try:
        with path.open("rb") as file:
            if start < 0:
                start = path.stat().st_size - count * dtype.itemsize
                if start < 0:
                    raise unreadable(path, "it ends before its last voxel")
            file.seek(0 if within else start)
            stream = opened(file, compression)
            if within:
                _skip(stream, start)
            left = count
            while left:
                wanted = min(left, BLOCK)
                data = _exactly(stream, wanted * dtype.itemsize)
                if len(data) < wanted * dtype.itemsize:
                    raise unreadable(path, "it ends before its last voxel")
                block = np.frombuffer(data, dtype)
                left -= wanted
                yield block if scale == (1.0, 0.0) else block * scale[0] + scale[1]
            rest = stream.read(1)  # this also checks the sum of a compressed file
    except FAULTS as error:
        if type(error).__name__ == "InputError":
            raise
        raise unreadable(path, str(error)) from error
    if rest:
        found = f"a header of {count} voxels, and more data than these"
        raise contradicts(path, "number of voxels", found)


def plain_text(path: Path, *, start: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Read voxels written as text; see `blocks`."""
    if path.stat().st_size - start > _MOST_LETTERS * count:
        raise contradicts(path, "number of voxels", f"a header of {count}, and more text than that")
    try:
        with path.open("rb") as file:
            file.seek(start)
            values = np.array(file.read().split(), dtype=dtype.newbyteorder("="))
    except (*FAULTS, OverflowError) as error:
        raise unreadable(path, str(error)) from error
    if values.size != count:
        found = f"a header of {count} voxels, and {values.size} numbers"
        raise contradicts(path, "number of voxels", found)
    return values


def _require_storable(path: Path, claimed: int) -> None:
    """Refuse a file that would inflate to more than a scan can."""
    stored = path.stat().st_size
    if claimed > MOST_SAVING * stored:
        raise InputError(
            str(path),
            expected="a scan, which can be compressed to no less than a"
            f" {MOST_SAVING}th of its size",
            found=f"a header that claims {claimed} bytes of voxels in a file of {stored}",
            do="If it is meant, save it without compression.",
        )


def _skip(stream: Any, count: int) -> None:
    while count > 0:
        part = len(stream.read(min(count, 2**20)))
        if not part:
            raise EOFError("it ends before its first voxel")
        count -= part


def _exactly(stream: Any, count: int) -> bytes:
    parts = []
    while count > 0:
        part = stream.read(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
