"""Rows of `compare` in; out, in plain words, whether trained runs beat the untrained ones.

The untrained reference rows (the US itself, the atlas at the same place) know nothing of how this
subject's MR looks, or nothing of the subject. A run that is no nearer to the truth than they are
has not been shown to translate anything, however good its pictures look. A ceiling, which learned
from the truth, is left out. As in the tables, only healthy subjects count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ssus2mri.render.gather import SLICE, Run


@dataclass(frozen=True)
class Verdict:
    """One trained run against one untrained one, on the slices that both have.

    ``ssim`` and ``psnr`` are means over the slices, the latter NaN for pairs, which are registered
    first; in ``won`` of ``volumes`` volumes the run's mean SSIM is the higher. ``outcome`` is
    ``nearer`` (in every volume, and by PSNR too), ``mixed`` (by SSIM, not all of that) or ``not``.
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
    """Say what runs are compared with: ``truth``, else ``pair``, else nothing (empty)."""
    kinds = {kind for run in runs for kind in run.healthy["kind"]}
    return "truth" if "truth" in kinds else "pair" if "pair" in kinds else ""


def per_slice(run: Run, kind: str) -> pd.DataFrame:
    """Likeness of a run's slices to the truth, or to the pair after registration as the paper has.

    Args:
        run: the run.
        kind: ``truth`` or ``pair``.

    Returns:
        ``ssim`` and ``psnr``, means over the references of a slice, indexed by `SLICE`; slices
        without an SSIM are left out.
    """
    rows = run.healthy[run.healthy["kind"] == kind]
    if kind == "pair":
        rows = rows.assign(ssim=rows["ssim_registered"], psnr=math.nan)
    return rows.groupby(SLICE)[["ssim", "psnr"]].mean().dropna(subset=["ssim"])


def verdicts(runs: Sequence[Run]) -> list[Verdict]:
    """Compare every trained run with every untrained one.

    Args:
        runs: all runs, in the order of the tables.

    Returns:
        A verdict for every pair of runs with slices in common.
    """
    kind = truth_kind(runs)
    found = []
    for run in runs:
        for reference in runs:
            if run.role == "trained" and reference.role == "reference":
                verdict = _verdict(run, reference, kind)
                found += [verdict] if verdict else []
    return found


def _verdict(run: Run, reference: Run, kind: str) -> Verdict | None:
    both = per_slice(run, kind).join(
        per_slice(reference, kind).add_suffix("_reference"), how="inner"
    )
    if both.empty:
        return None
    mean = {str(name): float(value) for name, value in both.mean().items()}
    volumes = both.groupby(level="volume").mean()
    won = int((volumes["ssim"] > volumes["ssim_reference"]).sum())
    behind = mean["psnr"] <= mean["psnr_reference"]  # not so when unknown
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


def headline(runs: Sequence[Run], found: Sequence[Verdict]) -> str:
    """Sum the verdicts up in one or two sentences.

    Args:
        runs: all runs.
        found: their verdicts.

    Returns:
        Plain text.
    """
    trained = [run.label for run in runs if run.trained]
    if not trained:
        shown = "the reference rows"
        if any(run.role == "ceiling" for run in runs):
            shown = "reference rows and the ceiling"
        return f"No run was trained without pairs: this report shows {shown} only."
    if not truth_kind(runs):
        return (
            "No true or paired MR is known for the test scans, so this report cannot say how near "
            "any run is to the truth."
            if all(run.compare.empty for run in runs)
            else "No healthy test subject has a true or paired MR, so this report says nothing "
            "of how near any run is to the truth but for the ill."
        )
    if not found:
        return (
            "No untrained reference row has slices in common with a trained run, so it is not "
            "shown that training gained anything."
        )
    aim = "true MR" if truth_kind(runs) == "truth" else "MR of the same subject"
    outcomes = {
        label: {verdict.outcome for verdict in found if verdict.label == label} for label in trained
    }
    yes = [label for label in trained if outcomes[label] == {"nearer"}]
    mixed = [label for label in trained if "mixed" in outcomes[label] <= {"nearer", "mixed"}]
    no = [label for label in trained if "not" in outcomes[label]]
    ill = any(len(run.healthy) < len(run.compare) for run in runs)
    volume = "healthy test volume" if ill else "test volume"
    parts = []
    if yes:
        parts.append(
            f"{_joined(yes)} {_is(yes)} nearer to the {aim} than every reference row that learned "
            f"nothing, {_where(max(verdict.volumes for verdict in found), volume)}."
        )
    if mixed:
        parts.append(
            f"{_joined(mixed)} {_is(mixed)} nearer to the {aim} on average, but not in every test "
            "volume or not by every measure."
        )
    if no:
        parts.append(f"{_joined(no)} {_is(no)} not nearer than the best of them.")
    if not yes and not mixed:
        parts = [f"No trained run is nearer to the {aim} than the best row that learned nothing."]
    return " ".join(parts)


def best_outcome(found: Sequence[Verdict]) -> str:
    """Tell how the best trained run does: a run is worth what it is against its hardest reference.

    Args:
        found: verdicts of all trained runs.

    Returns:
        ``nearer``, ``mixed`` or ``not``; ``unknown`` without a verdict.
    """
    order = ("nearer", "mixed", "not")
    labels = {verdict.label for verdict in found}
    worst = [max(order.index(v.outcome) for v in found if v.label == label) for label in labels]
    return order[min(worst)] if worst else "unknown"


def _where(volumes: int, name: str) -> str:
    if volumes == 1:
        return f"in the only {name}, which proves little"
    return f"in each of {volumes} {name}s"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
