"""What the paper has beside deformation and likeness: opinions, patterns and its own values."""

import math
from collections.abc import Iterable
from dataclasses import replace

from ssus2mri.config.evaluate import OPINION
from ssus2mri.evaluate.paper_tables import REAL
from ssus2mri.render.gather import Results
from ssus2mri.render.score_tables import (
    COUNTED,
    Line,
    Measure,
    line_of,
    measured,
    score_table,
    slices_and_volumes,
)
from ssus2mri.render.table import Table

_PAPER = "the paper, on its own scans"
_PATTERN = Measure("psnr_db", "PSNR, multiple squares", 2, unit="dB")


def opinions(results: Results) -> tuple[list[Line], dict[str, dict[str, str]]]:
    """Return a line for every group that rated images, and a row of words for one that did not."""
    lines: list[Line] = []
    waiting: dict[str, dict[str, str]] = {}
    groups = [key[0].removeprefix(OPINION) for key in results.paper if key[0].startswith(OPINION)]
    rated = [kind for stage, kind, _, _ in results.summary if stage == "rate"]
    for group in dict.fromkeys([*groups, *rated]):
        line = line_of(
            results, "rate", group, Measure("mos", f"MOS of {group}", 2, missing="no ratings yet")
        )
        if measured(line):
            lines.append(line)
        else:
            words = {run.name: "no ratings yet" for run in results.runs}
            waiting[line.measure.heading] = words
        waiting |= stated(results, Measure(f"{OPINION}{group}", line.measure.name, 2))
    return lines, waiting


def opinions_of_real_mr(lines: Iterable[Line]) -> list[str]:
    """Return a sentence for every group that rated real MR, the end of the scale for runs."""
    return [
        f"{line.measure.name}, of real MR: {line.measure.text(line.scores[REAL].mean)}."
        for line in lines
        if REAL in line.scores
    ]


def stated(results: Results, *measures: Measure) -> dict[str, dict[str, str]]:
    """Return rows of what the paper reports of some measures: heading -> run -> text."""
    rows = {}
    for measure in measures:
        scores = results.paper.get((measure.column,), {})
        texts = {
            run: measure.text(score.mean)
            + ("" if math.isnan(score.std) else f" ± {measure.text(score.std)}")
            for run, score in scores.items()
        }
        if any(run.name in texts for run in results.runs):
            rows[f"{measure.heading}, {_PAPER}"] = texts
    return rows


def patterns(results: Results) -> list[Table]:
    """Lay out Table III, if patterns were stamped."""
    kinds = {"single": "Single square", "multiple": "Multiple squares"}
    measures = {kind: replace(_PATTERN, name=f"PSNR, {name}") for kind, name in kinds.items()}
    lines = [line_of(results, "probe", kind, measure) for kind, measure in measures.items()]
    if not any(map(measured, lines)):
        return []
    capped = {
        f"{name}, slices at the cap": {
            run: f"{score.mean * score.n_slices:.0f}"
            for run, score in results.summary.get(("probe", kind, "all", "capped"), {}).items()
            if score.n_slices
        }
        for kind, name in kinds.items()
    }
    table = score_table(
        results.runs,
        lines,
        {COUNTED: slices_and_volumes(lines[-1].scores), **capped, **stated(results, _PATTERN)},
        title="Table III: patterns",
        reading="Whether squares stamped into ultrasound are found again in synthetic MR. A pattern"
        " that is recovered exactly has the PSNR of the cap, so the mean says mostly how many are;"
        " the paper’s 99.37 dB lies at such a cap too.",
        file="table3.csv",
    )
    return [table]
