"""Tables of the segmenter: the measures that need no truth, and tissues and sizes of every run.

The paper has no such tables.
"""

import math
from collections.abc import Mapping

from ssus2mri.evaluate.agreement import AGREEMENT, TISSUES_ATLAS, TISSUES_SCAN
from ssus2mri.evaluate.anatomy import HEALTHY
from ssus2mri.render.gather import Results, Run
from ssus2mri.render.score_tables import Line, Measure, measured, score_table
from ssus2mri.render.scores import Score
from ssus2mri.render.table import Table, number

SCANS = "n scans"
_NO_MR, _SMALL = "no data: no training MR near enough", "no data: all slices too small"
_WITHOUT_TRUTH = (
    Measure(AGREEMENT, "Agreement", 3, missing=_NO_MR),
    Measure(TISSUES_SCAN, "Scan explained by tissues", 3, missing=_SMALL),
    Measure(TISSUES_ATLAS, "Dice with training MR", 2, missing=_NO_MR),
)
_DICE = "no data: no such tissue"
_SIZE = "no data: not found in any scan"
ANATOMY = (
    Measure("dice_mean", "Dice, mean of tissues", 2, missing=_DICE),
    Measure("dice_ventricles", "Dice, ventricles", 2, missing=_DICE),
    *(
        Measure(
            f"error_{size}", f"Error, {name}", 1, more_is_better=False, unit="mm", missing=_SIZE
        )
        for size, name in (
            ("atrium", "width of atria"),
            ("transcerebellar", "width of cerebellum"),
            ("biparietal", "width of brain"),
        )
    ),
)


def confirmed(results: Results) -> list[Table]:
    """Lay out the measures that need no truth; nothing where no scan has them."""
    lines = [_line(results, measure) for measure in _WITHOUT_TRUTH]
    if not any(map(measured, lines)):
        return []
    table = score_table(
        results.runs,
        lines,
        {SCANS: _scans(lines[1].scores)},
        title="Agreement with scan and head: no true MR needed",
        reading="Look here first if no true MR is known. A frozen segmenter finds the tissues of a"
        " synthesis. They must lie where the scan changes: the first measure is the share of the"
        " scan's local contrast that they explain, which a copy of the scan wins by construction."
        " They must also be arranged as in a head: the second is their Dice with training MR of"
        " the same place, which that MR wins by construction. The agreement is the first measure,"
        " lowered where the second is below that of MR of different subjects (setting"
        f" segment.typical_dice).{_of_true_mr(results)}",
        corner="Measure",
        file="anatomy.csv",
    )
    return [table]


def anatomy(results: Results) -> list[Table]:
    """Lay out tissues and sizes against the truth; nothing where no scan has true labels."""
    lines = [_line(results, measure) for measure in ANATOMY]
    if not measured(lines[0]):
        return []
    table = score_table(
        results.runs,
        lines,
        {SCANS: _scans(lines[0].scores)},
        title="Anatomy: tissues and sizes (simulated scans)",
        reading="Tissues that a frozen segmenter finds in the synthesis: their overlap with the"
        " true ones (Dice; 1 is complete), and the absolute error of three sizes measured on them."
        " A size has no error in a scan where the structure is not found in the synthesis: small"
        f" print says in how many. {_segmenter_alone(results)}",
        corner="Measure",
        file="anatomy.csv",
    )
    return [table]


def with_pathology(results: Results, pathology: str) -> list[Line]:
    """Return the lines of subjects with a pathology that some run has a score of."""
    return [
        line._replace(minor=_healthy(results, line.measure))
        for line in (_line(results, measure, pathology) for measure in (*_WITHOUT_TRUTH, *ANATOMY))
        if measured(line)
    ]


def evidence(results: Results, run: Run) -> list[str]:
    """Say in a sentence how a run agrees with the scan, beside references and the true MR."""
    scores = results.anatomy.scores.get((HEALTHY, AGREEMENT), {})
    own = scores.get(run.name, Score()).mean
    if math.isnan(own):
        return []
    beside = [
        f"{number(scores[other.name].mean, 2)} by {other.label}"
        for other in results.runs
        if other.role == "reference" and other.name in scores
    ]
    against = f", against {', '.join(beside)}" if beside else ""
    true_mr = results.anatomy.of_true_mr.get((HEALTHY, AGREEMENT), math.nan)
    best = "" if math.isnan(true_mr) else f"; the true MR reaches {number(true_mr, 2)}"
    return [
        f"Agreement of its tissues with scan and head, which needs no MR of the subject:"
        f" {number(own, 2)}{against}{best}."
    ]


def _line(results: Results, measure: Measure, pathology: str = HEALTHY) -> Line:
    scores = results.anatomy.scores.get((pathology, measure.column), {})
    missing = results.anatomy.missing.get((pathology, measure.column), {})
    lost = {
        run: f"not found in {count:.0f} of {count + scores[run].n_volumes:.0f}"
        for run, count in missing.items()
        if count
    }
    if not lost:
        return Line(measure, scores)
    intervals = {
        run: f"{measure.text(score.low)} to {measure.text(score.high)}"
        for run, score in scores.items()
        if not math.isnan(score.low)
    }
    return Line(measure, scores, intervals | lost)


def _healthy(results: Results, measure: Measure) -> dict[str, str]:
    scores = results.anatomy.scores.get((HEALTHY, measure.column), {})
    return {run: f"healthy: {measure.text(score.mean)}" for run, score in scores.items()}


def _scans(scores: Mapping[str, Score]) -> dict[str, str]:
    return {run: f"{score.n_volumes:.0f}" for run, score in scores.items()}


def _of_true_mr(results: Results) -> str:
    true_mr = results.anatomy.of_true_mr.get((HEALTHY, AGREEMENT), math.nan)
    if math.isnan(true_mr):
        return ""
    return (
        f" The true MR of these scans reaches {number(true_mr, 3)}: speckle and shadows belong to"
        " no tissue."
    )


def _segmenter_alone(results: Results) -> str:
    of_true_mr = [
        (measure, results.anatomy.of_true_mr.get((HEALTHY, measure.column), math.nan))
        for measure in ANATOMY
    ]
    texts = [
        f"{measure.name} {number(value, measure.decimals)}{measure.unit and f' {measure.unit}'}"
        for measure, value in of_true_mr
        if not math.isnan(value)
    ]
    return f"On the true MR the segmenter itself reaches: {'; '.join(texts)}."
