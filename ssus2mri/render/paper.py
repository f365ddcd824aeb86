"""The paper's results beyond deformation and likeness: opinions, patterns, and its own values."""

from dataclasses import replace

from ssus2mri.config.evaluate import OPINION
from ssus2mri.evaluate.paper_tables import REAL
from ssus2mri.render.gather import Results
from ssus2mri.render.score_tables import (
    COUNTED,
    Measure,
    beside,
    line_of,
    score_table,
    slices_and_volumes,
)
from ssus2mri.render.table import Table

_NO_SQUARE = "no data: no square was stamped"
_PATTERN = Measure("psnr_db", "PSNR", 2, unit="dB", missing=_NO_SQUARE)


def opinions(results: Results) -> Table:
    """Lay out the opinions of Table II: a row for every group, rated or not."""
    groups = [key[0].removeprefix(OPINION) for key in results.paper if key[0].startswith(OPINION)]
    rated = [kind for stage, kind, _, _ in results.summary if stage == "rate"]
    measures = {
        group: Measure("mos", f"MOS of {group}", 2, missing="no ratings yet")
        for group in dict.fromkeys([*groups, *rated])
    }
    lines = [
        beside(results, line_of(results, "rate", group, measure), f"{OPINION}{group}")
        for group, measure in measures.items()
    ]
    real = [
        f"{line.measure.name}, of real MR: {line.measure.text(line.scores[REAL].mean)}."
        for line in lines
        if REAL in line.scores
    ]
    table = score_table(
        results.runs,
        lines,
        {},
        title="Table II: opinions",
        reading="Mean opinion score of observers, 1 (bad) to 5 (excellent), who rated images on the"
        " page results/rate/study.html.",
        file="table2.csv",
    )
    return replace(table, notes=[*table.notes, *real])


def patterns(results: Results) -> Table:
    """Lay out Table III."""
    kinds = {"single": "single square", "multiple": "multiple squares"}
    measures = {kind: replace(_PATTERN, name=f"PSNR, {name}") for kind, name in kinds.items()}
    single, multiple = (
        line_of(results, "probe", kind, measure) for kind, measure in measures.items()
    )
    capped = {
        f"Slices at the cap, {name}": {
            run: f"{score.mean * score.n_slices:.0f}"
            for run, score in results.summary.get(("probe", kind, "all", "capped"), {}).items()
            if score.n_slices
        }
        for kind, name in kinds.items()
    }
    return score_table(
        results.runs,
        [single, beside(results, multiple)],
        {COUNTED: slices_and_volumes(multiple.scores), **capped},
        title="Table III: patterns",
        reading="Whether squares stamped into ultrasound are found again in synthetic MR. A pattern"
        " that is recovered exactly has the PSNR of the cap, so the mean mostly tells how many are;"
        " the paper’s 99.37 dB lies at such a cap too.",
        file="table3.csv",
    )
