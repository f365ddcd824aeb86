"""Read and write images: the only access to the formats for the rest of the package.

A volume is a 3D ``SimpleITK.Image`` of float32 in world LPS mm; a plane is a 2D one.
docs/inputs.md says what is read, where its geometry comes from, and what is refused.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.files import unwritable, whole
from ssus2mri.images import opening, plane, stored
from ssus2mri.images.grid import Grid, require_same
from ssus2mri.images.memory import held_mask, held_scan
from ssus2mri.images.messages import contradicts
from ssus2mri.images.modality import said
from ssus2mri.images.stored import Facts, Stored
from ssus2mri.images.synthetic import is_synthetic, marked

__all__ = ["held_mask", "held_scan", "marked"]  # for stages, which know no other module of images
logger = logging.getLogger(__name__)
LEAST_HEAD_MM, MOST_HEAD_MM = 5.0, 300.0
"""Length of a head, or a brain, that a mask can have."""


def read(path: Path) -> sitk.Image:
    """Read a volume: a file, or a folder with one DICOM series.

    Returns:
        3D image, float32, original intensities, geometry as stored.

    Raises:
        InputError: anything about the file that would make the results wrong.
    """
    image = stored.image(opening.volume(path))
    _require_contrast(path, image)
    return image


def read_plane(path: Path, pixel_mm: float | None = None, frame: int | None = None) -> sitk.Image:
    """Read a 2D plane: PNG, TIFF, DICOM, or a 2D image of a volume's format.

    Args:
        path: the file.
        pixel_mm: edge of a pixel, mm; None: as the file says.
        frame: of a clip or a TIFF of several pages, from 1.

    Returns:
        2D image, float32, square pixels; origin 0 unless the format has one.

    Raises:
        InputError: as `read`.
    """
    image = opening.square_plane(path, pixel_mm, frame)
    _require_contrast(path, image)
    return image


def examine(path: Path) -> tuple[Grid, Facts]:
    """Look at a volume in little memory, and find all that `read` would refuse.

    Returns:
        Its grid, and what its voxels are like.

    Raises:
        InputError: as `read`.
    """
    volume = opening.volume(path)
    return volume.grid, opening.guarded(path, lambda: stored.examine(volume))


def examine_plane(
    path: Path, pixel_mm: float | None = None, frame: int | None = None
) -> tuple[Grid, Facts]:
    """Look at a plane as `examine` does at a volume; arguments as of `read_plane`."""
    image = read_plane(path, pixel_mm, frame)
    grid = stored.grid_of(image)
    values = sitk.GetArrayViewFromImage(image).ravel()
    return grid, stored.examine(Stored(path, grid, lambda: iter([values])))


def tell_modality(path: Path, modality: str) -> None:
    """Warn of an ultrasound that the table calls MR, and the reverse; `check` refuses it."""
    stated = said(path)
    if stated and stated != modality:
        logger.warning("%s: the file says %s, the table %s", path, stated, modality)


def require_modality(path: Path, modality: str) -> None:
    """Refuse an ultrasound that is taken for MR, the reverse, and what `predict` has written.

    Raises:
        InputError: the file says the other, or that it is synthetic.
    """
    if is_synthetic(path):
        raise InputError(
            str(path),
            expected="a scan",
            found="a synthetic image, which `predict` has written",
            do="Give the scan itself.",
        )
    stated = said(path)
    if stated and stated != modality:
        found = f"{stated} in the file, where {modality} is meant"
        raise contradicts(path, "modality", found)


def read_mask(
    path: Path, like: sitk.Image | Grid | None = None, *, plane: bool = False
) -> sitk.Image:
    """Read a mask; every value above 0 is inside.

    Args:
        path: the file; a plane's mask is a 2D picture.
        like: image that it belongs to, or its grid; None: any.
        plane: whether it is 2D; ``like`` tells, too.

    Returns:
        uint8 image of 0 and 1.

    Raises:
        InputError: unreadable, on another grid, or of a region that can be no head: empty, of one
            voxel, or of impossible size.
    """
    mask = _mask(path, like, plane)
    inside = np.concatenate(
        opening.guarded(path, lambda: [stored.finite(path, b) > 0 for b in mask.blocks()])
    ).astype(np.uint8)
    _require_region(mask, iter([inside]))
    return stored.placed(inside.reshape(mask.grid.size[::-1]), mask.grid)


def examine_mask(path: Path, like: Grid | None = None, *, plane: bool = False) -> None:
    """Find all that `read_mask` would refuse, in little memory."""
    mask = _mask(path, like, plane)
    opening.guarded(path, lambda: _require_region(mask, mask.blocks()))


def read_labels(
    path: Path, allowed: tuple[int, ...], like: sitk.Image | Grid | None = None
) -> sitk.Image:
    """Read a label volume.

    Args:
        path: the file.
        allowed: the labels that may occur.
        like: image that it belongs to, or its grid; None: any.

    Returns:
        3D uint8 image.

    Raises:
        InputError: unreadable, on another grid, 0 everywhere, or with a label that is not allowed.
    """
    labels = _labels(path, like)
    blocks = opening.guarded(path, lambda: list(_checked(labels, allowed)))
    return stored.placed(np.concatenate(blocks).reshape(labels.grid.size[::-1]), labels.grid)


def examine_labels(path: Path, allowed: tuple[int, ...], like: Grid | None = None) -> None:
    """Find all that `read_labels` would refuse, in little memory."""
    labels = _labels(path, like)
    opening.guarded(path, lambda: sum(block.size for block in _checked(labels, allowed)))


def write(image: sitk.Image, path: Path) -> None:
    """Write an image, compressed, whole or not at all.

    Raises:
        InputError: an ending of no format, or it cannot be written.
    """
    if opening.ending(path) not in opening.WRITTEN:
        raise InputError(
            str(path),
            expected=f"a name that ends in {', '.join(opening.WRITTEN)}",
            found=repr(path.suffix),
            do="Choose another name for the output.",
        )
    with whole(path) as partial:
        try:
            sitk.WriteImage(image, str(partial), useCompression=True)
            written = sitk.ReadImage(str(partial))
        except RuntimeError as error:
            raise unwritable(path, error) from error
        # On a full disk the library writes half of a file and says nothing.
        if not _same_voxels(image, written):
            raise unwritable(path, OSError("the file does not hold what was written to it"))


def _same_voxels(image: sitk.Image, other: sitk.Image) -> bool:
    """Whether two images have the same numbers; NIfTI is read with 0 where there was none."""
    a, b = map(sitk.GetArrayViewFromImage, (image, other))
    return a.shape == b.shape and bool(((a == b) | ~np.isfinite(a)).all())


def _grid(like: sitk.Image | Grid | None) -> Grid | None:
    return stored.grid_of(like) if isinstance(like, sitk.Image) else like


def _mask(path: Path, like: sitk.Image | Grid | None, plane: bool) -> Stored:
    grid = _grid(like)
    if not plane and (grid is None or len(grid.size) == 3):
        mask = opening.volume(path)
    elif grid is not None and opening.ending(path) in opening.STILL + opening.DICOM:
        values = opening.guarded(path, lambda: opening.pixels(path)[0])
        own = Grid(values.shape[::-1], grid.spacing_mm, grid.origin_mm, grid.direction)
        mask = Stored(path, own, lambda: iter([values.ravel()]))
    else:
        mask = _upright(opening.flat(path))
    if grid is not None:
        require_same(path, mask.grid, grid, what="mask")
        mask = Stored(path, grid, mask.blocks)
    return mask


def _upright(mask: Stored) -> Stored:
    image = opening.guarded(mask.path, lambda: plane.upright(stored.image(mask), nearest=True))
    values = sitk.GetArrayFromImage(image).ravel()
    return Stored(mask.path, stored.grid_of(image), lambda: iter([values]))


def _require_region(mask: Stored, blocks: Iterator[np.ndarray]) -> None:
    """Refuse a mask without a head: empty, of a voxel, or of impossible extent."""
    size = mask.grid.size
    low, high, count, at = np.array(size), np.zeros(len(size), int), 0, 0
    for block in blocks:
        inside = np.flatnonzero(stored.finite(mask.path, block) > 0)
        if inside.size:
            index = np.array(np.unravel_index(inside + at, size, order="F"))
            low, high = np.minimum(low, index.min(axis=1)), np.maximum(high, index.max(axis=1))
        count += inside.size
        at += block.size
    extent = (high - low + 1) * np.array(mask.grid.spacing_mm)
    filled = count * float(np.prod(mask.grid.spacing_mm))
    ball = np.pi / 4 * LEAST_HEAD_MM**2 if len(size) == 2 else np.pi / 6 * LEAST_HEAD_MM**3
    if filled < ball or not LEAST_HEAD_MM <= extent.max() <= MOST_HEAD_MM:
        size_mm = f"one of {count} voxel(s), {extent.max():.3g} mm long"
        raise InputError(
            str(mask.path),
            expected=f"a mask of a head, {LEAST_HEAD_MM:g} to {MOST_HEAD_MM:g} mm long",
            found="an empty mask" if count == 0 else size_mm,
            do="Draw the mask again, correct the size of the voxels, or leave `mask` empty to have"
            " it found.",
        )


def _labels(path: Path, like: sitk.Image | Grid | None) -> Stored:
    labels, grid = opening.volume(path), _grid(like)
    if grid is not None:
        require_same(path, labels.grid, grid, what="labels")
    return labels


def _checked(labels: Stored, allowed: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield the blocks of a label volume, uint8."""
    seen: set[float] = set()
    for block in labels.blocks():
        seen.update(_values(stored.finite(labels.path, block)))
        strange = sorted(seen - set(allowed))
        if strange:
            raise InputError(
                str(labels.path),
                expected=f"labels out of {allowed[0]} to {allowed[-1]}",
                found=", ".join(f"{value:g}" for value in strange[:5]),
                do="Map your labels to the scheme of config/README.md.",
            )
        yield block.astype(np.uint8)
    if seen <= {0}:
        raise InputError(
            str(labels.path),
            expected="labels",
            found="0 everywhere",
            do="Draw the labels again, or leave `labels` empty.",
        )


def _values(block: np.ndarray) -> list[float]:
    """List the numbers that occur; of bytes each is marked, which takes half of the time."""
    if block.dtype == np.uint8:
        occurs = np.zeros(256, bool)
        occurs[block] = True
        return [float(value) for value in np.flatnonzero(occurs)]
    return [float(value) for value in np.unique(block)]


def _require_contrast(path: Path, image: sitk.Image) -> None:
    values = sitk.GetArrayViewFromImage(image)
    stored.require_contrast(path, float(values.min()), float(values.max()))
