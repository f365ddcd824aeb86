"""Turn the paths that a user gives into the scans to predict: files, folders, manifests."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from ssus2mri import manifest
from ssus2mri.config.values import file_name
from ssus2mri.errors import InputError
from ssus2mri.images import opening
from ssus2mri.prediction.source import Source
from ssus2mri.propose import proposals

_DO = "Give --ga-weeks, or a manifest with that column."


def sources(paths: list[Path], *, ga_weeks: float, pixel_mm: float | None) -> list[Source]:
    """List the scans behind some paths.

    Args:
        paths: images, DICOM folders, folders of images, manifests (``.csv``, whose ultrasound rows
            count).
        ga_weeks: of all scans but those of manifests; 0: not given.
        pixel_mm: edge of a pixel of planes; None: as their files say. A file given by itself is a
            plane if this is given.

    Returns:
        The scans, each with a name of its own.

    Raises:
        InputError: a path without scans, no age, a manifest with mistakes, or two scans whose
            outputs would have one name.
    """
    scans: list[Source] = []
    for path in paths:
        if _is_table(path):
            scans += _of_manifest(path)
            continue
        if not ga_weeks:
            raise InputError(
                str(path), expected="the gestational age in weeks", found="none", do=_DO
            )
        if path.is_dir():
            scans += _of_folder(path, ga_weeks, pixel_mm)
        else:
            flat = pixel_mm is not None or opening.ending(path) in opening.STILL
            scans.append(Source(_name(path), path, ga_weeks, flat, pixel_mm if flat else None))
    return _distinct(scans)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def require_used(paths: list[Path], **options: float) -> None:
    """Refuse options that would count for none of the scans, since a manifest has its own.

    Args:
        paths: as of `sources`.
        options: by column, such as ``ga_weeks``; 0: not given.

    Raises:
        InputError: an option beside nothing but manifests.
    """
    for column, value in options.items():
        if value and all(map(_is_table, paths)):
            raise InputError(
                f"--{column.replace('_', '-')}",
                expected=f"nothing: column {column} of {paths[0]} says it of each scan",
                found=f"{value:g}",
                do="Leave the option out, or correct the column.",
            )


def _of_manifest(path: Path) -> list[Source]:
    table, messages = manifest.load(path, val=0.0, test=0.0)
    if table is None:  # what only a training lacks is no mistake here
        raise InputError.several(messages)
    rows = table.where(modality="us")
    if not rows:
        raise InputError(
            str(path), expected="rows of modality us", found="none", do="Give another manifest."
        )
    return [
        Source(
            row.volume,
            Path(row.image),
            row.ga_weeks,
            bool(row.plane),
            row.pixel_mm,
            row.frame,
            Path(row.mask) if row.mask else None,
            row.subject,
        )
        for row in rows
    ]


def _of_folder(folder: Path, ga_weeks: float, pixel_mm: float | None) -> list[Source]:
    scans = []
    images = list(proposals(folder))
    for proposal in images:
        path = Path(proposal["image"])
        if proposal.get("modality", "us") == "us":
            flat = opening.ending(path) in opening.STILL
            size = pixel_mm if flat else None
            mask = Path(proposal["mask"]) if proposal.get("mask") else None
            scans.append(Source(_name(path), path, ga_weeks, flat, size, mask=mask))
    if not scans:
        raise InputError(
            str(folder),
            expected="ultrasound images",
            found="MR only" if images else "none",
            do="Correct the path.",
        )
    return scans


def _name(path: Path) -> str:
    """Return the name of a scan: the file's without its ending, in letters of a file name.

    A link has its own name, not that of what it leads to, which may be a hash or say who it is.
    """
    stem = opening.stem(Path(os.path.abspath(path)))  # of `.` and `..`, too
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in stem).strip("._-") or "scan"
    try:
        return file_name(safe)
    except ValueError:
        return "scan"


def _distinct(scans: list[Source]) -> list[Source]:
    """Add the name of its folder to each scan whose name is not unique, unless a table names it."""
    twice = {name for name, count in Counter(s.name for s in scans).items() if count > 1}
    longer = [
        replace(s, name=f"{_name(s.path.parent)}-{s.name}")
        if s.name in twice and not s.subject
        else s
        for s in scans
    ]
    again = [name for name, count in Counter(s.name for s in longer).items() if count > 1]
    if again:
        raise InputError(
            again[0],
            expected="scans of different names: their outputs are in one folder",
            found="several",
            do="Rename them, or predict them one after the other into different folders.",
        )
    return longer
