"""The parts of a table on the page, and the formatting of values as text."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
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
    """Head of a column; ``soft`` ones are shown less prominently."""

    text: str
    number: bool = True
    soft: bool = False


@dataclass(frozen=True)
class Row:
    """Cells of a row, its head first."""

    cells: list[Cell]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the page; ``names`` are the keys of the rows, ``file`` the CSV to download."""

    columns: list[Column]
    rows: list[Row]
    caption: str = ""
    title: str = ""
    reading: str = ""
    notes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    file: str = ""


def run_columns(runs: Iterable[Run]) -> list[Column]:
    """Return a column head per run; reference rows are less prominent."""
    return [Column(run.label, soft=run.role == "reference") for run in runs]


def number(value: float, decimals: int) -> str:
    """Format a number, with a true minus and no negative zero; NaN as a dash."""
    return "–" if math.isnan(value) else f"{value:z.{decimals}f}".replace("-", "−")


def plain(value: Any) -> str:
    """Format a value as text: four significant digits, lists cut short."""
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
