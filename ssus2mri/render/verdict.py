"""The verdict in plain words: whether trained runs beat the reference rows.

The reference rows learned nothing: the US itself knows nothing about the MR, the atlas at the same
place nothing about the subject. A run that is no nearer to the truth than they are has not been
shown to translate anything, however good its pictures look. Upper bounds, which learned from the
truth, are left out. As in the tables, only subjects without a pathology count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ssus2mri.render.gather import SLICE, Run
from ssus2mri.render.table import Cell, Column, Row, Table, number

_WORDS = {"nearer": "▲ nearer", "mixed": "● mixed", "not": "▼ not nearer"}


@dataclass(frozen=True)
class Verdict:
    """A trained run compared with a reference row, on the slices that both have.

    ``ssim`` and ``psnr`` are means over the slices, the latter NaN for pairs, which are registered
    first; in ``won`` of ``volumes`` volumes the run's mean SSIM is higher. ``outcome`` is
    ``nearer`` (in every volume, and by PSNR too), ``mixed`` (by SSIM, but not all of that) or
    ``not``.
    """

    label: str
    reference: str
    ssim: float
    reference_ssim: float
    psnr: float
    reference_psnr: float
    won: int
    volumes: int
    slices: int
    outcome: str


def truth_kind(runs: Sequence[Run]) -> str:
    """Return what runs are compared with: ``truth``, else ``pair``, else nothing (empty)."""
    kinds = {kind for run in runs for kind in run.without_pathology["kind"]}
    return "truth" if "truth" in kinds else "pair" if "pair" in kinds else ""


def per_slice(run: Run, kind: str) -> pd.DataFrame:
    """Return the likeness of a run's slices to the truth, or to the pair after registration.

    Returns:
        ``ssim`` and ``psnr``, means over the references of a slice, indexed by `SLICE`; slices
        without an SSIM are left out.
    """
    rows = run.without_pathology[run.without_pathology["kind"] == kind]
    if kind == "pair":
        rows = rows.assign(ssim=rows["ssim_registered"], psnr=math.nan)
    return rows.groupby(SLICE)[["ssim", "psnr"]].mean().dropna(subset=["ssim"])


def verdicts(runs: Sequence[Run]) -> list[Verdict]:
    """Compare every trained run with every reference row.

    Returns:
        A verdict for every pair of runs with slices in common.
    """
    kind = truth_kind(runs)
    pairs = [
        (run, reference)
        for run in runs
        for reference in runs
        if run.trained and reference.role == "reference"
    ]
    compared = [_verdict(run, reference, kind) for run, reference in pairs]
    return [verdict for verdict in compared if verdict]


def _verdict(run: Run, reference: Run, kind: str) -> Verdict | None:
    both = per_slice(run, kind).join(
        per_slice(reference, kind).add_suffix("_reference"), how="inner"
    )
    if both.empty:
        return None
    mean = {str(name): float(value) for name, value in both.mean().items()}
    volumes = both.groupby(level="volume").mean()
    won = int((volumes["ssim"] > volumes["ssim_reference"]).sum())
    behind = mean["psnr"] <= mean["psnr_reference"]  # False where unknown
    sure = won == len(volumes) and not behind
    ahead = mean["ssim"] > mean["ssim_reference"]
    return Verdict(
        label=run.label,
        reference=reference.label,
        ssim=mean["ssim"],
        reference_ssim=mean["ssim_reference"],
        psnr=mean["psnr"],
        reference_psnr=mean["psnr_reference"],
        won=won,
        volumes=len(volumes),
        slices=len(both),
        outcome="not" if not ahead else "nearer" if sure else "mixed",
    )


def headline(runs: Sequence[Run], compared: Sequence[Verdict]) -> str:
    """Summarise the verdicts in one or two sentences."""
    trained = [run.label for run in runs if run.trained]
    if not trained:
        shown = "the reference rows"
        if any(run.role == "upper_bound" for run in runs):
            shown = "reference rows and the upper bound"
        return f"No run was trained without pairs: this report shows only {shown}."
    if not truth_kind(runs):
        return (
            "No true or paired MR is known for the test scans, so this report cannot say how "
            "close any run comes to the truth."
            if all(run.compare.empty for run in runs)
            else "No healthy test subject has a true or paired MR, so this report cannot say how "
            "close any run comes to the truth, except for subjects with pathology."
        )
    if not compared:
        return (
            "No reference row has slices in common with a trained run, so this report cannot say "
            "whether training gained anything."
        )
    aim = "true MR" if truth_kind(runs) == "truth" else "MR of the same subject"
    outcomes = {
        label: {verdict.outcome for verdict in compared if verdict.label == label}
        for label in trained
    }
    yes = [label for label in trained if outcomes[label] == {"nearer"}]
    mixed = [label for label in trained if "mixed" in outcomes[label] <= {"nearer", "mixed"}]
    no = [label for label in trained if "not" in outcomes[label]]
    pathology = any(len(run.without_pathology) < len(run.compare) for run in runs)
    volume = "healthy test volume" if pathology else "test volume"
    parts = []
    if yes:
        parts.append(
            f"{_joined(yes)} {_is(yes)} nearer to the {aim} than every reference row that learned "
            f"nothing, {_where(max(verdict.volumes for verdict in compared), volume)}."
        )
    if mixed:
        parts.append(
            f"{_joined(mixed)} {_is(mixed)} nearer to the {aim} on average, but not in every test "
            "volume or not by every measure."
        )
    if no:
        parts.append(f"{_joined(no)} {_is(no)} not nearer than the best of them.")
    if not yes and not mixed:
        parts = [f"No trained run is nearer to the {aim} than the best reference row."]
    return " ".join(parts)


def verdict_table(compared: Sequence[Verdict], kind: str) -> Table:
    """Lay out the verdicts.

    Args:
        compared: of all trained runs.
        kind: ``truth`` or ``pair``; only the truth has a PSNR.

    Returns:
        The table, a row per verdict.
    """
    truth = kind == "truth"
    numbers = ["SSIM", "reference", *(["PSNR, dB", "reference"] if truth else [])]
    heads = [*numbers, "volumes won", "slices"]
    columns = [Column(text, number=False) for text in ("Run", "against", "nearer?")]
    rows = []
    for verdict in compared:
        psnr = [number(verdict.psnr, 1), number(verdict.reference_psnr, 1)] if truth else []
        texts = [
            *(verdict.reference, _WORDS[verdict.outcome]),
            *(number(verdict.ssim, 3), number(verdict.reference_ssim, 3), *psnr),
            *(f"{verdict.won} of {verdict.volumes}", str(verdict.slices)),
        ]
        rows.append(Row([Cell(verdict.label), *map(Cell, texts)]))
    return Table([*columns, *map(Column, heads)], rows)


def best_outcome(compared: Sequence[Verdict]) -> str:
    """Return the outcome of the best trained run; a run counts by its hardest reference.

    Returns:
        ``nearer``, ``mixed`` or ``not``; ``unknown`` without a verdict.
    """
    order = ("nearer", "mixed", "not")
    labels = {verdict.label for verdict in compared}
    worst = [max(order.index(v.outcome) for v in compared if v.label == label) for label in labels]
    return order[min(worst)] if worst else "unknown"


def _where(volumes: int, name: str) -> str:
    if volumes == 1:
        return f"in the only {name}, which proves little"
    return f"in each of {volumes} {name}s"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
