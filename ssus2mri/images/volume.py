"""Images in and out: the only way into the formats for the rest of the package.

A volume is a 3D ``SimpleITK.Image`` of float32 in world LPS mm; a plane is a 2D one.
docs/inputs.md says what is read, where its geometry comes from, and what is refused.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.images import opening, stored
from ssus2mri.images.grid import Grid, require_same
from ssus2mri.images.stored import Facts, Stored


def read(path: Path) -> sitk.Image:
    """Read a volume.

    Args:
        path: a file, or a folder with one DICOM series.

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
        2D image, float32, square pixels; origin 0 but for formats that have one.

    Raises:
        InputError: as `read`.
    """
    image = opening.square_plane(path, pixel_mm, frame)
    _require_contrast(path, image)
    return image


def examine(path: Path) -> tuple[Grid, Facts]:
    """Look at a volume in little memory, and find all that `read` would refuse.

    Args:
        path: as of `read`.

    Returns:
        Its grid, and what its voxels are like.

    Raises:
        InputError: as `read`.
    """
    volume = opening.volume(path)
    return volume.grid, opening.guarded(path, lambda: stored.examine(volume))


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
        InputError: unreadable, on another grid, empty, or of a single voxel.
    """
    grid = stored.grid_of(like) if isinstance(like, sitk.Image) else like
    plane = plane or (grid is not None and len(grid.size) == 2)
    if plane and grid is not None and opening.ending(path) in opening.STILL + opening.DICOM:
        values = opening.guarded(path, lambda: opening.pixels(path)[0])
        own = Grid(values.shape[::-1], grid.spacing_mm, grid.origin_mm, grid.direction)
        require_same(path, own, grid, what="mask")
        inside = stored.finite(path, values) > 0
    else:
        mask = opening.flat(path) if plane else opening.volume(path)
        own = mask.grid
        if grid is not None:
            require_same(path, own, grid, what="mask")
        inside = opening.guarded(path, lambda: _inside(mask))
    _require_region(path, int(np.count_nonzero(inside)))
    return stored.placed(inside.astype(np.uint8), own if grid is None else grid)


def read_labels(
    path: Path, known: tuple[int, ...], like: sitk.Image | Grid | None = None
) -> sitk.Image:
    """Read a label volume.

    Args:
        path: the file.
        known: the labels that may occur.
        like: image that it belongs to, or its grid; None: any.

    Returns:
        3D uint8 image.

    Raises:
        InputError: unreadable, on another grid, empty, or with a label that is not known.
    """
    labels = opening.volume(path)
    if like is not None:
        grid = stored.grid_of(like) if isinstance(like, sitk.Image) else like
        require_same(path, labels.grid, grid, what="labels")
    values = np.empty(labels.grid.count, np.uint8)
    seen: set[float] = set()

    def collect() -> None:
        at = 0
        for block in labels.blocks():
            seen.update(np.unique(stored.finite(path, block)).tolist())
            if not seen <= set(known):
                strange = ", ".join(f"{value:g}" for value in sorted(seen - set(known))[:5])
                raise InputError(
                    str(path),
                    expected=f"labels out of {known[0]} to {known[-1]}",
                    found=strange,
                    do="Map your labels to the scheme of config/README.md.",
                )
            values[at : at + block.size] = block
            at += block.size

    opening.guarded(path, collect)
    if seen <= {0}:
        raise InputError(
            str(path),
            expected="labels",
            found="0 everywhere",
            do="Draw the labels again, or leave `labels` empty.",
        )
    return stored.placed(values.reshape(labels.grid.size[::-1]), labels.grid)


def write(image: sitk.Image, path: Path) -> None:
    """Write an image, compressed, whole or not at all.

    Args:
        image: what to write.
        path: the file; its ending says the format.
    """
    with whole(path) as partial:
        sitk.WriteImage(image, str(partial), useCompression=True)


def _inside(mask: Stored) -> np.ndarray:
    flat = np.empty(mask.grid.count, bool)
    at = 0
    for block in mask.blocks():
        flat[at : at + block.size] = stored.finite(mask.path, block) > 0
        at += block.size
    return flat.reshape(mask.grid.size[::-1])


def _require_region(path: Path, voxels: int) -> None:
    if voxels < 2:
        raise InputError(
            str(path),
            expected="a mask of a head, with voxels above 0",
            found="an empty mask" if voxels == 0 else "a mask of one voxel",
            do="Draw the mask again, or leave `mask` empty to have it found.",
        )


def _require_contrast(path: Path, image: sitk.Image) -> None:
    values = sitk.GetArrayViewFromImage(image)
    stored.require_contrast(path, float(values.min()), float(values.max()))
