"""Check an HDF5 file before its content is trusted: structure, types, seal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ssus2mri import checksum, slice_rules
from ssus2mri.errors import InputError

CHECKSUM, SEAL = "checksum", "seal"
"""Names of the dataset and of the attribute; see `ssus2mri.checksum`."""


def opened(path: Path) -> h5py.File:
    """Open a slice file.

    Raises:
        InputError: it is missing or is not HDF5.
    """
    if not path.is_file():
        raise InputError(
            str(path), expected="a slice file", found="no such file", do="Run `extract` first."
        )
    try:
        # Files are written once and never changed, so locks only hurt (network file systems).
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise _bad(path, str(error)) from error


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what the library raises on a damaged structure into a message about the file."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        found = " ".join(str(error).split())[:200]
        raise _bad(path, f"damage: {found}") from error


def fixed(text: str) -> NDArray[Any]:
    """Return text of fixed length: HDF5 has no checksum for other text, and may never end."""
    raw = text.encode()
    return np.array(raw, h5py.string_dtype("utf-8", max(1, len(raw))))


def header(path: Path, file: h5py.File, names: Sequence[str]) -> dict[str, Any]:
    """Read the attributes.

    Args:
        path: of the file, for messages.
        file: it.
        names: of the attributes that it must have, beside the seal.

    Raises:
        InputError: one is missing, or is not what `slice_rules` expects.
    """
    missing = [name for name in (*names, SEAL) if name not in file.attrs]
    if missing:
        raise _bad(path, f"no attribute {', '.join(missing)}")
    endless = [name for name in (*names, SEAL) if file.attrs.get_id(name).dtype.kind == "O"]
    if endless:
        raise _bad(path, f"attribute {endless[0]} of variable length")
    values = {name: _plain(file.attrs[name]) for name in names}
    require(path, slice_rules.header_fault(values))
    return values


def datasets(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the datasets after a look at their layout, without reading them.

    Returns:
        By name.

    Raises:
        InputError: one is missing, a link, no dataset, of another shape or type, or incomplete.
    """
    expected = set(slice_rules.DTYPES)
    missing = expected - set(slice_rules.OPTIONAL) - set(file)
    if missing:
        raise _bad(path, f"no dataset {', '.join(sorted(missing))}")
    present: dict[str, h5py.Dataset] = {}
    for name in sorted(expected & set(file)):
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise _bad(path, f"{name}, which is a link to another place")
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise _bad(path, f"{name}, which is no dataset")
        if dataset.is_virtual or dataset.external:
            raise _bad(path, f"dataset {name}, whose content is in another file")
        present[name] = dataset
    shapes = {name: (dataset.shape, dataset.dtype) for name, dataset in present.items()}
    require(path, slice_rules.layout_fault(shapes))
    for name, dataset in present.items():
        if dataset.size and _stored_less(dataset):
            raise _bad(path, f"dataset {name} of shape {dataset.shape}, of which parts are missing")
    image = present["image"]
    require(path, slice_rules.storage_fault(image.nbytes, image.id.get_storage_size()))
    return present


def require_sealed(
    path: Path, file: h5py.File, names: Sequence[str], present: Mapping[str, h5py.Dataset]
) -> NDArray[np.uint32]:
    """Refuse a file whose attributes or small datasets are not as they were written.

    Returns:
        The checksums of its slices, ``(S, stacks)``.

    Raises:
        InputError: damage.
    """
    small = {name: present[name][:] for name in (*slice_rules.SMALL, CHECKSUM) if name in present}
    values = {name: _plain(file.attrs[name]) for name in names}
    if _plain(file.attrs[SEAL]) != checksum.seal(values, small):
        raise damaged(path, "an attribute or a small dataset")
    return np.asarray(small[CHECKSUM])


def _stored_less(dataset: h5py.Dataset) -> bool:
    """Whether chunks were never written: they would read as 0, and a small file as a huge one."""
    if dataset.chunks is None:
        return bool(dataset.id.get_storage_size() < dataset.size * dataset.dtype.itemsize)
    wanted = np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)])
    return bool(dataset.id.get_num_chunks() < wanted)


def _plain(value: Any) -> Any:
    """Return an attribute as it was written."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def require(path: Path, fault: str) -> None:
    """Refuse a file with a fault that `slice_rules` has told; empty: none."""
    if fault:
        raise _bad(path, fault)


def damaged(path: Path, part: str) -> InputError:
    """Say in one message that a part of a file is damaged."""
    return _bad(path, f"damage: {part} is not as it was written")


def _bad(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        expected="a slice file of this program (HDF5)",
        found=found,
        do="Delete it and run `extract` or `synthesize` again.",
    )
