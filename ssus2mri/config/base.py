"""What every section shares, and how settings reach a stage."""

import json
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ssus2mri.config import bounds, strict
from ssus2mri.errors import InputError

MISSING = "no such key"


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
            "found": MISSING,
            "do": "Copy it from config/config.yaml, or name that file first; others lie over it.",
        }
    if detail["type"] in ("model_type", "dict_type"):
        detail["msg"] = "keys and values"
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
        raise InputError(
            str(path),
            expected=expected,
            found="nothing" if values is None else type(values).__name__,
            do=do,
        )
    return values


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another, key by key at every depth, as Snakemake does."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
