"""Identity of subjects: names, splits, files and pixels that belong to more than one person."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ssus2mri.errors import InputError

_UNSEEN = ("Cf", "Zs", "Cc")


def plain(name: str) -> str:
    """Return a name without what the eye does not see: case, width, accents' form, blanks, dashes.

    Returns:
        Text by which two names are compared.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kinds = [(letter, unicodedata.category(letter)) for letter in folded]
    return "".join("-" if kind == "Pd" else letter for letter, kind in kinds if kind not in _UNSEEN)


def same_name(path: Path, volumes: Mapping[int, str]) -> list[str]:
    """Return a message for each group of volumes whose names differ in case only, if at all."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, name in volumes.items():
        numbers[plain(name)].append(number)
    return [
        str(
            InputError(
                f"{path} rows {_rows(same)}, column volume",
                expected="a name of its own for every image, also where case does not count",
                found=", ".join(sorted({repr(volumes[n]) for n in same})) + f" {len(same)} times",
                do="Rename all but one.",
            )
        )
        for same in numbers.values()
        if len(same) > 1
    ]


def unlike(path: Path, subjects: Mapping[int, str]) -> list[str]:
    """Return a message for each group of subjects whose names look alike and are not."""
    spelt: dict[str, dict[str, int]] = defaultdict(dict)
    for number, name in subjects.items():
        spelt[plain(name)].setdefault(name, number)
    return [
        str(
            InputError(
                f"{path} rows {_rows(names.values())}, column subject",
                expected="one spelling for a person",
                found=f"{', '.join(map(repr, names))}, differing in case, blanks or letter form",
                do="Spell them alike, or rename one if they are two people.",
            )
        )
        for names in spelt.values()
        if len(names) > 1
    ]


def split_twice(path: Path, rows: Mapping[int, tuple[str, str]]) -> list[str]:
    """Return a message for each subject in more than one split."""
    splits: dict[str, dict[str, int]] = defaultdict(dict)
    for number, (subject, split) in rows.items():
        splits[subject].setdefault(split, number)
    return [
        str(
            InputError(
                f"{path} rows {_rows(names.values())}, column split",
                expected=f"one split for subject {subject!r}",
                found=", ".join(names),
                do="Give every image of a person the same split, or scores will be too good.",
            )
        )
        for subject, names in splits.items()
        if len(names) > 1
    ]


def same_file(path: Path, rows: Mapping[int, tuple[Path, int | None, str]]) -> list[str]:
    """Return a message for each file in rows of more than one subject, whatever its paths."""
    keyed = {number: (_identity(image), subject) for number, (image, _, subject) in rows.items()}
    return same_content(path, keyed, "file")


def same_content(
    path: Path, rows: Mapping[Any, tuple[Hashable, str]], what: str, *, column: str = "row"
) -> list[str]:
    """Find content that stands in the rows of more than one subject.

    Args:
        path: of the table, for messages.
        rows: what tells the content apart, and the subject, of each row.
        what: ``file`` or ``pixels``.
        column: ``row``, or ``volume`` where rows are known by their volumes.
    """
    owners: dict[Hashable, dict[str, Any]] = defaultdict(dict)
    for number, (key, subject) in rows.items():
        owners[key].setdefault(subject, number)
    return [
        str(
            InputError(
                f"{path} {column}s {_rows(names.values())}",
                expected="an image of its own for every subject",
                found=f"the same {what} for subjects {', '.join(map(repr, names))}",
                do="Correct the path or the subject: one person must not be trained and tested on.",
            )
        )
        for names in owners.values()
        if len(names) > 1
    ]


def _identity(path: Path) -> Hashable:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.normpath(path)
    return status.st_dev, status.st_ino


def _rows(numbers: Iterable[object]) -> str:
    return ", ".join(map(str, numbers))
