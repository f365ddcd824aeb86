"""Tables of `score` in, the paper's tables as the page shows them out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssus2mri.errors import InputError
from ssus2mri.evaluate.score import COUNTS, STATISTICS
from ssus2mri.render.gather import Results, Run, read_table
from ssus2mri.render.views import (
    Cell,
    Column,
    Row,
    View,
    data_uri,
    number,
    plain,
    run_columns,
    which_best,
)

_UNTRAINED_WINS = (
    "{name}: the best value belongs to a reference row that learned nothing (slanted), so this"
    " measure alone does not show that anatomy was translated."
)


@dataclass(frozen=True)
class Measure:
    """How a measure is shown: column in the tables, name, digits, whether more is better."""

    column: str
    name: str
    digits: int
    more_is_better: bool
    unit: str = ""

    @property
    def heading(self) -> str:
        """Name with the paper's arrow."""
        return f"{self.name} {'↑' if self.more_is_better else '↓'}{self.unit and f' ({self.unit})'}"

    def text(self, value: float) -> str:
        """Number with the measure's digits; a dash when there is none."""
        return number(value, self.digits)


_DEFORMATION = (
    Measure("deformation", "Deformation", 2, more_is_better=False),
    Measure("similarity_after", "Similarity reached", 2, more_is_better=True),
)
_PAIR = (Measure("ssim_registered", "SSIM", 4, more_is_better=True),)
_TRUTH = (
    Measure("ssim", "SSIM", 3, more_is_better=True),
    Measure("psnr", "PSNR", 1, more_is_better=True, unit="dB"),
    Measure("mae", "Mean absolute error", 3, more_is_better=False),
)
_POSITION = (
    _DEFORMATION[0],
    Measure("index_right", "Slice index accuracy", 2, more_is_better=True),
    Measure("index_error", "Error of the slice index", 1, more_is_better=False, unit="slices"),
    Measure("index_error_mm", "Error of the slice index", 1, more_is_better=False, unit="mm"),
)


def paper_tables(results: Results) -> list[View]:
    """Lay the scores out as the paper does, a column a run.

    Source: TMI 2020, Tables II, IV and V; likeness to the exact truth has no counterpart there.

    Args:
        results: what the folder holds.

    Returns:
        Table II, Table IV for each kind of reference that some scan has, and Table V where some
        run predicts the position of slices.

    Raises:
        InputError: a table of `score` is missing, or lacks a column or a run.
    """
    table2 = results.root / "score" / "table2.csv"
    table4 = results.root / "score" / "table4.csv"
    likeness = _scores(table4, results.runs, (*_PAIR, *_TRUTH), "kind")
    views = [
        _paper_table(
            results.runs,
            _scores(table2, results.runs, _DEFORMATION),
            _DEFORMATION,
            title="Table II: deformation",
            reading="How far synthetic MR must be bent to lie on real MR of the same place; a low"
            " deformation means little where the similarity reached by it is low too.",
        )
    ]
    for kind, measures, title, reading in (
        (
            "pair",
            _PAIR,
            "Table IV: likeness to MR of the same subject",
            "How alike synthetic MR and real MR of the same subject are, after registration; an"
            " SSIM of 1 is identical.",
        ),
        (
            "truth",
            _TRUTH,
            "Likeness to the true MR (simulated scans)",
            "How alike synthetic MR and the exact MR of the same anatomy at the same place are,"
            " within the head, without any registration; the paper has no such table.",
        ),
    ):
        rows = [row for row in likeness if row["kind"] == kind]
        if any(row["n_slices"] > 0 for row in rows):
            view = _paper_table(results.runs, rows, measures, title=title, reading=reading)
            views.append(view)
    files = [table2, *[table4] * (len(views) - 1)]
    table5 = results.root / "score" / "table5.csv"
    auxiliary = _scores(table5, results.runs, _POSITION, counts=(*COUNTS, "n_positions"))
    if any(row["n_positions"] > 0 for row in auxiliary):
        files.append(table5)
        views.append(_auxiliary_table(results.runs, auxiliary))
    return [
        replace(view, file=path.name, data=data_uri(path))
        for view, path in zip(views, files, strict=True)
    ]


def _auxiliary_table(runs: Sequence[Run], scores: Sequence[dict[str, Any]]) -> View:
    view = _paper_table(
        runs,
        scores,
        _POSITION,
        title="Table V: 3D auxiliaries",
        reading="Whether a run knows where in the head a slice lies: the share of slices of which"
        " it names the right plane and an index near enough (setting compare.position_tolerance).",
    )
    counts = {row["run"]: f"{row['n_positions']:.0f}" for row in scores}
    cells = [Cell(counts[run.name]) for run in runs]
    return replace(view, rows=[*view.rows, Row([Cell("n predicted positions"), *cells])])


def summary_table(results: Results) -> View:
    """Give all measures of all runs over all planes, and the file they are in.

    Args:
        results: what the folder holds.

    Returns:
        The table, a row a measure and a column a run.

    Raises:
        InputError: summary.csv is missing or lacks a column.
    """
    path = results.root / "score" / "summary.csv"
    keys = ["stage", "kind", "measure"]
    table = read_table(path, "run", *keys, "plane", "n_slices", "mean")
    table = table[(table["plane"] == "all") & (table["n_slices"].astype(int) > 0)]
    rows = []
    for key, part in table.groupby(keys, sort=False):
        means = dict(zip(part["run"], part["mean"], strict=True))
        counts = dict(zip(part["run"], part["n_slices"], strict=True))
        cells = [
            Cell(
                plain(float(means[run.name])) if means.get(run.name) else "–",
                f"n = {counts[run.name]}" if run.name in counts else "",
            )
            for run in results.runs
        ]
        rows.append(Row([Cell(" · ".join(text for text in map(str, key) if text)), *cells]))
    return View(
        [Column("Measure", number=False), *run_columns(results.runs)],
        rows,
        caption="Means over slices of all planes; the file also has them by plane.",
        file=path.name,
        data=data_uri(path),
    )


def _scores(
    path: Path,
    runs: Sequence[Run],
    measures: Sequence[Measure],
    *keys: str,
    counts: Sequence[str] = COUNTS,
) -> list[dict[str, Any]]:
    """Rows of a table of `score`; numbers as numbers, NaN where unknown."""
    numbers = list(counts)
    numbers += [f"{measure.column}_{name}" for measure in measures for name in STATISTICS]
    table = read_table(path, "run", *keys, *numbers)
    missing = [run.name for run in runs if run.name not in set(table["run"])]
    if missing:
        raise InputError(
            str(path),
            expected="a row for every run",
            found=f"none for {', '.join(missing)}",
            do="Run `score` again.",
        )
    return [
        {str(k): float(text or "nan") if k in numbers else text for k, text in row.items()}
        for row in table.to_dict("records")
    ]


def _paper_table(
    runs: Sequence[Run],
    scores: Sequence[dict[str, Any]],
    measures: Sequence[Measure],
    *,
    title: str,
    reading: str,
) -> View:
    of_run = {row["run"]: row for row in scores}
    rows, notes = [], []
    for place, measure in enumerate(measures):
        means = [of_run[run.name][f"{measure.column}_mean"] for run in runs]
        best = which_best(runs, means, more_is_better=measure.more_is_better)
        pairs = list(zip(runs, best, strict=True))
        cells = [score_cell(measure, of_run[run.name], best=flag) for run, flag in pairs]
        rows.append(Row([Cell(measure.heading), *cells]))
        if place == 0 and any(flag and run.role == "reference" for run, flag in pairs):
            notes.append(_UNTRAINED_WINS.format(name=measure.name))
    counts = [
        f"{of_run[run.name]['n_slices']:.0f} ({of_run[run.name]['n_volumes']:.0f})" for run in runs
    ]
    rows.append(Row([Cell("n slices (volumes)"), *map(Cell, counts)]))
    columns = [Column("Settings", number=False), *run_columns(runs)]
    return View(columns, rows, title=title, reading=reading, notes=notes)


def score_cell(measure: Measure, row: dict[str, Any], *, best: bool) -> Cell:
    """Mean and standard deviation of a row of `score`; in small print the interval."""
    mean, std, low, high = (row[f"{measure.column}_{name}"] for name in STATISTICS)
    if math.isnan(mean):
        return Cell("–")
    spread = "" if math.isnan(std) else f" ± {measure.text(std)}"
    bounds = "" if math.isnan(low) else f"{measure.text(low)} to {measure.text(high)}"
    return Cell(f"{measure.text(mean)}{spread}", bounds, best)
