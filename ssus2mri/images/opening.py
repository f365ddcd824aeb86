"""Find the reader for a path, by its ending and its content."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.images import kretz, meta, nifti, nrrd, plane, still, stored
from ssus2mri.images.messages import READABLE, reason, require_file, unreadable
from ssus2mri.images.stored import Stored

_READERS = {
    ".nii": nifti.read,
    ".nii.gz": nifti.read,
    ".nrrd": nrrd.read,
    ".nhdr": nrrd.read,
    ".mha": meta.read,
    ".mhd": meta.read,
}
WRITTEN = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
DICOM = (".dcm", ".dicom", ".ima", ".img", "")
_KRETZ = (".vol", ".v00")
STILL = (".png", ".tif", ".tiff")

logger = logging.getLogger(__name__)
T = TypeVar("T")


def guarded(path: Path, work: Callable[[], T]) -> T:
    """Call a reader; what a library raises on a damaged file becomes a message about the file."""
    try:
        return work()
    except InputError:
        raise
    except (MemoryError, AssertionError):
        raise
    except Exception as error:
        raise unreadable(path, f"{type(error).__name__}: {reason(error)}") from error


def ending(path: Path) -> str:
    """Return the ending that says the format, in small letters."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def stem(path: Path) -> str:
    """Return the name of an image without its ending.

    What follows a dot is an ending only if a format has it: DICOM files are named ``1.2.840.7``.
    """
    end = ending(path)
    is_ending = end in (*_READERS, *DICOM, *_KRETZ, *STILL) and not path.is_dir()
    return path.name[: len(path.name) - len(end)] if is_ending else path.name


def volume(path: Path) -> Stored:
    """Read the header of a volume; see `ssus2mri.images.volume.read`."""
    return guarded(path, lambda: _opened(path))


def _opened(path: Path) -> Stored:
    if path.is_dir():
        from ssus2mri.images import series  # pydicom: only who reads DICOM pays for it

        return series.read(path)
    require_file(path)
    form = ending(path)
    if form in _READERS:
        return _READERS[form](path)
    with path.open("rb") as file:
        is_kretz = file.read(len(kretz.MAGIC)) == kretz.MAGIC
    if form in _KRETZ or is_kretz:
        return kretz.read(path)
    if form in STILL:
        raise _not_3d(path)
    if is_dicom(path):
        from ssus2mri.images import dicom, frames

        return frames.read(path, dicom.header(path))
    if form == ".dcm":
        raise unreadable(path, "no DICOM file")
    raise _strange(path)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by what it begins with and its ending."""
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or (ending(path) in DICOM and head[:1] in (b"\x08", b"\x02"))


def square_plane(path: Path, pixel_mm: float | None, frame: int | None) -> sitk.Image:
    """Read a plane; see `ssus2mri.images.volume.read_plane`."""
    if ending(path) in STILL + DICOM or (path.is_file() and is_dicom(path)):
        values, said = guarded(path, lambda: pixels(path, frame))
        _tell_resolution(path, pixel_mm)
        return guarded(path, lambda: plane.square(path, stored.finite(path, values), said,
                                                   pixel_mm))  # fmt: skip
    if frame is not None:
        found = f"`frame` {frame} of an image that has no frames"
        do = "Leave `frame` empty."
        raise InputError(str(path), expected="a clip, or no `frame`", found=found, do=do)
    picture = flat(path)
    image = guarded(path, lambda: plane.upright(stored.image(picture)))
    origin, edges = image.GetOrigin(), image.GetSpacing()
    squares = plane.square(path, sitk.GetArrayFromImage(image), edges, pixel_mm)
    squares.SetOrigin(origin)
    return squares


def _tell_resolution(path: Path, pixel_mm: float | None) -> None:
    """Warn where a picture's dots an inch contradict the table; most of them mean nothing."""
    meant = still.resolution_mm(path) if pixel_mm and ending(path) in STILL else None
    if meant and pixel_mm and abs(meant / pixel_mm - 1) > plane.SAME:
        logger.warning("%s: its resolution says pixels of %.4g mm, the table %.4g mm; the table is"
                       " taken", path, meant, pixel_mm)  # fmt: skip


def pixels(path: Path, frame: int | None = None) -> tuple[NDArray[Any], tuple[float, float] | None]:
    """Read the pixels of a picture or DICOM image, and their size where the file says it."""
    require_file(path)
    if ending(path) in STILL:
        values, said = still.read(path, frame), None
    else:
        from ssus2mri.images import dicom_still

        values, said = dicom_still.pixels(path, frame)
    nifti.require_dimensions(path, values.shape[::-1], 2)
    return values, said


def flat(path: Path) -> Stored:
    """Read the header of a 2D image in a volume's format."""
    require_file(path)
    reader = _READERS.get(ending(path))
    if reader is None:
        raise _strange(path)
    return guarded(path, lambda: reader(path, dimensions=2))


def _not_3d(path: Path) -> InputError:
    return InputError(
        str(path),
        expected="a 3D image",
        found="a 2D picture",
        do="A 2D plane needs `plane` and `pixel_mm` in its manifest row.",
    )


def _strange(path: Path) -> InputError:
    if ending(path) == ".4dv":
        return InputError(
            str(path),
            expected=READABLE,
            found="a GE 4D View file, a sequence in a closed format",
            do="Export one volume as .vol, with data compression off.",
        )
    found = f"ending {path.suffix!r}"
    return InputError(str(path), expected=READABLE, found=found, do="Convert the file.")
