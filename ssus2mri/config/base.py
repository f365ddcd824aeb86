"""What every section shares, and how settings reach a stage."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ssus2mri.config import bounds, strict
from ssus2mri.errors import InputError


class Section(BaseModel):
    """A section of the configuration: every key required, no other key allowed.

    Numbers are finite and within `bounds`, and `true` is none.
    """

    # Deferred: a command needs few of the sections beside its own.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        numeric = {
            field.alias or name
            for name, field in cls.model_fields.items()
            if _kinds(field.annotation) & {int, float} and bool not in _kinds(field.annotation)
        }
        return {name: _spelt(value) if name in numeric else value for name, value in values.items()}

    @field_validator("*")
    @classmethod
    def _within_bounds(cls, value: Any, info: ValidationInfo) -> Any:
        bounds.require_within(info.field_name or "", value)
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    inner = get_args(annotation)
    return set().union(*(_kinds(part) for part in inner)) if inner else {annotation}


def _spelt(value: Any) -> Any:
    """Return true and false as words, since pydantic would take them for the numbers 1 and 0."""
    if isinstance(value, list | tuple):
        return [_spelt(part) for part in value]
    if isinstance(value, dict):
        return {name: _spelt(part) for name, part in value.items()}
    return str(value).lower() if isinstance(value, bool) else value


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def file_name(value: str) -> str:
    """Return a name if it is safe in a path and in a command line.

    Raises:
        ValueError: any other.
    """
    if not _NAME.fullmatch(value) or ".." in value:
        raise ValueError(
            "a name of at most 100 letters, digits, '.', '_' and '-', which begins with a letter"
            " or digit, without '..'"
        )
    return value


FORMULAS = ("=", "+", "-", "@")
"""First letters of what a spreadsheet executes."""


def no_formula(value: str) -> str:
    """Give back a text that a spreadsheet does not execute: tables carry it.

    Args:
        value: such as the name of a person.

    Returns:
        The same.

    Raises:
        ValueError: it begins as a formula does.
    """
    if value.startswith(FORMULAS):
        raise ValueError("a name that does not begin with =, +, - or @, as formulas do")
    return value


FileName = Annotated[str, AfterValidator(file_name)]
"""Name that becomes part of a path."""


def _ordered(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 < values[0] <= values[1]:
        raise ValueError("two positive numbers, the smaller first")
    return values


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""Least and most of what is drawn uniformly between them."""


def _not_reversed(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] > values[1]:
        raise ValueError("two numbers, the smaller first")
    return values


def _rising(values: list[float]) -> list[float]:
    if not values[0] < values[1]:
        raise ValueError("two numbers, the smaller first")
    return values


def _not_negative(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= values[0] <= values[1]:
        raise ValueError("two numbers of at least 0, the smaller first")
    return values


def _shares(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= values[0] <= values[1] <= 1:
        raise ValueError("two shares from 0 to 1, the smaller first")
    return values


Interval = Annotated[tuple[float, float], AfterValidator(_not_reversed)]
"""Least and most, of any sign, of what is drawn uniformly between them."""
Amounts = Annotated[tuple[float, float], AfterValidator(_not_negative)]
"""The same of what cannot be below 0."""
Shares = Annotated[tuple[float, float], AfterValidator(_shares)]
"""The same of what is a share, 0 to 1."""
_Two = (Field(min_length=2, max_length=2), AfterValidator(_rising))
Fractions = Annotated[
    list[Annotated[float, Field(ge=0, le=1)]], *_Two, Field(description="first and last, 0 to 1")
]
Percentiles = Annotated[list[Annotated[float, Field(ge=0, le=100)]], *_Two]
"""Low and high, 0 to 100."""


def require_not_above(section: BaseModel, lower: str, upper: str) -> None:
    """Refuse two settings that are swapped.

    Raises:
        ValueError: they are swapped.
    """
    if getattr(section, lower) > getattr(section, upper):
        raise ValueError(f"`{lower}` not above `{upper}`")


SectionT = TypeVar("SectionT", bound=Section)


def parse(section: type[SectionT], values: Any, where: str) -> SectionT:
    """Check values against a section.

    Raises:
        InputError: the first of `problems`.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        place, parts = problems(error, where)[0]
        raise InputError(place, **parts) from error


def problems(error: ValidationError, where: str) -> list[tuple[str, dict[str, str]]]:
    """Turn a validation error into the parts of our messages.

    Returns:
        For each problem its place, and ``expected``, ``found``, ``do``.
    """
    return [_problem(dict(detail), where) for detail in error.errors()]


def _problem(detail: dict[str, Any], where: str) -> tuple[str, dict[str, str]]:
    keys = [str(key) for key in detail["loc"]]
    place = ".".join([where, *keys] if where else keys) or "configuration"
    if detail["type"] == "extra_forbidden":
        return place, {
            "expected": "a key that config/config.yaml has",
            "found": f"unknown key {keys[-1]!r}",
            "do": "Correct its spelling, or delete it.",
        }
    if detail["type"] == "missing":
        return place, {
            "expected": "a value",
            "found": "no such key",
            "do": "Copy it from config/config.yaml.",
        }
    return place, {
        "expected": detail["msg"].removeprefix("Value error, ").removeprefix("Input should be "),
        "found": json.dumps(detail["input"], default=str)[:80],
        "do": "config/config.yaml says what the key means.",
    }


def load_section(section: type[SectionT], text: str, name: str) -> SectionT:
    """Read a stage's settings from a command line.

    Args:
        section: the model.
        text: JSON of the section, or the path of a whole configuration file (YAML).
        name: the section's key in such a file.

    Raises:
        InputError: neither JSON nor a file, or wrong values.
    """
    if text.lstrip().startswith("{"):
        try:
            values = strict.json_values(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                "--settings",
                expected="JSON of the section or a YAML file",
                found=str(error),
                do="Give the path of config/config.yaml instead.",
            ) from error
        return parse(section, values, name)
    values = load_yaml(Path(text))
    return parse(section, values.get(name), name)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Returns:
        Its top-level keys.

    Raises:
        InputError: missing, not YAML, or not a mapping.
    """
    from ssus2mri.config import strict_yaml  # a rule passes JSON

    expected, do = "a YAML file of keys and values", "config/config.yaml is an example."
    try:
        with path.open(encoding="utf-8") as file:
            values = strict_yaml.yaml_values(file.read(strict_yaml.MOST_LETTERS + 1))
    except OSError as error:
        raise InputError(
            str(path),
            expected=expected,
            found=error.strerror or str(error),
            do=f"Correct the path, or work in the folder that it starts from, not in {Path.cwd()}.",
        ) from error
    except (ValueError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise InputError(str(path), expected=expected, found=found, do=do) from error
    if not isinstance(values, dict):
        raise InputError(str(path), expected=expected, found=type(values).__name__, do=do)
    return values


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another, key by key at every depth, as Snakemake does.

    Args:
        base: the complete configuration.
        changes: only what differs.
    """
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
