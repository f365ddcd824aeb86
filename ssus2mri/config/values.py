"""Types of values that several sections have: names, and pairs of numbers."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, Field

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

    Raises:
        ValueError: it begins as a formula does.
    """
    if value.startswith(FORMULAS):
        raise ValueError("a name that does not begin with =, +, - or @, as formulas do")
    return value


FileName = Annotated[str, AfterValidator(file_name)]
"""Name that becomes part of a path."""


def once(what: str) -> AfterValidator:
    """Require entries of a list to differ."""

    def check(entries: list[str]) -> list[str]:
        if len(set(entries)) != len(entries):
            raise ValueError(f"every {what} once")
        return entries

    return AfterValidator(check)


def _pair(words: str, least: float = -math.inf, most: float = math.inf) -> AfterValidator:
    """Require two numbers within these bounds, the second not below the first."""

    def check(values: tuple[float, float]) -> tuple[float, float]:
        if not least <= values[0] <= values[1] <= most:
            raise ValueError(f"two {words}, the smaller first")
        return values

    return AfterValidator(check)


def _rising(values: list[float]) -> list[float]:
    if not values[0] < values[1]:
        raise ValueError("two numbers, the smaller first")
    return values


_ABOVE_0 = math.nextafter(0, 1)
Range = Annotated[tuple[float, float], _pair("positive numbers", _ABOVE_0)]
"""Least and most of what is drawn uniformly between them."""
Interval = Annotated[tuple[float, float], _pair("numbers")]
"""The same of any sign."""
Amounts = Annotated[tuple[float, float], _pair("numbers of at least 0", 0.0)]
"""The same of what cannot be below 0."""
Shares = Annotated[tuple[float, float], _pair("shares from 0 to 1", 0.0, 1.0)]
"""The same of what is a share, 0 to 1."""
_Two = (Field(min_length=2, max_length=2), AfterValidator(_rising))
Fractions = Annotated[
    list[Annotated[float, Field(ge=0, le=1)]], *_Two, Field(description="first and last, 0 to 1")
]
Percentiles = Annotated[list[Annotated[float, Field(ge=0, le=100)]], *_Two]
"""Low and high, 0 to 100."""
