"""The table engine: scores laid out as the paper does, a row per measure and a column per run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ssus2mri.render.gather import Results, Run
from ssus2mri.render.scores import Score
from ssus2mri.render.table import Cell, Column, Row, Table, number, run_columns

COUNTED = "n slices (volumes)"
_PAPER, _NOT_STATED = "the paper, on its own scans", "not in the paper"
_REFERENCE_WINS = (
    "{name}: the best value belongs to a reference row that learned nothing (italic), so this"
    " measure alone does not show that anatomy was translated."
)


@dataclass(frozen=True)
class Measure:
    """How a measure is shown: its column in the tables of `score`, name, decimals and direction.

    ``missing`` says in a cell why there is no number.
    """

    column: str
    name: str
    decimals: int
    more_is_better: bool = True
    unit: str = ""
    percent: bool = False
    missing: str = "no data: no slice measured"

    @property
    def heading(self) -> str:
        """Name with the paper's arrow."""
        return f"{self.name} {'↑' if self.more_is_better else '↓'}{self.unit and f' ({self.unit})'}"

    def text(self, value: float) -> str:
        """Format a value of the measure; a dash where it is unknown."""
        if self.percent:
            return f"{number(100 * value, self.decimals)} %"
        return number(value, self.decimals)


class Line(NamedTuple):
    """A row of a table: a measure and run -> score; ``minor`` replaces the interval below it.

    ``paper`` is what the paper reports, run -> text: a row of its own below.
    """

    measure: Measure
    scores: Mapping[str, Score]
    minor: Mapping[str, str] | None = None
    paper: Mapping[str, str] | None = None


def score_table(
    runs: Sequence[Run],
    lines: Sequence[Line],
    counts: Mapping[str, Mapping[str, str]],
    *,
    title: str,
    reading: str = "",
    corner: str = "Settings",
    file: str,
) -> Table:
    """Lay scores out, the best of each row marked.

    Args:
        runs: the columns.
        lines: the rows.
        counts: further rows: heading -> run -> text.
        title: heading of the table.
        reading: how to read it.
        corner: head of the first column.
        file: the CSV that the scores are in.

    Returns:
        The table, with a note where a reference row is the best of the first row.
    """
    best = [_best(runs, line) for line in lines]
    rows = []
    for line, winners in zip(lines, best, strict=True):
        cells = [_cell(line, run.name, best=run.name in winners) for run in runs]
        rows.append(Row([Cell(line.measure.heading), *cells]))
        if line.paper is not None:
            rows.append(_texts(f"{line.measure.heading}, {_PAPER}", line.paper, runs, _NOT_STATED))
    rows += [_texts(heading, texts, runs, "no data") for heading, texts in counts.items()]
    wins = any(run.role == "reference" and run.name in best[0] for run in runs)
    return Table(
        [Column(corner, number=False), *run_columns(runs)],
        rows,
        title=title,
        reading=reading,
        notes=[_REFERENCE_WINS.format(name=lines[0].measure.name)] if wins else [],
        file=file,
    )


def _texts(heading: str, texts: Mapping[str, str], runs: Sequence[Run], missing: str) -> Row:
    return Row([Cell(heading), *(Cell(texts.get(run.name, missing)) for run in runs)])


def line_of(results: Results, stage: str, kind: str, measure: Measure, plane: str = "all") -> Line:
    """Return the line of a measure: its scores among the summary."""
    return Line(measure, results.summary.get((stage, kind, plane, measure.column), {}))


def beside(results: Results, line: Line, column: str = "") -> Line:
    """Return a line with the paper's values below it, if it reports any of the runs.

    Args:
        results: what the folder holds.
        line: a measure of ours.
        column: the paper's measure; empty: of the same name.
    """
    measure = line.measure
    stated = results.paper.get((column or measure.column,), {})
    texts = {
        run.name: measure.text(score.mean)
        + ("" if math.isnan(score.std) else f" ± {measure.text(score.std)}")
        for run in results.runs
        if (score := stated.get(run.name))
    }
    return line._replace(paper=texts) if texts else line


def measured(line: Line) -> bool:
    """Return whether any run has a score of the line."""
    return any(score.n_slices for score in line.scores.values())


def slices_and_volumes(scores: Mapping[str, Score]) -> dict[str, str]:
    """Return how many slices, and in brackets volumes, the scores are of: run -> text."""
    return {run: f"{score.n_slices:.0f} ({score.n_volumes:.0f})" for run, score in scores.items()}


def _best(runs: Sequence[Run], line: Line) -> set[str]:
    """Return the runs with the best mean; an upper bound is not a competitor."""
    means = {
        run.name: line.scores[run.name].mean
        for run in runs
        if run.role != "upper_bound" and run.name in line.scores
    }
    values = [mean for mean in means.values() if not math.isnan(mean)]
    best = (max if line.measure.more_is_better else min)(values, default=math.nan)
    return {run for run, mean in means.items() if mean == best}


def _cell(line: Line, run: str, *, best: bool) -> Cell:
    """Format mean and standard deviation, and below them the interval."""
    measure, score = line.measure, line.scores.get(run, Score())
    if math.isnan(score.mean):
        return Cell(measure.missing)
    spread = "" if math.isnan(score.std) else f" ± {measure.text(score.std)}"
    interval = ""
    if not math.isnan(score.low):
        interval = f"{measure.text(score.low)} to {measure.text(score.high)}"
    minor = interval if line.minor is None else line.minor.get(run, "")
    return Cell(f"{measure.text(score.mean)}{spread}", minor, best)
