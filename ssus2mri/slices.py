"""The HDF5 layout of slices: one file a volume, one slice a chunk.

Datasets: ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `PLANES`;
``index (S,)`` int16, the slice's index in atlas space; ``head (S, H, W)`` bool. Where known
(simulated volumes): ``truth (S, H, W)`` float16, the MR of the same anatomy at the same place;
``labels (S, H, W)`` uint8, `ssus2mri.tissues.Tissue`. Where the run predicts them:
``predicted_position (S, 2)`` float32, a plane and an index (not rounded) as those of the slices;
``spread (S, H, W)`` float16, the absolute error that it expects of its synthetic MR.
``checksum (S, stacks)`` uint32 has a column for each stack of slices, in the order of
`slice_rules.STACKS`.

Attributes: those of `Header`, and ``seal``; `ssus2mri.checksum` says what it covers. Arrays of a
plane are views of the atlas volume ``a[z, y, x]``: axial ``a[k]``, coronal ``a[:, k]``, sagittal
``a[:, :, k]``.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ssus2mri import __version__, checksum, slice_file, slice_rules
from ssus2mri.files import whole
from ssus2mri.slice_file import CHECKSUM, SEAL
from ssus2mri.slice_rules import SMALL, STACKS

PLANES = ("axial", "coronal", "sagittal")
SAGITTAL = PLANES.index("sagittal")


class Scaling(NamedTuple):
    """How intensities were scaled: as `Header` says of ``percentiles`` and ``depth_mm``."""

    percentiles: tuple[float, float]
    depth_mm: float


@dataclass(frozen=True)
class Header:
    """What a slice file says of itself.

    ``space`` is ``atlas``; ``low`` and ``high`` are the original intensities shown as 0 and 1;
    ``run`` is empty except for synthetic slices, ``pathology`` except for subjects that have one;
    ``uncertain`` scans, whose pose may be wrong, are neither trained on nor scored;
    ``certificate`` is the hash of the subjects that the model of synthetic slices has seen, and
    ``seen`` says that this subject is one of them, so that no score of it is a test;
    ``low`` and ``high`` are ``percentiles`` of the head deeper than ``depth_mm`` below its border;
    synthetic slices have those of the scan that they were made of;
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
    certificate: str = ""
    seen: bool = False
    percentiles: tuple[float, float] = (0.0, 100.0)
    depth_mm: float = 0.0
    version: str = __version__

    @property
    def scaling(self) -> "Scaling":
        """How intensities were scaled."""
        return Scaling(self.percentiles, self.depth_mm)


_NAMES = tuple(field.name for field in fields(Header))


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
    spread: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.image)


def write(slices: Slices, path: Path) -> None:
    """Write a slice file, whole or not at all.

    Args:
        slices: what to write; float images are stored as float16.
        path: the ``.h5`` file.
    """
    stacks = {name: _half(array) for name in STACKS if (array := getattr(slices, name)) is not None}
    small = {name: array for name in SMALL if (array := getattr(slices, name)) is not None}
    # In memory: where a disk is full, HDF5 may say so only when nobody can catch it any more. The
    # layout of HDF5 1.10 has checksums of its own structure, the oldest has none.
    with h5py.File(
        path.name, "w", driver="core", backing_store=False, libver=("v110", "v110")
    ) as file:
        for name, stack in stacks.items():
            file.create_dataset(
                name,
                data=stack,
                chunks=(1, *stack.shape[1:]),
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
        small[CHECKSUM] = np.stack([checksum.of_slices(stack) for stack in stacks.values()], axis=1)
        for name, array in small.items():
            file.create_dataset(name, data=array)
        attributes = asdict(slices.header)
        attributes[SEAL] = checksum.seal(attributes, small)
        for name, value in attributes.items():
            file.attrs[name] = slice_file.fixed(value) if isinstance(value, str) else value
        file.flush()
        content = file.id.get_file_image()
    with whole(path) as partial:
        partial.write_bytes(content)


def _half(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float16) if array.dtype.kind == "f" else array


def read(path: Path) -> Slices:
    """Read a slice file into memory.

    Returns:
        All its slices.

    Raises:
        InputError: the file is missing, is not HDF5, lacks a dataset or attribute, or holds what
            no slice file does: see `slice_rules`.
    """
    with slice_file.opened(path) as file, slice_file.guarded(path):
        header, datasets = _header(path, file), slice_file.datasets(path, file)
        arrays = {name: dataset[:] for name, dataset in datasets.items()}
        for name, array in arrays.items():
            slice_file.require(path, slice_rules.content_fault(name, array, header.size))
        slice_file.require_sealed(path, file, _NAMES, datasets)
    checksums = arrays.pop(CHECKSUM)
    for column, name in enumerate(name for name in STACKS if name in arrays):
        damaged = np.flatnonzero(checksum.of_slices(arrays[name]) != checksums[:, column])
        if len(damaged):
            raise slice_file.damaged(path, f"slice {damaged[0]} of dataset {name}")
    return Slices(header=header, **arrays)


def read_header(path: Path) -> Header:
    """Read only what a slice file says of itself; see `read`."""
    return examine(path)[0]


def examine(path: Path) -> tuple[Header, tuple[int, int, int]]:
    """Return what a slice file says of itself, and the shape ``(S, H, W)`` of its stacks.

    Raises:
        InputError: as `read`, except for what only the images can reveal.
    """
    with slice_file.opened(path) as file, slice_file.guarded(path):
        header, datasets = _header(path, file), slice_file.datasets(path, file)
        slice_file.require_sealed(path, file, _NAMES, datasets)
        return header, datasets["image"].shape


def _header(path: Path, file: h5py.File) -> Header:
    return Header(**slice_file.header(path, file, _NAMES))
