"""position.csv of `score` in, a table of the planes out, a column a run that predicts positions."""

from dataclasses import replace

from ssus2mri.evaluate.score import COUNTS, STATISTICS
from ssus2mri.render.gather import Results, read_table
from ssus2mri.render.tables import Measure, score_cell
from ssus2mri.render.views import Cell, Column, Row, View, data_uri, run_columns, which_best

# Axial and coronal slices have no other side: the measures are one there.
_ROWS = (
    ("axial", Measure("index_right", "Axial", 2, more_is_better=True)),
    ("coronal", Measure("index_right", "Coronal", 2, more_is_better=True)),
    ("sagittal", Measure("index_right", "Sagittal", 2, more_is_better=True)),
    (
        "sagittal",
        Measure("index_right_either_side", "Sagittal, either side", 2, more_is_better=True),
    ),
    ("all", Measure("index_right", "All", 2, more_is_better=True)),
)


def position_tables(results: Results) -> list[View]:
    """Lay the accuracy of the slice index out by plane.

    Args:
        results: what the folder holds.

    Returns:
        One table; none where no run predicts the position of slices.

    Raises:
        InputError: position.csv is missing or lacks a column.
    """
    path = results.root / "score" / "position.csv"
    measures = dict.fromkeys(measure.column for _, measure in _ROWS)
    numbers = [*COUNTS, *(f"{name}_{part}" for name in measures for part in STATISTICS)]
    scores = {
        (row["run"], row["plane"]): {name: float(row[name] or "nan") for name in numbers}
        for row in read_table(path, "run", "plane", *numbers).to_dict("records")
    }
    runs = [run for run in results.runs if (run.name, "all") in scores]
    if not runs:
        return []
    unknown = dict.fromkeys(numbers, float("nan"))  # a scan may lack a plane
    rows = []
    for plane, measure in _ROWS:
        found = [scores.get((run.name, plane), unknown) for run in runs]
        means = [one[f"{measure.column}_mean"] for one in found]
        best = which_best(runs, means, more_is_better=measure.more_is_better)
        pairs = zip(found, best, strict=True)
        cells = [score_cell(measure, one, best=flag) for one, flag in pairs]
        rows.append(Row([Cell(measure.heading), *cells]))
    counts = [scores[run.name, "all"] for run in runs]
    cells = [Cell(f"{one['n_slices']:.0f} ({one['n_volumes']:.0f})") for one in counts]
    rows.append(Row([Cell("n slices (volumes)"), *cells]))
    view = View(
        [Column("Plane", number=False), *run_columns(runs)],
        rows,
        title="Slice index accuracy by plane",
        reading="A head’s left half looks like its right, so a sagittal slice by itself may lie on"
        " either side; the order of its neighbours tells which. “Either side” also takes the mirror"
        " image of its index for right: a guess is right more often, and an answer between the"
        " sides is still wrong. The paper has no such table.",
    )
    return [replace(view, file=path.name, data=data_uri(path))]
