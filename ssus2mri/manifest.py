"""The table of volumes: rows, splits by subject.

Paths in a row are relative to the manifest's folder, except workflow outputs (``results/...``),
which are relative to the working directory.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from ssus2mri import records, subjects
from ssus2mri.config.base import problems
from ssus2mri.config.rows import (
    DO,
    Columns,
    Frame,
    GaWeeks,
    Modality,
    Pathology,
    PixelMm,
    Plane,
    Subject,
    Volume,
)
from ssus2mri.errors import InputError
from ssus2mri.provenance import digest

SIMULATED = "results/simulate/"
SILENT = (".png", ".tif", ".tiff")
"""Endings of pictures that do not say how large a pixel is."""


class Row(Columns):
    """One image. Optional columns may be empty or left out."""

    volume: Volume
    subject: Subject
    modality: Modality
    image: str = Field(min_length=1, description="file or DICOM folder")
    ga_weeks: GaWeeks
    split: Literal["train", "val", "test", "auto"] = Field(
        description="train, val or test, or auto, which decides by a hash of the subject"
    )
    mask: str = Field(default="", description="head (US) or brain (MR) mask on the image's grid")
    transform: str = Field(default="", description="ITK file, image -> atlas, instead of `align`")
    plane: Plane = ""
    pixel_mm: PixelMm = None
    frame: Frame = None
    labels: str = Field(default="", description="tissue labels on the image's grid")
    pathology: Pathology = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Row":
        silent = self.image.lower().endswith(SILENT)
        if (self.pixel_mm is not None and not self.plane) or (
            self.plane and self.pixel_mm is None and silent
        ):
            raise ValueError("`plane` and `pixel_mm` both, for a 2D image, or neither")
        if self.frame is not None and not self.plane:
            raise ValueError("`plane` where there is `frame`: it is one of a clip")
        if self.labels and self.plane:
            raise ValueError("no `labels` of a 2D image: they are for volumes")
        if self.simulated and self.image != f"{SIMULATED}{self.volume}.nii.gz":
            raise ValueError(f"`image` {SIMULATED}{self.volume}.nii.gz for a simulated volume")
        if self.simulated and self.plane:
            raise ValueError("no `plane` for a simulated volume: volumes are simulated")
        if self.pathology and not self.simulated:
            raise ValueError("`pathology` for a simulated volume only")
        return self

    def json_of(self, stage: type[Columns]) -> str:
        """Return the columns that a stage is told, as JSON."""
        return self.model_dump_json(include=set(stage.model_fields))

    @property
    def simulated(self) -> bool:
        """Whether `simulate` makes this image."""
        return self.image.startswith(SIMULATED)

    def without_paths(self) -> dict[str, Any]:
        """Return the columns with hashes for paths, which may name a patient: results keep them."""
        hashes = {name: digest(path) for name in _PATHS if (path := getattr(self, name))}
        return {**self.model_dump(), **hashes}


@dataclass(frozen=True)
class Manifest:
    """All rows, with no split left at ``auto`` and every path ready to open."""

    rows: dict[str, Row]
    _by_values: dict[frozenset[tuple[str, str]], list[Row]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def where(self, **values: str) -> list[Row]:
        """Return rows by values, such as ``modality="us", split="test"``, in file order.

        The workflow asks the same of every scan, so answers are kept.
        """
        key = frozenset(values.items())
        if key not in self._by_values:
            self._by_values[key] = [
                row
                for row in self.rows.values()
                if all(getattr(row, name) == value for name, value in values.items())
            ]
        return list(self._by_values[key])


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
        numbered = records.read(path, Row)
    except InputError as error:
        return None, [str(error)]
    messages: list[str] = []
    rows: dict[int, Row] = {}
    blank: dict[str, list[int]] = defaultdict(list)
    for number, record in numbered:
        try:
            rows[number] = Row.model_validate(record)
        except ValidationError as error:
            for place, parts in problems(error, ""):
                if not record.get(place, "-").strip():
                    blank[place].append(number)
                    continue
                where = f"{path} row {number}"
                column = "" if place == "configuration" else f", column {place}"
                messages.append(str(InputError(where + column, **{**parts, "do": DO})))
    messages = [*_blank(path, blank), *messages]
    messages += subjects.same_name(path, {n: row.volume for n, row in rows.items()})
    messages += subjects.unlike(path, {n: row.subject for n, row in rows.items()})
    messages += subjects.split_twice(path, {n: (r.subject, r.split) for n, r in rows.items()})
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
    numbers = {row.volume: number for number, row in rows.items()}
    people = {
        numbers[row.volume]: (Path(row.image), row.frame, row.subject)
        for row in manifest.rows.values()
        if not row.simulated
    }
    messages = _too_few(path, manifest) + _pathologies(path, rows, manifest)
    return manifest, messages + subjects.same_file(path, people)


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
    """Decide a subject's split by a hash of its name, so that no subject depends on another."""
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") / 2**64
    return "test" if number < test else "val" if number < test + val else "train"


_PATHS = ("image", "mask", "transform", "labels")


def _located(folder: Path, text: str) -> str:
    return text if not text or text.startswith("results/") else str(folder / text)


def _blank(path: Path, rows: dict[str, list[int]]) -> list[str]:
    """Return a message for each column with rows that lack it."""
    return [
        str(
            InputError(
                f"{path}, column {column}",
                expected="a value in every row",
                found=f"none in row{'s' * (len(numbers) > 1)} {_spans(numbers)}",
                do=f"Fill in {Row.model_fields[column].description}.",
            )
        )
        for column, numbers in rows.items()
    ]


def _spans(numbers: list[int]) -> str:
    """Return rising numbers in words, such as ``2 to 5, 9``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    return ", ".join(" to ".join(map(str, span)) for span in spans)


def _pathologies(path: Path, rows: dict[int, Row], manifest: Manifest) -> list[str]:
    messages = []
    pathologies: dict[str, dict[str, int]] = {}
    for number, row in rows.items():
        pathologies.setdefault(row.subject, {}).setdefault(row.pathology, number)
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
        for subject, names in pathologies.items()
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
