"""Tables on the page: their parts, how they fit the page, and how values are formatted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ssus2mri.render.gather import Run

MOST_COLUMNS = 6
"""Columns beside the first that a page of 1,200 pixels holds: more are turned into rows."""


@dataclass(frozen=True)
class Cell:
    """Text of a cell, a smaller line under it, whether it is the best of its row, and a link."""

    text: str
    minor: str = ""
    best: bool = False
    link: str = ""


@dataclass(frozen=True)
class Column:
    """Head of a column; ``soft`` ones are shown less prominently."""

    text: str
    number: bool = True
    soft: bool = False


@dataclass(frozen=True)
class Row:
    """Cells of a row, its head first; ``soft`` ones are shown less prominently."""

    cells: list[Cell]
    marked: bool = False
    soft: bool = False


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


def fitted(table: Table) -> list[Table]:
    """Fit a table whose columns are runs to the width of a page.

    Returns:
        The table itself if it is narrow; else its runs as rows, in as many tables as its measures
        need.
    """
    if len(table.columns) - 1 <= MOST_COLUMNS:
        return [table]
    starts = range(0, len(table.rows), MOST_COLUMNS)
    return [
        _turned(replace(table, rows=table.rows[start : start + MOST_COLUMNS])) for start in starts
    ]


def _turned(table: Table) -> Table:
    rows = [
        Row([Cell(column.text), *(row.cells[place] for row in table.rows)], soft=column.soft)
        for place, column in enumerate(table.columns)
    ]
    heads = [Column(row.cells[0].text, number=_short(row.cells[1:])) for row in table.rows]
    return replace(table, columns=[Column("Run", number=False), *heads], rows=rows[1:])


def _short(cells: list[Cell]) -> bool:
    """Whether cells need no more width than numbers, so that they need no line break."""
    return all(len(cell.text) <= 16 or cell.text.startswith("no data") for cell in cells)


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
