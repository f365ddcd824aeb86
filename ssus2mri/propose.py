"""Propose a manifest for a folder: what its files say, with gaps for a person to fill."""

import csv
import io
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssus2mri.config.rows import RESERVED
from ssus2mri.errors import InputError
from ssus2mri.files import write_text
from ssus2mri.images import kretz, opening
from ssus2mri.images.modality import OF_DICOM
from ssus2mri.images.synthetic import is_synthetic
from ssus2mri.manifest import Row

logger = logging.getLogger(__name__)
_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_BESIDE = {"mask": ("_mask", "_head", "_brain"), "labels": ("_labels", "_label", "_seg", "_dseg")}
"""Endings of names, by the column that such a file belongs to."""
_MAY_BE_IMAGES = ("_head", "_brain")
_ENDS = tuple(end for ends in _BESIDE.values() for end in ends)
Proposal = dict[str, str]


def run_init(folder: Path, out: Path) -> tuple[Path, int]:
    """Write a row for every image found.

    Args:
        folder: looked through with its folders; hidden ones are left out.
        out: the manifest.

    Returns:
        The manifest and its number of rows.

    Raises:
        InputError: no folder, no image in it, or the manifest is there already.
    """
    if out.exists():
        do = "Choose another name with --out; nothing is written over."
        raise InputError(str(out), expected="no such file yet", found="one", do=do)
    if not folder.is_dir():
        raise InputError(
            str(folder), expected="a folder with images", found="none", do="Correct the path."
        )
    rows = named(list(proposals(folder)), out.parent)
    if not rows:
        raise InputError(
            str(folder), expected="at least one image", found="none", do="Correct the path."
        )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.model_fields), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(text.getvalue(), out)
    return out, len(rows)


def proposals(folder: Path) -> Iterator[Proposal]:
    """Look through a folder.

    Yields:
        ``image`` and what its file says, for each image, by path.
    """
    for parent, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        paths = [Path(parent) / name for name in sorted(files) if not name.startswith(".")]
        paths = [path for path in paths if path.is_file()]  # no pipe, which would never end
        images = [path for path in paths if opening.ending(path) in (*_VOLUMES, *opening.STILL)]
        synthetic = {path for path in images if is_synthetic(path)}
        images = [path for path in images if path not in synthetic]
        if synthetic:
            logger.warning(
                "%s: left out %d images that `predict` has written", parent, len(synthetic)
            )
        beside = {path: _owner(path, images) for path in images}
        for path in images:
            if beside[path] is None and _is_beside(path):
                logger.warning("%s: left out: a mask or labels, but of which image?", path)
            elif beside[path] is None:
                own = {
                    column: str(other)
                    for other, owner in beside.items()
                    if owner and owner[1] == path
                    for column in [owner[0]]
                }
                yield {"image": str(path), **own}
        yield from _scanner(
            Path(parent), [p for p in paths if p not in images and p not in synthetic]
        )


def _owner(path: Path, images: list[Path]) -> tuple[str, Path] | None:
    """Return column and image of a mask or labels, by their names.

    ``a_labels`` belongs to ``a``, or to ``a_t2w`` if no other image's name begins with ``a_``.
    """
    stem = opening.stem(path)
    for column, ends in _BESIDE.items():
        for end in ends:
            if not stem.endswith(end):
                continue
            name = stem.removesuffix(end)
            same = [image for image in images if opening.stem(image) == name]
            longer = [
                image
                for image in images
                if opening.stem(image).startswith(f"{name}_")
                and not opening.stem(image).endswith(_ENDS)
            ]
            if same or len(longer) == 1:
                return column, (same or longer)[0]
    return None


def _is_beside(path: Path) -> bool:
    """Whether the name is that of a mask or labels, and can be no image's."""
    stem = opening.stem(path)
    return stem.endswith(_ENDS) and not stem.endswith(_MAY_BE_IMAGES)


def _scanner(folder: Path, paths: list[Path]) -> Iterator[Proposal]:
    """Look at DICOM and GE Voluson files of one folder."""
    headers: list[tuple[Path, Any]] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                head = file.read(132)
        except OSError as error:
            logger.warning("%s: %s", path, error.strerror)
            continue
        if head.startswith(kretz.MAGIC):
            yield {"image": str(path), "modality": "us"}
        elif head[128:] == b"DICM":
            from ssus2mri.images import dicom

            try:
                data = dicom.header(path)
                dicom.integer(path, data, "NumberOfFrames", 1)
            except InputError as error:
                logger.warning("%s", error)
            else:
                headers.append((path, data))
    slices = [(path, data) for path, data in headers if _is_slice(data)]
    if len(slices) == 1:
        slices = []  # a plane
    if slices:
        series = {str(data.get("SeriesInstanceUID", "")) for _, data in slices}
        if len(series) > 1 or len(slices) < len(headers):
            logger.warning("%s: several DICOM series; put each into a folder of its own", folder)
        yield {"image": str(folder), "modality": _modality(slices[0][1])}
    for path, data in headers:
        whole = "Rows" in data or kretz.within(data) is not None
        if (path, data) not in slices and whole:
            yield {"image": str(path), "modality": _modality(data), **_pixel(path, data)}


def _is_slice(data: Any) -> bool:
    return "ImagePositionPatient" in data and int(data.get("NumberOfFrames", 1) or 1) == 1


def _modality(data: Any) -> str:
    return OF_DICOM.get(str(data.get("Modality", "")), "")


def _pixel(path: Path, data: Any) -> Proposal:
    from ssus2mri.images import dicom_still, plane

    if kretz.within(data) is not None or "PerFrameFunctionalGroupsSequence" in data:
        return {}  # a volume
    try:
        edges = dicom_still.calibration(path, data)
    except InputError as error:
        logger.warning("%s", error)
        return {}
    square = edges is not None and abs(edges[0] / edges[1] - 1) < plane.SAME
    return {"pixel_mm": f"{edges[0]:.6g}"} if edges is not None and square else {}


def named(rows: list[Proposal], base: Path) -> list[Proposal]:
    """Give each row a name of its own, and paths relative to the manifest.

    Returns:
        The rows, with ``volume``.
    """
    used: set[str] = set()
    result = []
    for row in rows:
        stem = (
            re.sub(r"[^A-Za-z0-9._-]+", "-", opening.stem(Path(row["image"]))).strip("-._")
            or "image"
        )
        stem = re.sub(r"\.\.+", ".", stem)[:90]
        name, number = stem, 1
        while name.lower() in used or name.endswith(RESERVED):
            number += 1
            name = f"{stem}-{number}"
        used.add(name.lower())
        paths = {
            column: os.path.relpath(row[column], base)
            for column in ("image", *_BESIDE)
            if column in row
        }
        result.append({**row, **paths, "volume": name})
    return result
