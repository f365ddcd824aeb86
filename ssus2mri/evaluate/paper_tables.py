"""Tables II to V in the paper's layout: a row per measure, a column per run, cells of text.

Of every measure there are rows of ours (mean ± standard deviation, interval, how many) and the
paper's value, which is of its own data: no difference to it says which method is better. A cell
without a number says why. The first rows say what the model of each run has seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssus2mri.config.evaluate import ScoreSettings

PAPER_TABLES = ("table2", "table3", "table4", "table5")
REAL = "real"
"""Real MR, where it stands beside runs."""

_NONE, _NO_COUNT, _NOT_STATED = "no data", "0 (0)", "not in the paper"
_OURS, _INTERVAL, _COUNT = "mean ± std", "interval", "n slices (volumes)"
_PAPER = "the paper, other data: mean ± std"
_SEEN, _NO_MODEL = "Subjects that the model has seen", "no model"
_BY_DEFINITION = "no data: real MR deforms to itself by 0"

Key = tuple[str, str, str, str]  # stage, measure, kind, run
Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class Measure:
    """A measure of a table: where it is among the summary, and how it is shown."""

    heading: str
    stage: str
    column: str
    kind: str
    decimals: int
    paper: str
    missing: str


_DEFORMATION = Measure(
    *("Deformation ↓", "register", "deformation", "", 2, "deformation"),
    "no data: no training MR near enough",
)
_MEASURES = {
    "table3": (
        Measure(
            *("PSNR ↑ (dB), single square", "probe", "psnr_db", "single", 2, ""),
            "no data: no square was stamped",
        ),
        Measure(
            *("PSNR ↑ (dB), multiple squares", "probe", "psnr_db", "multiple", 2, "psnr_db"),
            "no data: no square was stamped",
        ),
    ),
    "table4": (
        Measure(
            *("SSIM ↑, registered", "compare", "ssim_registered", "pair", 4, "ssim_registered"),
            "no data: no MR of the same test subject",
        ),
        Measure(
            *("SSIM ↑, with the true MR", "compare", "ssim", "truth", 4, ""),
            "no data: no simulated test scan",
        ),
    ),
    "table5": (
        _DEFORMATION,
        Measure(
            *("Slice index accuracy ↑", "compare", "index_right", "position", 2, "index_right"),
            "no data: this run predicts no position",
        ),
    ),
}


def paper_tables(
    summary: Mapping[Key, Numbers],
    runs: Mapping[str, Mapping[str, str]],
    groups: Sequence[str],
    settings: ScoreSettings,
) -> dict[str, list[dict[str, object]]]:
    """Lay out all tables.

    Source: TMI 2020, Tables II to V; the accuracy is in Sec. IV-F.

    Args:
        summary: statistics over all planes.
        runs: run -> its ``label`` in tables, ``certificate`` and ``n_seen``, in their order.
        groups: groups of observers.
        settings: section ``score``; the paper's values.

    Returns:
        Rows of each table: ``Settings``, ``Value``, a cell per run, and in Table II one of real MR.
    """
    opinions = tuple(
        Measure(f"MOS ↑, {group}", "rate", "mos", group, 2, f"mos_{group}", "no ratings yet")
        for group in groups
    )
    measures = {"table2": (*opinions, _DEFORMATION), **_MEASURES}
    tables: dict[str, list[dict[str, object]]] = {}
    for name in PAPER_TABLES:
        heads = _heads({run: about["label"] for run, about in runs.items()})
        if name == "table2":
            heads[REAL] = "Real"
        rows = [row for m in measures[name] for row in _rows(m, summary, heads, settings)]
        tables[name] = [*_marks(runs, heads), *rows]
    return tables


def _heads(labels: Mapping[str, str]) -> dict[str, str]:
    """Name the columns: by label, and where two runs share one by the run too."""
    counts = Counter(labels.values())
    return {
        run: label if counts[label] == 1 and label != "Real" else f"{label} ({run})"
        for run, label in labels.items()
    }


def _marks(
    runs: Mapping[str, Mapping[str, str]], heads: Mapping[str, str]
) -> list[dict[str, object]]:
    """Say of each run which subjects its model has seen (their hash), and how many test scans."""
    values = {"certificate": "certificate", "test scans among them": "n_seen"}
    return [
        {
            "Settings": _SEEN,
            "Value": value,
            **{
                head: (runs[run][key] or _NONE) if run in runs else _NO_MODEL
                for run, head in heads.items()
            },
        }
        for value, key in values.items()
    ]


def _rows(
    measure: Measure,
    summary: Mapping[Key, Numbers],
    heads: Mapping[str, str],
    settings: ScoreSettings,
) -> list[dict[str, object]]:
    columns = {head: _cells(measure, run, summary, settings) for run, head in heads.items()}
    values = [_OURS, f"{settings.confidence:.0%} {_INTERVAL}", _COUNT]
    if measure.stage == "probe":
        values.append("slices at the cap")
    values.append(_PAPER)
    return [
        {
            "Settings": measure.heading,
            "Value": value,
            **{head: cells[number] for head, cells in columns.items()},
        }
        for number, value in enumerate(values)
    ]


def _cells(
    measure: Measure, run: str, summary: Mapping[Key, Numbers], settings: ScoreSettings
) -> list[str]:
    numbers = summary.get((measure.stage, measure.column, measure.kind, run), {})
    mean, std = numbers.get("mean"), numbers.get("std")
    if mean is None:
        by_definition = run == REAL and measure.stage == "register"
        cells = [_BY_DEFINITION if by_definition else measure.missing, _NONE, _NO_COUNT]
    else:
        low, high = numbers["ci_low"], numbers["ci_high"]
        limits = [_text(bound, measure.decimals) for bound in (low, high) if bound is not None]
        count = f"{numbers['n_slices']:.0f} ({numbers['n_volumes']:.0f})"
        spread = "" if std is None else f" ± {_text(std, measure.decimals)}"
        cells = [
            f"{_text(mean, measure.decimals)}{spread}",
            " to ".join(limits) or "no data: one volume",
            count,
        ]
    if measure.stage == "probe":
        capped = summary.get((measure.stage, "capped", measure.kind, run), {})
        share, n = capped.get("mean"), capped.get("n_slices")
        cells.append(_NONE if share is None or n is None else f"{share * n:.0f}")
    stated = settings.paper.get(run, {}).get(measure.paper, [])
    cells.append(" ± ".join(_text(value, measure.decimals) for value in stated) or _NOT_STATED)
    return cells


def _text(value: float, decimals: int) -> str:
    return f"{value:z.{decimals}f}"
