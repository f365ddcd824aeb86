"""The manifest's columns, and those that each stage needs to know about its volume.

A rule passes these columns as one JSON, so a stage runs again only if one of its own changes, and a
new column needs no new option.
"""

import re
import shlex
import unicodedata
from collections.abc import Collection
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ssus2mri.config import strict
from ssus2mri.config.base import Section, problems
from ssus2mri.config.values import file_name, no_formula
from ssus2mri.errors import InputError

RESERVED = ("_labels", "_mask", "_truth", "_pose")
"""Endings of names of files beside a volume."""
DO = "Correct the row; config/README.md describes every column."
_DO_OPTION = "config/README.md describes every column."


def _volume_name(value: str) -> str:
    if value.endswith(RESERVED):
        raise ValueError(f"a name that does not end in {', '.join(RESERVED)}")
    return file_name(value)


def _alignable(value: str) -> str:
    if value not in ("", "axial"):
        raise ValueError("`axial`: no other plane can be brought to the atlas")
    return value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Volume = Annotated[
    str, AfterValidator(_volume_name), Field(description="unique, safe as a file name")
]
Subject = Annotated[str, AfterValidator(no_formula), Field(min_length=1, description="the person")]
Modality = Annotated[Literal["us", "mr"], Field(description="`us` or `mr`")]
LEAST_WEEKS, MOST_WEEKS = 10, 45
"""Gestational ages that a scan can have; others are mistakes, such as days."""
GaWeeks = Annotated[
    float, Field(ge=LEAST_WEEKS, le=MOST_WEEKS, description="gestational age, weeks")
]
Plane = Annotated[
    Literal["", "axial", "coronal", "sagittal"],
    AfterValidator(_alignable),
    Field(description="plane of a 2D image"),
]
PixelMm = Annotated[
    Annotated[float, Field(ge=0.02, le=5)] | None,
    BeforeValidator(_empty_is_none),
    Field(description="pixel of a 2D image, mm; empty: as DICOM says"),
]
Frame = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(_empty_is_none),
    Field(description="of a 2D clip, from 1"),
]
Pathology = Annotated[str, Field(description="of a simulated test subject: a `pathologies`")]


class Columns(Section):
    """Some columns of a row: text is trimmed, and numbers have a decimal point."""

    @field_validator("*", mode="before")
    @classmethod
    def _trimmed(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        value = unicodedata.normalize("NFC", value).strip()
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
            raise ValueError("text without control characters")
        number = info.field_name in ("ga_weeks", "pixel_mm", "frame")
        if number and re.fullmatch(r"[+-]?\d*,\d+", value):
            raise ValueError("a number with a decimal point, not a decimal comma")
        if info.field_name == "ga_weeks" and not _is_number(value):
            raise ValueError("weeks with a decimal point, such as 23.57 for 23 + 4")
        return value


class SimulateRow(Columns):
    """The columns for `simulate`; the names seed the anatomy and the acquisition."""

    volume: Volume
    subject: Subject
    modality: Modality
    ga_weeks: GaWeeks


class AlignRow(Columns):
    """The columns for `align`."""

    modality: Modality
    ga_weeks: GaWeeks
    plane: Plane = ""


class CropRow(AlignRow):
    """The columns for `crop`."""

    pixel_mm: PixelMm = None
    frame: Frame = None


class ExtractRow(AlignRow):
    """The columns for `extract`."""

    volume: Volume
    subject: Subject
    split: Literal["train", "val", "test"]
    pathology: Pathology = ""


class MatchRow(Columns):
    """The columns for `match`."""

    plane: Plane = ""


ColumnsT = TypeVar("ColumnsT", bound=Columns)


def load_row(model: type[ColumnsT], text: str) -> ColumnsT:
    """Read the columns that a command is given.

    Args:
        model: the columns that it needs.
        text: JSON, or words such as ``modality=us ga_weeks=23``, as a person writes them.

    Raises:
        InputError: neither of both, columns that are unknown or missing, or wrong values.
    """
    try:
        values = strict.json_values(text) if text.lstrip().startswith("{") else _spelt_out(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "--row",
            expected="JSON, or words such as modality=us ga_weeks=23",
            found=str(error),
            do=_DO_OPTION,
        ) from error
    require_columns("--row", values, model, do=_DO_OPTION)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        place, parts = problems(error, "--row")[0]
        raise InputError(place, **{**parts, "do": _DO_OPTION}) from error


def require_columns(
    where: str, columns: Collection[str], model: type[BaseModel], *, do: str = DO
) -> None:
    """Refuse columns that are unknown or missing.

    Args:
        where: how to name them in a message.
        columns: those that are there.
        model: its fields are the columns.
        do: what the user can do about it.

    Raises:
        InputError: one is unknown or missing.
    """
    fields = model.model_fields
    unknown = sorted(set(columns) - set(fields))
    required = {name for name, field in fields.items() if field.is_required()}
    if unknown or required - set(columns):
        raise InputError(
            where,
            expected=f"columns {', '.join(fields)}",
            found=f"unknown {unknown}, missing {sorted(required - set(columns))}",
            do=do,
        )


def _spelt_out(text: str) -> dict[str, Any]:
    """Read words with a column and its value each."""
    pairs = [word.partition("=") for word in shlex.split(text)]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(f"{name!r} without = and a value")
    return strict.once([(name, value) for name, _, value in pairs])
