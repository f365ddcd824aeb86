"""Import another tool's synthetic MR as slice files, so that it is measured as a run's is.

A folder holds, for the test scans of ``results/extract``, in atlas space and in [0, 1]:

- ``{volume}.nii.gz`` or ``.nii``: the volume on the atlas grid; or
- ``{volume}.h5``: datasets ``image (S, H, W)``, ``plane (S,)`` and ``index (S,)``, as in
  `ssus2mri.slices`; or
- ``slices.csv`` with columns ``file, volume, plane, index``, and the grey PNGs that it names, of
  which black is 0 and white 1. Rows and columns of a picture are those of the slice: coronal and
  sagittal ones begin with the inferior row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydantic import BaseModel

from ssus2mri import records, slices
from ssus2mri.errors import InputError
from ssus2mri.images import opening, stored
from ssus2mri.images.still import read as read_picture
from ssus2mri.slices import PLANES, Header, Slices
from ssus2mri.slicing import cut

LIST = "slices.csv"
_SLACK = 1e-2  # of [0, 1], as slice files allow
_NIFTI = (".nii.gz", ".nii")
_DO = "config/README.md says what a folder of another tool's images must hold."

Image = NDArray[np.floating]
Place = tuple[int, int]  # plane, index
Images = dict[Place, Image]


class _Row(BaseModel):
    """A row of the list."""

    file: str
    volume: str
    plane: str
    index: str


@contextmanager
def files_of(
    files: Sequence[Path], folder: Path | None, extracts: Sequence[Path], run: str
) -> Iterator[list[Path]]:
    """Return slice files: those that `synthesize` wrote, or another tool's `converted`.

    Args:
        files: slice files of one run; empty with a folder.
        folder: of another tool's images, or None.
        extracts: as of `converted`.
        run: as of `converted`.

    Yields:
        The slice files.

    Raises:
        InputError: both or neither of files and folder, a folder without name or extracts, or as
            `converted`.
    """
    if bool(files) == bool(folder) or (folder and not (run and extracts)):
        raise InputError(
            "SYNTHETIC, --synthetic",
            expected="slice files of a run, or --synthetic FOLDER with --run and --extracts",
            found=f"{len(files)} files, folder {folder}, run {run!r}, {len(extracts)} extracts",
            do="Give one or the other.",
        )
    if not folder:
        yield list(files)
        return
    with converted(folder, extracts, run) as paths:
        yield paths


@contextmanager
def converted(folder: Path, extracts: Sequence[Path], run: str) -> Iterator[list[Path]]:
    """Write slice files of another tool's images into a folder that is removed afterwards.

    Args:
        folder: see the module's docstring.
        extracts: slice files of the test scans; those of MR are ignored.
        run: a name for the images in tables.

    Yields:
        The slice files, one per test scan.

    Raises:
        InputError: images of an unknown scan or place, of another size or range, or none of a slice
            that the scan has.
    """
    us = [read for read in map(slices.read, extracts) if read.header.modality == "us"]
    with TemporaryDirectory() as name:
        paths = []
        for synthetic in _synthetic(folder, us, run):
            paths.append(Path(name) / f"{synthetic.header.volume}.h5")
            slices.write(synthetic, paths[-1])
        yield paths


def _synthetic(folder: Path, us: Sequence[Slices], run: str) -> Iterator[Slices]:
    """Yield the slices of synthetic MR of each scan, 0 outside the head."""
    by_name = {scan.header.volume: scan for scan in us}
    listed = _listed(folder, {name: scan.header for name, scan in by_name.items()})
    files = {} if listed else _files(folder, by_name)
    for name, scan in by_name.items():
        where = str(folder / LIST) if listed else str(files.get(name, folder))
        if name not in listed and name not in files:
            raise _wrong(where, f"images of {name}", "none")
        images = listed[name] if listed else _read(files[name], scan)
        missing = [place for place in _places(scan) if place not in images]
        if missing:
            plane, index = missing[0]
            raise InputError(
                where,
                expected=f"all {len(scan)} slices of {name}",
                found=f"{len(missing)} of them missing, first {PLANES[plane]} slice {index}",
                do="Synthesise them too: leaving slices out would make scores incomparable.",
            )
        header = replace(scan.header, modality="mr", run=run, low=0.0, high=1.0)
        stack = np.stack([images[place] for place in _places(scan)]) * scan.head
        yield Slices(header, stack.astype(np.float16), scan.plane, scan.index, scan.head)


def _places(scan: Slices) -> list[Place]:
    return list(zip(scan.plane.tolist(), scan.index.tolist(), strict=True))


def _files(folder: Path, scans: Mapping[str, Slices]) -> dict[str, Path]:
    """Find the volumes and stacks of a folder by the names of scans."""
    files: dict[str, Path] = {}
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        ending = next((end for end in (*_NIFTI, ".h5") if path.name.endswith(end)), "")
        name = path.name.removesuffix(ending)
        if not ending or path.name.startswith("."):
            continue
        if name not in scans:
            expected = f"a name out of {', '.join(scans)}"
            raise _wrong(path, expected, name)
        if name in files:
            raise _wrong(path, "one file a scan", f"{files[name].name} too")
        files[name] = path
    if not files:
        raise _wrong(folder, f"{LIST}, .nii.gz or .h5 files", "none")
    return files


def _read(path: Path, scan: Slices) -> Images:
    if path.suffix == ".h5":
        return _stack(path, scan.header)
    image = stored.image(opening.volume(path))
    _require_grid(path, image, scan.header)
    array = sitk.GetArrayViewFromImage(image)
    _require_range(str(path), array)
    return dict(zip(_places(scan), cut(array, scan.plane, scan.index), strict=True))


def _require_grid(path: Path, image: sitk.Image, header: Header) -> None:
    size, spacing, origin = (header.size,) * 3, (header.spacing_mm,) * 3, header.origin_mm
    same = (
        image.GetSize() == size
        and np.allclose(image.GetSpacing(), spacing, atol=1e-3)
        and np.allclose(image.GetOrigin(), origin, atol=1e-2)
        and np.allclose(image.GetDirection(), np.eye(3).ravel(), atol=1e-4)
    )
    if not same:
        found = (
            f"{image.GetSize()}, {_rounded(image.GetSpacing())} mm, {_rounded(image.GetOrigin())}"
        )
        raise InputError(
            str(path),
            expected=f"the atlas grid: size {size}, spacing {_rounded(spacing)} mm, origin"
            f" {_rounded(origin)} mm, axes left, posterior, superior",
            found=found,
            do="Resample it onto results/template/mr.nii.gz.",
        )


def _stack(path: Path, header: Header) -> Images:
    names = ("image", "plane", "index")
    try:
        with h5py.File(path, "r", locking=False) as file:
            image, plane, index = (np.asarray(file[name]) for name in names)
    except (OSError, KeyError, TypeError, ValueError) as error:
        found = " ".join(str(error).split())[:200]
        expected = f"HDF5 with datasets {', '.join(names)}"
        raise InputError(str(path), expected=expected, found=found, do=_DO) from error
    if image.ndim != 3 or plane.shape != image.shape[:1] or index.shape != image.shape[:1]:
        found = f"{image.shape}, {plane.shape}, {index.shape}"
        expected = "image (S, H, W), plane (S,), index (S,)"
        raise _wrong(path, expected, found)
    images: Images = {}
    for picture, *place in zip(image, plane.tolist(), index.tolist(), strict=True):
        _add(images, str(path), picture, (place[0], place[1]), header)
    return images


def _listed(folder: Path, headers: Mapping[str, Header]) -> dict[str, Images]:
    """Read the pictures that a list names; nothing without a list."""
    path = folder / LIST
    images: dict[str, Images] = {}
    if not path.is_file():
        return images
    for line, row in records.read(path, _Row):
        where = f"{path} row {line}"
        if row["volume"] not in headers:
            expected = f"a volume out of {', '.join(headers)}"
            raise _wrong(where, expected, row["volume"])
        if row["plane"] not in PLANES or not row["index"].isdecimal():
            found = f"{row['plane']!r} and {row['index']!r}"
            expected = f"a plane out of {', '.join(PLANES)} and an index"
            raise _wrong(where, expected, found)
        picture = folder / row["file"]
        if not picture.is_file() or folder.resolve() not in picture.resolve().parents:
            found = f"{row['file']!r}, no such file in the folder"
            raise _wrong(where, "a PNG beside the list", found)
        values = read_picture(picture)
        place = (PLANES.index(row["plane"]), int(row["index"]))
        own = images.setdefault(row["volume"], {})
        _add(
            own, f"{where}, {row['file']}", _scaled(picture, values), place, headers[row["volume"]]
        )
    return images


def _scaled(path: Path, values: NDArray) -> Image:
    if values.dtype.kind != "u":
        found = f"numbers of type {values.dtype}"
        raise _wrong(path, "grey of 8 or 16 bits", found)
    return values.astype(np.float64) / np.iinfo(values.dtype).max


def _add(images: Images, where: str, image: NDArray, place: Place, header: Header) -> None:
    size = (header.size, header.size)
    if image.shape != size:
        raise _wrong(where, f"{size} pixels", str(image.shape))
    if place[0] not in range(len(PLANES)) or place[1] not in range(header.size):
        found = f"plane {place[0]}, index {place[1]}"
        expected = f"planes 0 to {len(PLANES) - 1} and indices below {header.size}"
        raise _wrong(where, expected, found)
    if place in images:
        found = f"{PLANES[place[0]]} slice {place[1]} again"
        raise _wrong(where, "every slice once", found)
    _require_range(where, image)
    images[place] = image


def _require_range(where: str, values: NDArray) -> None:
    finite = values.dtype.kind in "fiu" and bool(np.isfinite(values).all())
    low, high = (float(values.min()), float(values.max())) if finite else (np.nan, np.nan)
    if not (-_SLACK <= low <= high <= 1 + _SLACK):
        found = f"{low:g} to {high:g}" if finite else f"{values.dtype}, not all finite"
        raise InputError(
            where,
            expected="intensities in [0, 1], as of real MR in results/extract",
            found=found,
            do="Scale them as the tool's training images were scaled.",
        )


def _wrong(where: Path | str, expected: str, found: str) -> InputError:
    return InputError(str(where), expected=expected, found=found, do=_DO)


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
