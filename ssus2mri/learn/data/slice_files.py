"""Slice files that were examined but not read: enough to allocate memory for their slices."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.slices import Header


@dataclass(frozen=True)
class SliceFile:
    """A slice file of ``count`` slices of ``size`` (height, width)."""

    path: Path
    header: Header
    count: int
    size: tuple[int, int]


def look(path: Path) -> SliceFile:
    """Open a slice file and close it again.

    Raises:
        InputError: as `slices.read`.
    """
    header, (count, *size) = slices.examine(path)
    return SliceFile(path, header, count, (size[0], size[1]))


def require_one_size(files: Iterable[SliceFile]) -> None:
    """Refuse slices of more than one size.

    Raises:
        InputError: their sizes differ.
    """
    sizes = {file.size for file in files}
    if len(sizes) > 1:
        raise InputError(
            "slice files",
            expected="slices of one size",
            found=" and ".join(str(size) for size in sorted(sizes)),
            do="Run `extract` again for all volumes.",
        )
