"""way.csv of `score` in, a table a pair of atlas and ceiling out, a column a trained run."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from ssus2mri.evaluate.gap_closed import COLUMNS, MEASURES
from ssus2mri.render.gather import Results, read_table
from ssus2mri.render.views import Cell, Column, Row, View, data_uri, number, run_columns

_NAMES = {"ssim": "SSIM", "psnr": "PSNR"}
_SHARE = ("share", "ci_low", "ci_high")


def way_tables(results: Results) -> list[View]:
    """Show how much of the way from the atlas to the ceiling every trained run covers.

    Args:
        results: what the folder holds.

    Returns:
        A table for every atlas and ceiling; none without one of the two, a trained run or a truth.

    Raises:
        InputError: way.csv is missing or lacks a column.
    """
    path = results.root / "score" / "way.csv"
    found = read_table(path, *COLUMNS).groupby(["floor", "ceiling"], sort=False)
    return [
        replace(
            _table(results, str(floor), str(ceiling), scores.to_dict("records")),
            file=path.name,
            data=data_uri(path),
        )
        for (floor, ceiling), scores in found
    ]


def _table(
    results: Results, floor: str, ceiling: str, scores: Sequence[Mapping[Hashable, str]]
) -> View:
    labels = {run.name: run.label for run in results.runs}
    start, end = labels.get(floor, floor), labels.get(ceiling, ceiling)
    runs = [run for run in results.runs if run.name in {row["run"] for row in scores}]
    of = {(row["run"], row["measure"]): row for row in scores}
    rows = [
        Row(
            [Cell(f"Share by {_NAMES[name]} ↑"), *(_cell(of.get((run.name, name))) for run in runs)]
        )
        for name in MEASURES
    ]
    counts = {row["run"]: f"{row['n_slices']} ({row['n_volumes']})" for row in scores}
    return View(
        [Column("Settings", number=False), *run_columns(runs)],
        [*rows, Row([Cell("n slices (volumes)"), *(Cell(counts[run.name]) for run in runs)])],
        title=f"How much of what can be gained: from {start} to {end}",
        reading=f"Likeness to the true MR on a scale from {start}, 0 %, which learned nothing, to"
        f" {end}, 100 %, which learned from the true MR of simulated scans. At 0 % or below a run"
        " is no nearer than the MR of other subjects is; the paper has no such table.",
    )


def _cell(row: Mapping[Hashable, str] | None) -> Cell:
    if row is None or not row["share"]:
        return Cell("–")
    share, low, high = (f"{number(100 * float(row[name] or 'nan'), 0)} %" for name in _SHARE)
    return Cell(share, f"{low} to {high}" if row["ci_low"] else "")
