"""The HDF5 layout of slices: one file a volume, one slice a chunk. The only h5py import.

Datasets: ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `PLANES`;
``index (S,)`` int16, the slice's index in atlas space; ``head (S, H, W)`` bool. Where known
(simulated volumes): ``truth (S, H, W)`` float16, the MR of the same anatomy at the same place;
``labels (S, H, W)`` uint8, `ssus2mri.tissues.Tissue`. Where the run predicts it:
``predicted_position (S, 2)`` float32, a plane and an index (not rounded) as those of the slices.

Attributes: those of `Header`. Arrays of a plane are views of the atlas volume ``a[z, y, x]``: axial
``a[k]``, coronal ``a[:, k]``, sagittal ``a[:, :, k]``.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ssus2mri import __version__, slice_rules
from ssus2mri.errors import InputError
from ssus2mri.files import whole

PLANES = ("axial", "coronal", "sagittal")
SAGITTAL = PLANES.index("sagittal")
OPTIONAL = ("truth", "labels", "predicted_position")
ADDED = ("pathology", "uncertain")  # attributes that older files lack


@dataclass(frozen=True)
class Header:
    """What a slice file says of itself.

    ``space`` is ``atlas``; ``low`` and ``high`` are the original intensities shown as 0 and 1;
    ``run`` is empty but for synthetic slices, ``pathology`` but for subjects that have one;
    ``uncertain`` scans, whose pose may be wrong, are neither trained on nor scored;
    ``size`` is the edge of the atlas grid in voxels and ``origin_mm`` the world point of its first
    one, as many numbers as the image has dimensions.
    """

    volume: str
    subject: str
    modality: str
    ga_weeks: float
    split: str
    spacing_mm: float
    size: int
    low: float
    high: float
    space: str = "atlas"
    origin_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    run: str = ""
    pathology: str = ""
    uncertain: bool = False
    version: str = __version__


@dataclass(frozen=True)
class Slices:
    """All slices of one volume; shapes and types as in the module's docstring."""

    header: Header
    image: NDArray[np.float16]
    plane: NDArray[np.uint8]
    index: NDArray[np.int16]
    head: NDArray[np.bool_]
    truth: NDArray[np.float16] | None = None
    labels: NDArray[np.uint8] | None = None
    predicted_position: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.image)


def write(slices: Slices, path: Path) -> None:
    """Write a slice file, whole or not at all.

    Args:
        slices: what to write; float images are stored as float16.
        path: the ``.h5`` file.
    """
    # A file that nobody else knows yet needs no lock, which some network file systems lack.
    with whole(path) as partial, h5py.File(partial, "w", locking=False) as file:
        for name in ("image", "head", "truth", "labels"):
            array = getattr(slices, name)
            if array is not None:
                stored = array.astype(np.float16) if array.dtype.kind == "f" else array
                file.create_dataset(
                    name,
                    data=stored,
                    chunks=(1, *stored.shape[1:]),
                    compression="gzip",
                    compression_opts=1,
                    shuffle=True,
                )
        for name in ("plane", "index", "predicted_position"):
            array = getattr(slices, name)
            if array is not None:
                file.create_dataset(name, data=array)
        file.attrs.update(asdict(slices.header))


def read(path: Path) -> Slices:
    """Read a slice file into memory.

    Args:
        path: the ``.h5`` file.

    Returns:
        All its slices.

    Raises:
        InputError: the file is missing, is not HDF5, lacks a dataset or attribute, or holds what
            no slice file does: see `slice_rules`.
    """
    with _opened(path) as file:
        header, datasets = _header(path, file), _datasets(path, file)
        try:
            arrays = {name: dataset[:] for name, dataset in datasets.items()}
        except (OSError, RuntimeError, ValueError) as error:  # damaged chunks
            raise _bad(path, str(error)) from error
        for name, array in arrays.items():
            _require(path, slice_rules.content_fault(name, array, header.size))
        return Slices(header=header, **arrays)


def read_header(path: Path) -> Header:
    """Read only what a slice file says of itself; see `read`."""
    with _opened(path) as file:
        return _header(path, file)


class Reader:
    """A slice file kept open, for random reads of single slices.

    One process must not share it with another: open it again there. Use as a context manager, or
    call `close`.
    """

    def __init__(self, path: Path) -> None:
        """Open a slice file.

        Args:
            path: the ``.h5`` file.

        Raises:
            InputError: as `read`.
        """
        self._file = _opened(path)
        try:
            self.header = _header(path, self._file)
            self._images = _datasets(path, self._file)["image"]
        except InputError:
            self._file.close()
            raise
        self._path = path
        self._shape = self._images.shape[1:]

    def __len__(self) -> int:
        return int(self._images.shape[0])

    def slice(self, number: int) -> NDArray[np.float16]:
        """Read the image of one slice, ``(H, W)``.

        Args:
            number: 0 to ``len(self) - 1``.

        Raises:
            IndexError: no such slice.
            InputError: it is damaged, or not finite.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"slice {number} of {len(self)}")
        array = np.empty(self._shape, np.float16)
        try:
            self._images.read_direct(array, np.s_[number])
        except (OSError, RuntimeError) as error:
            raise _bad(self._path, f"slice {number}: {error}") from error
        _require(self._path, slice_rules.content_fault("image", array, self.header.size))
        return array

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(
            str(path), expected="a slice file", found="no such file", do="Run `extract` first."
        )
    try:
        # Files are written once and never changed, so locks only hurt (network file systems).
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise _bad(path, str(error)) from error


def _header(path: Path, file: h5py.File) -> Header:
    names = [field.name for field in fields(Header)]
    missing = [name for name in names if name not in file.attrs and name not in ADDED]
    if missing:
        raise _bad(path, f"no attribute {', '.join(missing)}")
    values = {name: file.attrs[name] for name in names if name in file.attrs}
    plain = {name: _plain(value) for name, value in values.items()}
    _require(path, slice_rules.header_fault(plain))
    return Header(**plain)


def _datasets(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Give the datasets of a file after a look at their layout, without reading them."""
    known = {field.name for field in fields(Slices)} - {"header"}
    missing = known - set(OPTIONAL) - set(file)
    if missing:
        raise _bad(path, f"no dataset {', '.join(sorted(missing))}")
    datasets: dict[str, h5py.Dataset] = {}
    for name in sorted(known & set(file)):
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise _bad(path, f"{name}, which is a link to another place")
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise _bad(path, f"{name}, which is no dataset")
        if dataset.is_virtual or dataset.external:
            raise _bad(path, f"dataset {name}, whose content is in another file")
        datasets[name] = dataset
    _require(
        path, slice_rules.layout_fault({name: (d.shape, d.dtype) for name, d in datasets.items()})
    )
    for name, dataset in datasets.items():
        if dataset.size and _stored_less(dataset):
            raise _bad(path, f"dataset {name} of shape {dataset.shape}, of which parts are missing")
    return datasets


def _stored_less(dataset: h5py.Dataset) -> bool:
    """Whether chunks were never written: they would read as 0, and a small file as a huge one."""
    if dataset.chunks is None:
        return bool(dataset.id.get_storage_size() < dataset.size * dataset.dtype.itemsize)
    wanted = np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)])
    return bool(dataset.id.get_num_chunks() < wanted)


def _require(path: Path, fault: str) -> None:
    if fault:
        raise _bad(path, fault)


def _plain(value: Any) -> Any:
    """Give an attribute back as it was written."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _bad(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        expected="a slice file of this program (HDF5)",
        found=found,
        do="Delete it and run `extract` or `synthesize` again.",
    )
