"""Stage `extract`: cut an aligned image into slices in [0, 1], which every later stage reads.

The source (TMI 2020, Sec. IV-A) has about 300 slices of 160 x 160 per volume; which slices are left
out and how intensities are scaled is not stated in the source.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import slices
from ssus2mri.config import strict
from ssus2mri.config.prepare import ExtractSettings
from ssus2mri.config.rows import ExtractRow
from ssus2mri.errors import InputError
from ssus2mri.images import geometry
from ssus2mri.images.volume import read, read_labels, read_mask, read_plane
from ssus2mri.prepare.intensity import deep, scaled
from ssus2mri.slices import PLANES, Header, Slices
from ssus2mri.slicing import cut
from ssus2mri.tissues import Tissue


def choose(inside: NDArray[np.bool_], settings: ExtractSettings) -> list[tuple[int, int]]:
    """Choose the slices of a volume.

    Args:
        inside: ``[z, y, x]``, the head.
        settings: section ``extract``.

    Returns:
        (plane, index) of each slice with enough head, ordered by plane, then index; the plane is a
        position in `ssus2mri.slices.PLANES`.
    """
    pairs = []
    for plane, name in enumerate(PLANES):
        if name not in settings.planes:
            continue
        share = np.moveaxis(inside, plane, 0).mean(axis=(1, 2))
        first, last = getattr(settings.index_range, name)
        edge = len(share) - 1
        pairs += [
            (plane, k)
            for k in range(int(np.ceil(first * edge)), int(np.floor(last * edge)) + 1)
            if share[k] >= settings.min_head_fraction and share[k] > 0
        ]
    return pairs


def extract(
    image: sitk.Image,
    head: sitk.Image,
    *,
    header: Header,
    pairs: list[tuple[int, int]],
    percentiles: list[float],
    depth_mm: float,
    labels: sitk.Image | None = None,
    truth: sitk.Image | None = None,
    truth_percentiles: list[float],
) -> Slices:
    """Slice an aligned image; see `ssus2mri.slices` for the layout.

    Args:
        image: in atlas space; a plane is 2D.
        head: its mask, same grid.
        header: of the slices; how intensities were scaled is filled in.
        pairs: (plane, index) of the slices; a single pair for a 2D plane.
        percentiles: within the head, mapped to 0 and 1.
        depth_mm: below the head's border, from where grey values count.
        labels: tissues, same grid; None: unknown.
        truth: true MR, same grid, 0 outside the brain; None: unknown.
        truth_percentiles: within its brain, mapped to 0 and 1.

    Raises:
        ValueError: the image is constant within the head.
    """
    plane = np.array([plane for plane, _ in pairs], np.uint8)
    index = np.array([index for _, index in pairs], np.int16)
    inside = sitk.GetArrayFromImage(head) > 0
    within = deep(inside, image.GetSpacing()[0], depth_mm)
    unit, low, high = scaled(sitk.GetArrayFromImage(image), inside, percentiles, within)

    def sliced(array: NDArray) -> NDArray:
        return array[None] if array.ndim == 2 else cut(array, plane, index)

    true_unit = None
    if truth is not None:
        true_array = sitk.GetArrayFromImage(truth)
        true_unit = scaled(true_array, true_array > 0, truth_percentiles)[0].astype(np.float16)
    return Slices(
        header=replace(
            header,
            low=low,
            high=high,
            percentiles=(percentiles[0], percentiles[1]),
            depth_mm=depth_mm,
        ),
        image=sliced(unit.astype(np.float16)),
        plane=plane,
        index=index,
        head=sliced(inside),
        truth=None if true_unit is None else sliced(true_unit),
        labels=None if labels is None else sliced(sitk.GetArrayFromImage(labels)),
    )


def run_extract(
    image: Path,
    *,
    mask: Path,
    transform: Path,
    row: ExtractRow,
    labels: Path | None,
    truth: Path | None,
    out: Path,
    settings: ExtractSettings,
) -> None:
    """Cut an aligned image and the images that belong to it, and write the slice file.

    The index of a 2D plane is ``index`` of the quality file (``.json``) beside the aligned image:
    the nearest level of the atlas, as `align` determined it. A scan that `align` was uncertain of
    keeps that mark.

    Args:
        image: aligned image.
        mask: mask of the cropped image.
        transform: image -> atlas.
        row: columns of the manifest.
        labels: tissues in the image's own space; None: unknown.
        truth: true MR in the image's own space; None: unknown.
        out: ``.h5`` to write.
        settings: section ``extract``.

    Raises:
        InputError: no head or no slice left after alignment, or a constant image.
    """
    aligned_image, head, to_atlas = read_aligned(image, mask, transform, plane=bool(row.plane))
    percentiles = getattr(settings, f"{row.modality}_percentiles")
    inside = sitk.GetArrayViewFromImage(head) > 0
    quality = read_quality(image)
    pairs = [(PLANES.index(row.plane), _level(quality))] if row.plane else choose(inside, settings)
    if not inside.any() or not pairs:
        raise InputError(
            str(image),
            expected="a head in atlas space, and slices of it within `index_range`",
            found="no head" if not inside.any() else "no slice with enough head",
            do=f"Look at the alignment in {beside(image, '.png')}; give a"
            " `transform` or a `mask`, or change section `extract`.",
        )
    header = Header(
        volume=row.volume,
        subject=row.subject,
        modality=row.modality,
        ga_weeks=row.ga_weeks,
        split=row.split,
        spacing_mm=aligned_image.GetSpacing()[0],
        size=aligned_image.GetSize()[0],
        low=0.0,
        high=0.0,
        origin_mm=aligned_image.GetOrigin(),
        pathology=row.pathology,
        uncertain=bool(quality.get("uncertain", False)),
    )
    try:
        result = extract(
            aligned_image,
            head,
            header=header,
            pairs=pairs,
            percentiles=percentiles,
            depth_mm=settings.us_depth_mm if row.modality == "us" else 0.0,
            labels=_labels(labels, aligned_image, to_atlas),
            truth=_truth(truth, aligned_image, to_atlas),
            truth_percentiles=settings.mr_percentiles,
        )
    except ValueError as error:
        raise InputError(
            str(image),
            expected="contrast within the head",
            found=str(error),
            do="Look at the image and its mask.",
        ) from error
    slices.write(result, out)


def beside(image: Path, ending: str) -> Path:
    """Return the path of a file beside an image, another ending in place of ``.nii.gz``."""
    return image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ending)


def read_aligned(
    image: Path, mask: Path, transform: Path, *, plane: bool
) -> tuple[sitk.Image, sitk.Image, sitk.Transform]:
    """Read the aligned image, its head on the same grid, and the transform that leads there."""
    aligned_image = read_plane(image) if plane else read(image)
    to_atlas = geometry.read_transform(transform, 2 if plane else 3)
    head = geometry.resample(read_mask(mask, plane=plane), aligned_image, to_atlas, nearest=True)
    return aligned_image, head, to_atlas


def read_quality(image: Path) -> dict[str, Any]:
    """Read what `align` says of an aligned image: the ``.json`` beside it.

    Returns:
        Its keys, ``method`` at least.

    Raises:
        InputError: missing, or not such a file.
    """
    path = beside(image, ".json")
    try:
        quality = strict.json_values(path.read_text(encoding="utf-8"))
        return {"method": quality["method"], **quality}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad_quality(path, error) from error


def _level(quality: dict[str, Any]) -> int:
    """Return the axial index of a plane, as `align` determined it."""
    try:
        return int(quality["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise _bad_quality(Path("the plane"), error) from error


def _bad_quality(path: Path, error: Exception) -> InputError:
    return InputError(
        str(path),
        expected="the quality file of `align`, with `method`, and `index` of a plane",
        found=f"{type(error).__name__}: {error}",
        do="Run `align` again.",
    )


def _labels(path: Path | None, like: sitk.Image, to_atlas: sitk.Transform) -> sitk.Image | None:
    if path is None:
        return None
    labels = read_labels(path, tuple(Tissue))
    return geometry.resample(labels, like, to_atlas, nearest=True)


def _truth(path: Path | None, like: sitk.Image, to_atlas: sitk.Transform) -> sitk.Image | None:
    if path is None:
        return None
    truth = read(path)
    brain = geometry.resample(truth > 0, like, to_atlas, nearest=True)
    # Interpolation fades the border out: its faint rim would pass for the darkest tissue.
    return sitk.Mask(geometry.resample(truth, like, to_atlas), brain)
