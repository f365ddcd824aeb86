"""The table of volumes: rows, splits by subject.

Paths in a row are relative to the manifest's folder, but for workflow outputs (``results/...``),
which are relative to the working directory.
"""

import csv
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from ssus2mri.config.base import Section, problems
from ssus2mri.errors import InputError

SIMULATED = "results/simulate/"
RESERVED = ("_labels", "_mask", "_truth", "_pose")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DO = "Correct the row; config/README.md describes every column."


class Row(Section):
    """One image. Optional columns may be empty or left out."""

    volume: str = Field(description="unique, safe as a file name")
    subject: str = Field(min_length=1, description="the person")
    modality: Literal["us", "mr"] = Field(description="`us` or `mr`")
    image: str = Field(min_length=1, description="file or DICOM folder")
    ga_weeks: float = Field(ge=10, le=45, description="gestational age, weeks")
    split: Literal["train", "val", "test", "auto"] = Field(description="decided by subject")
    mask: str = Field(default="", description="head (US) or brain (MR) mask on the image's grid")
    transform: str = Field(default="", description="ITK file, image -> atlas, instead of `align`")
    plane: Literal["", "axial", "coronal", "sagittal"] = Field(
        default="", description="plane of a 2D image"
    )
    pixel_mm: float | None = Field(default=None, gt=0, description="pixel of a 2D image, mm")
    labels: str = Field(default="", description="tissue labels on the image's grid")
    pathology: str = Field(default="", description="of a simulated test subject: a `pathologies`")

    @field_validator("volume")
    @classmethod
    def _file_name_safe(cls, value: str) -> str:
        if not _NAME.fullmatch(value) or ".." in value or value.endswith(RESERVED):
            raise ValueError(
                "a name of letters, digits, '.', '_' and '-', without '..' or '/', not ending in "
                + ", ".join(RESERVED)
            )
        return value

    @field_validator("pixel_mm", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _consistent(self) -> "Row":
        if bool(self.plane) != (self.pixel_mm is not None):
            raise ValueError("`plane` and `pixel_mm` both, for a 2D image, or neither")
        if self.simulated and self.image != f"{SIMULATED}{self.volume}.nii.gz":
            raise ValueError(f"`image` {SIMULATED}{self.volume}.nii.gz for a simulated volume")
        if self.simulated and self.plane:
            raise ValueError("no `plane` for a simulated volume: volumes are simulated")
        if self.pathology and not self.simulated:
            raise ValueError("`pathology` for a simulated volume only")
        return self

    @property
    def simulated(self) -> bool:
        """Whether `simulate` makes this image."""
        return self.image.startswith(SIMULATED)


@dataclass(frozen=True)
class Manifest:
    """All rows, with no split left at ``auto`` and every path ready to open."""

    rows: dict[str, Row]

    def where(self, **values: str) -> list[Row]:
        """Rows with the given values, such as ``modality="us", split="test"``, in file order."""
        return [
            row
            for row in self.rows.values()
            if all(getattr(row, name) == value for name, value in values.items())
        ]


def load(path: Path, *, val: float, test: float) -> tuple[Manifest | None, list[str]]:
    """Read a manifest and find everything wrong with the table (not with the images).

    Args:
        path: the CSV, UTF-8.
        val: share of the ``auto`` subjects to validate on.
        test: share of the ``auto`` subjects to test on.

    Returns:
        The manifest, or None, and every message about what is wrong.
    """
    try:
        numbered = _records(path)
    except InputError as error:
        return None, [str(error)]
    messages: list[str] = []
    rows: dict[int, Row] = {}
    for number, record in numbered:
        try:
            rows[number] = Row.model_validate(record)
        except ValidationError as error:
            for place, parts in problems(error, ""):
                where = f"{path} row {number}"
                column = "" if place == "configuration" else f", column {place}"
                messages.append(str(InputError(where + column, **{**parts, "do": _DO})))
    messages += _duplicates(path, rows) + _split_twice(path, rows)
    if messages:
        return None, messages
    folder = path.parent
    manifest = Manifest(
        {
            row.volume: row.model_copy(
                update={
                    "split": auto_split(row.subject, val=val, test=test)
                    if row.split == "auto"
                    else row.split,
                    **{name: _located(folder, getattr(row, name)) for name in _PATHS},
                }
            )
            for row in rows.values()
        }
    )
    return manifest, _too_few(path, manifest) + _ill(path, rows, manifest)


def read(path: Path, *, val: float, test: float) -> Manifest:
    """Read a manifest; see `load`.

    Raises:
        InputError: the table is wrong in any way.
    """
    manifest, messages = load(path, val=val, test=test)
    if manifest is None or messages:
        raise InputError.several(messages)
    return manifest


def auto_split(subject: str, *, val: float, test: float) -> Literal["train", "val", "test"]:
    """Decide a subject's split by a hash of its name, so that no subject depends on another.

    Args:
        subject: the person.
        val: share to validate on.
        test: share to test on.

    Returns:
        The split.
    """
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") / 2**64
    return "test" if number < test else "val" if number < test + val else "train"


_PATHS = ("image", "mask", "transform", "labels")


def _located(folder: Path, text: str) -> str:
    return text if not text or text.startswith("results/") else str(folder / text)


def _records(path: Path) -> list[tuple[int, dict[str, str]]]:
    expected = "a CSV table, plain UTF-8, with a header line"
    do = "Save it as CSV, UTF-8 without byte-order mark."
    try:
        raw = path.read_bytes()
    except OSError as error:
        found = error.strerror or str(error)
        do = "Correct the path (`manifest` in the configuration)."
        raise InputError(str(path), expected=expected, found=found, do=do) from error
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            str(path), expected=expected, found="a byte-order mark at its start", do=do
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        found = f"a byte that is not UTF-8 in line {line}"
        raise InputError(str(path), expected=expected, found=found, do=do) from error
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        columns = set(reader.fieldnames or [])
        records = [(reader.line_num, record) for record in reader]
    except csv.Error as error:
        where = f"{path} row {reader.line_num}"
        raise InputError(where, expected=expected, found=str(error), do=_DO) from error
    unknown = sorted(columns - set(Row.model_fields))
    required = {name for name, field in Row.model_fields.items() if field.is_required()}
    if unknown or required - columns:
        raise InputError(
            f"{path} row 1",
            expected=f"columns {', '.join(Row.model_fields)}",
            found=f"unknown {unknown}, missing {sorted(required - columns)}",
            do=_DO,
        )
    for number, record in records:
        if None in record or None in record.values():
            raise InputError(
                f"{path} row {number}",
                expected=f"{len(columns)} fields",
                found="more or fewer",
                do=_DO,
            )
    if not records:
        raise InputError(str(path), expected="at least one row", found="none", do=_DO)
    return records


def _duplicates(path: Path, rows: dict[int, Row]) -> list[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, row in rows.items():
        numbers[row.volume].append(number)
    return [
        str(
            InputError(
                f"{path} rows {', '.join(map(str, same))}, column volume",
                expected="a name of its own for every image",
                found=f"{volume!r} {len(same)} times",
                do="Rename all but one.",
            )
        )
        for volume, same in numbers.items()
        if len(same) > 1
    ]


def _split_twice(path: Path, rows: dict[int, Row]) -> list[str]:
    splits: dict[str, dict[str, int]] = defaultdict(dict)
    for number, row in rows.items():
        splits[row.subject].setdefault(row.split, number)
    return [
        str(
            InputError(
                f"{path} rows {', '.join(map(str, found.values()))}, column split",
                expected=f"one split for subject {subject!r}",
                found=", ".join(found),
                do="Give every image of a person the same split, or scores will be too good.",
            )
        )
        for subject, found in splits.items()
        if len(found) > 1
    ]


def _ill(path: Path, rows: dict[int, Row], manifest: Manifest) -> list[str]:
    messages = []
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for number, row in rows.items():
        found[row.subject].setdefault(row.pathology, number)
        split = manifest.rows[row.volume].split
        if row.pathology and split != "test":
            messages.append(
                InputError(
                    f"{path} row {number}, column pathology",
                    expected="a subject of split test: training is on healthy heads",
                    found=f"{row.pathology!r} in split {split}",
                    do="Set `split` of the subject's rows to test, or empty the column.",
                )
            )
    messages += [
        InputError(
            f"{path} rows {', '.join(map(str, names.values()))}, column pathology",
            expected=f"one pathology for subject {subject!r}, or none",
            found=", ".join(name or "none" for name in names),
            do="Give every image of a person the same pathology.",
        )
        for subject, names in found.items()
        if len(names) > 1
    ]
    return [str(message) for message in messages]


def _too_few(path: Path, manifest: Manifest) -> list[str]:
    needed = {("us", "train"): "to train", ("mr", "train"): "to train", ("us", "test"): "to test"}
    return [
        str(
            InputError(
                str(path),
                expected=f"at least one {modality} image in split {split}",
                found="none",
                do=f"Add one {purpose} on, or set `split` of a row to {split}.",
            )
        )
        for (modality, split), purpose in needed.items()
        if not manifest.where(modality=modality, split=split)
    ]
