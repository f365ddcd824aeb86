"""The file of an observer: what `study.html` writes, read or refused with the reason."""

import re
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ssus2mri.errors import InputError

HEADER = "study,observer,group,position,image,rating"
MOST_BYTES = 1_000_000
_CHECKSUM = re.compile(r"checksum,([0-9a-f]{8})")
_ROW = re.compile(
    r"([0-9a-f]{12}),([A-Z0-9][A-Z0-9_-]{0,19}),([\w.-]+),(\d{1,3}),([0-9a-f]{8}),([1-5])", re.ASCII
)
_EXPECTED = "a file of ratings as study.html saved it"
_AGAIN = "Ask the observer for the file as the page saved it; the page still has it."


def read_ratings(
    path: Path, *, study: str, images: Collection[str], groups: Collection[str]
) -> pd.DataFrame:
    """Read the file of an observer.

    Its checksum shows a change by mistake. It cannot show forgery: who wants to can compute it.

    Args:
        path: the file.
        study: name of the study that the key belongs to.
        images: names of its images.
        groups: groups that the configuration knows.

    Returns:
        A row per image, columns ``observer``, ``group``, ``position`` (from 1, the order in which
        this observer saw them), ``image``, ``rating`` (1 to 5).

    Raises:
        InputError: it is not such a file, was changed, is of another study or group, or lacks an
            image or has one twice.
    """
    rows = _rows(path)
    of_study, observer, group = rows[0][:3]
    if of_study != study:
        raise InputError(
            str(path),
            expected=f"ratings of study {study}",
            found=f"study {of_study}, whose images were others",
            do="Move it out of the folder, or collect it with the key of its own study.",
        )
    if len({row[:3] for row in rows}) > 1:
        raise _bad(path, "several observers, groups or studies in one file")
    if group not in groups:
        raise InputError(
            str(path),
            expected=f"a group out of {', '.join(groups)}",
            found=group,
            do="Put the group back under `rate.groups`, or move the file out of the folder.",
        )
    counts = Counter(row[4] for row in rows)
    unknown, missing = counts.keys() - set(images), set(images) - counts.keys()
    twice = [image for image, count in counts.items() if count > 1]
    positions = sorted(int(row[3]) for row in rows)
    if unknown or twice:
        raise _bad(path, f"{len(unknown)} unknown images and {len(twice)} more than once")
    if missing or positions != list(range(1, len(rows) + 1)):
        raise _bad(path, f"{len(rows)} of {len(images)} images rated, or positions out of order")
    frame = pd.DataFrame(rows, columns=HEADER.split(","))
    frame = frame.astype({"position": int, "rating": int}).drop(columns="study")
    return frame.assign(observer=observer)


def _rows(path: Path) -> list[tuple[str, ...]]:
    """Read the lines of a file and check them one by one."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _bad(path, f"more than {MOST_BYTES} bytes")
        # Mail programs change ends of lines and put a mark before the first: neither matters.
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        do = "Correct the path."
        found = error.strerror or str(error)
        raise InputError(str(path), expected=_EXPECTED, found=found, do=do) from error
    except UnicodeDecodeError as error:
        raise _bad(path, "bytes that are not UTF-8") from error
    lines = text.rstrip("\n").split("\n")
    if lines[0] != HEADER:
        raise _bad(path, f"a first line {lines[0][:60]!r}")
    checksum = _CHECKSUM.fullmatch(lines[-1])
    if not checksum:
        raise _bad(path, "no checksum in the last line: cut short, or saved by another program")
    content = "\n".join([*lines[:-1], ""])
    if int(checksum[1], 16) != zlib.crc32(content.encode()):
        raise _bad(path, "a checksum that does not fit: it was changed after it was saved")
    rows = []
    for number, line in enumerate(lines[1:-1], start=2):
        row = _ROW.fullmatch(line)
        if not row:
            raise _bad(path, f"line {number}: {line[:60]!r}")
        rows.append(row.groups())
    if not rows:
        raise _bad(path, "no rating")
    return rows


def _bad(path: Path, found: str) -> InputError:
    return InputError(str(path), expected=_EXPECTED, found=found, do=_AGAIN)
