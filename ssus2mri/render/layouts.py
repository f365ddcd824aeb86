"""The score tables of the page: which measures they show of which slices, and how to read them.

Source: TMI 2020, Tables II to V; the other tables have no counterpart there.
"""

from ssus2mri.evaluate.anatomy import HEALTHY
from ssus2mri.render.anatomy import anatomy, confirmed, with_pathology
from ssus2mri.render.gather import Results
from ssus2mri.render.paper import opinions, patterns
from ssus2mri.render.score_tables import (
    COUNTED,
    Line,
    Measure,
    beside,
    line_of,
    measured,
    score_table,
    slices_and_volumes,
)
from ssus2mri.render.scores import Score
from ssus2mri.render.table import Cell, Column, Row, Table, plain, run_columns

_NO_TRAINING_MR = "no data: no training MR near enough"
_DEFORMATION = Measure(
    "deformation", "Deformation", 2, more_is_better=False, missing=_NO_TRAINING_MR
)
_SIMILARITY = Measure("similarity_after", "Similarity reached", 2, missing=_NO_TRAINING_MR)
_PAIR_SSIM = Measure(
    "ssim_registered", "SSIM", 4, missing="no data: no MR of the same test subject"
)
_SSIM = Measure("ssim", "SSIM", 3)
_PSNR = Measure("psnr", "PSNR", 1, unit="dB")
_MAE = Measure("mae", "Mean absolute error", 3, more_is_better=False)
_NO_POSITION = "no data: predicts no position"
_INDEX = Measure("index_right", "Slice index accuracy", 2, missing=_NO_POSITION)
_ERROR_MM = Measure(
    "index_error_mm",
    "Error of the slice index",
    1,
    more_is_better=False,
    unit="mm",
    missing=_NO_POSITION,
)
# Axial and coronal slices have no other side: both measures of the accuracy are equal there.
_BY_PLANE = (
    ("axial", Measure("index_right", "Axial", 2)),
    ("coronal", Measure("index_right", "Coronal", 2)),
    ("sagittal", Measure("index_right", "Sagittal", 2)),
    ("sagittal", Measure("index_right_either_side", "Sagittal, either side", 2)),
    ("all", Measure("index_right", "All", 2)),
)
_GAP = (
    Measure("ssim", "Share by SSIM", 0, percent=True),
    Measure("psnr", "Share by PSNR", 0, percent=True),
)
_LIKENESS = {measure.column: measure for measure in (_SSIM, _PSNR, _MAE)}


def score_tables(results: Results) -> list[Table]:
    """Lay out the scores of subjects without a pathology.

    Returns:
        The measure that needs no truth; of every pair of bounds the share of the gap that runs
        close; tissues and sizes where they are known; Tables II to V; likeness to the true MR where
        it is known, and the accuracy by plane where some run predicts the position of slices.
    """
    return [
        *confirmed(results),
        *_gap_closed(results),
        *anatomy(results),
        _deformation(results),
        opinions(results),
        patterns(results),
        _paired(results),
        *_likeness(results),
        *_positions(results),
    ]


def _deformation(results: Results) -> Table:
    deformation, similarity = (
        line_of(results, "register", "", measure) for measure in (_DEFORMATION, _SIMILARITY)
    )
    return score_table(
        results.runs,
        [beside(results, deformation), similarity],
        {COUNTED: slices_and_volumes(deformation.scores)},
        title="Table II: deformation",
        reading="How far synthetic MR must be deformed to coincide with real MR of the same place;"
        " a low deformation means little where the similarity it reaches is low too.",
        file="table2.csv",
    )


def _paired(results: Results) -> Table:
    return _of_kind(
        results,
        "pair",
        (_PAIR_SSIM,),
        title="Table IV: likeness to MR of the same subject",
        reading="How similar synthetic MR and real MR of the same subject are after registration;"
        " an SSIM of 1 is identical.",
    )


def _likeness(results: Results) -> list[Table]:
    table = _of_kind(
        results,
        "truth",
        (_SSIM, _PSNR, _MAE),
        title="Likeness to the true MR (simulated scans)",
        reading="How similar synthetic MR and the exact MR of the same anatomy at the same place"
        " are, within the head, without any registration; the paper has no such table.",
    )
    return [table] if measured(line_of(results, "compare", "truth", _SSIM)) else []


def _of_kind(
    results: Results, kind: str, measures: tuple[Measure, ...], *, title: str, reading: str
) -> Table:
    lines = [beside(results, line_of(results, "compare", kind, measure)) for measure in measures]
    counts = {COUNTED: slices_and_volumes(lines[0].scores)}
    return score_table(results.runs, lines, counts, title=title, reading=reading, file="table4.csv")


def _positions(results: Results) -> list[Table]:
    index = line_of(results, "compare", "position", _INDEX)
    deformation = line_of(results, "register", "", _DEFORMATION)
    error = line_of(results, "compare", "position", _ERROR_MM)
    positions = {run: f"{score.n_slices:.0f}" for run, score in index.scores.items()}
    by_plane = [
        line_of(results, "compare", "position", measure, plane) for plane, measure in _BY_PLANE
    ]
    auxiliary = [
        score_table(
            results.runs,
            [beside(results, deformation), beside(results, index), error],
            {"n predicted positions": positions},
            title="Table V: 3D auxiliaries",
            reading="Whether a run knows where in the head a slice lies: the share of slices for"
            " which it predicts the right plane and an index near enough (setting"
            " compare.position_tolerance).",
            file="table5.csv",
        )
    ]
    if not measured(index):
        return auxiliary
    return [
        *auxiliary,
        score_table(
            [run for run in results.runs if index.scores.get(run.name, Score()).n_slices],
            by_plane,
            {COUNTED: slices_and_volumes(index.scores)},
            title="Slice index accuracy by plane",
            reading="The left half of a head looks like the right, so a sagittal slice on its own"
            " may lie on either side; the order of its neighbours tells which. “Either side” also"
            " counts the mirror image of its index as right: a guess is right more often, and an"
            " answer between the sides is still wrong. The paper has no such table.",
            corner="Plane",
            file="position.csv",
        ),
    ]


def _gap_closed(results: Results) -> list[Table]:
    tables = []
    labels = {run.name: run.label for run in results.runs}
    for lower, upper in dict.fromkeys(key[:2] for key in results.gap_closed):
        lines = [Line(m, results.gap_closed.get((lower, upper, m.column), {})) for m in _GAP]
        start, end = labels.get(lower, lower), labels.get(upper, upper)
        tables.append(
            score_table(
                [run for run in results.runs if any(run.name in line.scores for line in lines)],
                lines,
                {COUNTED: slices_and_volumes({**lines[0].scores, **lines[1].scores})},
                title=f"Gap closed between {start} and {end}",
                reading=f"Likeness to the true MR on a scale from {start}, 0 %, which learned"
                f" nothing, to {end}, 100 %, which learned from the true MR of simulated scans. At"
                " 0 % or below a run is no nearer than the MR of other subjects; the paper has no"
                " such table.",
                file="gap_closed.csv",
            )
        )
    return tables


def pathology_tables(results: Results) -> list[Table]:
    """Lay out the likeness to the truth of subjects with a pathology, beside that of the others.

    Returns:
        A table per pathology, a column per run; none where no such subject has a true MR.
    """
    pathologies = dict.fromkeys(name for name, _ in results.pathology if name != HEALTHY)
    return [_pathology(results, name) for name in pathologies]


def _pathology(results: Results, pathology: str) -> Table:
    lines = []
    for column in [measure for name, measure in results.pathology if name == pathology]:
        tissue = column.removeprefix("mae_").replace("_", " ")
        measure = Measure(column, f"Error in {tissue}", 3, more_is_better=False)
        measure = _LIKENESS.get(column, measure)
        healthy = results.pathology.get((HEALTHY, column), {})
        minor = {run: f"healthy: {measure.text(score.mean)}" for run, score in healthy.items()}
        lines.append(Line(measure, results.pathology[pathology, column], minor))
    lines += with_pathology(results, pathology)
    counts = slices_and_volumes(results.pathology.get((pathology, "ssim"), {}))
    title = pathology.replace("_", " ")
    return score_table(results.runs, lines, {COUNTED: counts}, title=title, file="pathology.csv")


def summary_tables(results: Results) -> list[Table]:
    """Lay out all measures of all runs over all planes.

    Returns:
        A table per stage and kind of reference, a row per measure and a column per run.
    """
    rows: dict[str, list[Row]] = {}
    for (stage, kind, plane, measure), scores in results.summary.items():
        if plane == "all" and any(score.n_slices for score in scores.values()):
            cells = [Cell(measure), *(_summary_cell(scores.get(r.name)) for r in results.runs)]
            title = f"{stage}, {kind}" if kind else stage
            rows.setdefault(title, []).append(Row(cells))
    return [
        Table(
            [Column("Measure", number=False), *run_columns(results.runs)],
            content,
            title=title,
            file="summary.csv",
        )
        for title, content in rows.items()
    ]


def _summary_cell(score: Score | None) -> Cell:
    if score is None or not score.n_slices:
        return Cell("–")
    return Cell(plain(score.mean), f"n = {score.n_slices:.0f}")
