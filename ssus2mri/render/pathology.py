"""What `score` says of ill subjects in, a table a pathology out: is it shown or healed away?"""

import math
from dataclasses import replace

from ssus2mri.evaluate.score import COUNTS, HEALTHY, STATISTICS
from ssus2mri.render.gather import Results, read_table
from ssus2mri.render.tables import Measure
from ssus2mri.render.views import Cell, Column, Row, View, data_uri, run_columns, which_best

_WHOLE = {
    "ssim": Measure("ssim", "SSIM", 3, more_is_better=True),
    "psnr": Measure("psnr", "PSNR", 1, more_is_better=True, unit="dB"),
    "mae": Measure("mae", "Mean absolute error", 3, more_is_better=False),
}

Scores = dict[tuple[str, str, str], dict[str, float]]  # pathology, measure, run


def pathology_tables(results: Results) -> list[View]:
    """Lay likeness to the truth of ill subjects out, beside that of the healthy.

    Args:
        results: what the folder holds.

    Returns:
        A table a pathology, a column a run; none where no ill subject has a true MR.

    Raises:
        InputError: pathology.csv is missing or lacks a column.
    """
    path = results.root / "score" / "pathology.csv"
    table = read_table(path, "run", "pathology", "measure", *COUNTS, *STATISTICS)
    scores: Scores = {
        (row["pathology"], row["measure"], row["run"]): {
            name: float(row[name] or "nan") for name in (*COUNTS, *STATISTICS)
        }
        for row in table.to_dict("records")
    }
    groups = dict.fromkeys(group for group, _, _ in scores if group != HEALTHY)
    return [
        replace(_table(results, scores, group), file=path.name, data=data_uri(path))
        for group in groups
    ]


def _table(results: Results, scores: Scores, group: str) -> View:
    runs = results.runs
    measures = dict.fromkeys(measure for own, measure, _ in scores if own == group)
    rows = []
    for name in measures:
        measure = _measure(name)
        found = [scores.get((group, name, run.name)) for run in runs]
        means = [one["mean"] if one else math.nan for one in found]
        best = which_best(runs, means, more_is_better=measure.more_is_better)
        cells = [
            _cell(measure, one, scores.get((HEALTHY, name, run.name)), best=flag)
            for one, run, flag in zip(found, runs, best, strict=True)
        ]
        rows.append(Row([Cell(measure.heading), *cells]))
    counts = [scores.get((group, "ssim", run.name)) for run in runs]
    cells = [
        Cell(f"{one['n_slices']:.0f} ({one['n_volumes']:.0f})" if one else "–") for one in counts
    ]
    rows.append(Row([Cell("n slices (volumes)"), *cells]))
    columns = [Column("Settings", number=False), *run_columns(runs)]
    return View(columns, rows, title=group.replace("_", " "))


def _measure(name: str) -> Measure:
    tissue = name.removeprefix("mae_").replace("_", " ")
    return _WHOLE.get(name, Measure(name, f"Error in {tissue}", 3, more_is_better=False))


def _cell(
    measure: Measure,
    ill: dict[str, float] | None,
    healthy: dict[str, float] | None,
    *,
    best: bool,
) -> Cell:
    """Mean and standard deviation; in small print the mean of healthy subjects."""
    if ill is None:
        return Cell("–")
    spread = "" if math.isnan(ill["std"]) else f" ± {measure.text(ill['std'])}"
    beside = f"healthy: {measure.text(healthy['mean'])}" if healthy else ""
    return Cell(f"{measure.text(ill['mean'])}{spread}", beside, best)
