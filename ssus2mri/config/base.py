"""What every section shares, and how settings reach a stage."""

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ssus2mri.errors import InputError


class Section(BaseModel):
    """A section of the configuration: every key required, no other key allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


Interval = Annotated[tuple[float, float], AfterValidator(_not_reversed)]
"""Least and most, of any sign, of what is drawn uniformly between them."""

SectionT = TypeVar("SectionT", bound=Section)


def parse(section: type[SectionT], values: Any, where: str) -> SectionT:
    """Check values against a section.

    Args:
        section: the model.
        values: what the configuration holds.
        where: how to name it in a message.

    Returns:
        The section.

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

    Args:
        error: what pydantic found.
        where: name of the section.

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

    Returns:
        The section.

    Raises:
        InputError: neither JSON nor a file, or wrong values.
    """
    if text.lstrip().startswith("{"):
        try:
            return parse(section, json.loads(text), name)
        except json.JSONDecodeError as error:
            raise InputError(
                "--settings",
                expected="JSON of the section or a YAML file",
                found=str(error),
                do="Give the path of config/config.yaml instead.",
            ) from error
    values = load_yaml(Path(text))
    return parse(section, values.get(name), name)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: YAML.

    Returns:
        Its top-level keys.

    Raises:
        InputError: missing, not YAML, or not a mapping.
    """
    expected, do = "a YAML file of keys and values", "config/config.yaml is an example."
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            str(path),
            expected=expected,
            found=error.strerror or str(error),
            do=f"Correct the path, or work in the folder that it starts from, not in {Path.cwd()}.",
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
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

    Returns:
        A new configuration.
    """
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
