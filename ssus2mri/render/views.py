"""What a table of the page is made of, and how values become text in it."""

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssus2mri.render.gather import Run


@dataclass(frozen=True)
class Cell:
    """Text of a cell, a smaller line under it, and whether it is the best of its row."""

    text: str
    minor: str = ""
    best: bool = False


@dataclass(frozen=True)
class Column:
    """Head of a column; ``soft`` ones stand back."""

    text: str
    number: bool = True
    soft: bool = False


@dataclass(frozen=True)
class Row:
    """Cells of a row, its head first."""

    cells: list[Cell]
    marked: bool = False


@dataclass(frozen=True)
class View:
    """A table of the page; ``names`` are the rows' keys, ``data`` the CSV as a data URI."""

    columns: list[Column]
    rows: list[Row]
    caption: str = ""
    title: str = ""
    reading: str = ""
    notes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    file: str = ""
    data: str = ""


def run_columns(runs: Iterable[Run]) -> list[Column]:
    """Give heads of a column a run; reference rows stand back."""
    return [Column(run.label, soft=run.role == "reference") for run in runs]


def which_best(runs: Sequence[Run], values: Sequence[float], *, more_is_better: bool) -> list[bool]:
    """Find the best of a row, a number a run; a ceiling is no rival.

    Args:
        runs: the columns.
        values: their numbers, NaN where unknown.
        more_is_better: or less.

    Returns:
        Whether it is the best, of every run.
    """
    rivals = [
        math.nan if run.role == "ceiling" else value
        for run, value in zip(runs, values, strict=True)
    ]
    known = [value for value in rivals if not math.isnan(value)]
    best = (max if more_is_better else min)(known, default=math.nan)
    return [value == best for value in rivals]


def number(value: float, decimals: int) -> str:
    """Give a number with so many decimals, a true minus and no negative zero; NaN as a dash."""
    return "–" if math.isnan(value) else f"{value:z.{decimals}f}".replace("-", "−")


def plain(value: Any) -> str:
    """Turn a value into text: four significant digits, lists cut short."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        texts = [plain(item) for item in value]
        return ", ".join(texts[:8]) + (f", … ({len(texts)})" if len(texts) > 8 else "")
    return str(value)


def data_uri(path: Path) -> str:
    """Give a CSV as a link that works inside the page."""
    return f"data:text/csv;base64,{base64.b64encode(path.read_bytes()).decode()}"
