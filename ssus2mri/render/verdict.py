"""Rows of `compare` in; out, in plain words, whether trained runs beat the untrained ones.

The untrained reference rows (the US itself, the atlas at the same place) know nothing of how this
subject's MR looks, or nothing of the subject. A run that is no nearer to the truth than they are
has not been shown to translate anything, however good its pictures look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ssus2mri.render.gather import SLICE, Run


@dataclass(frozen=True)
class Verdict:
    """One trained run against one untrained one, on the slices that both have.

    ``ssim`` and ``reference_ssim`` are means over the slices; in ``won`` of ``volumes`` volumes the
    run's mean is the higher. ``outcome`` is ``nearer`` (in every volume), ``mixed`` (on average,
    not in every one) or ``not``.
    """

    label: str
    reference: str
    ssim: float
    reference_ssim: float
    won: int
    volumes: int
    slices: int
    outcome: str


def truth_kind(runs: Sequence[Run]) -> str:
    """Say what runs are compared with: ``truth``, else ``pair``, else nothing (empty)."""
    kinds = {str(kind) for run in runs for kind in run.compare["kind"].dropna()}
    return "truth" if "truth" in kinds else "pair" if "pair" in kinds else ""


def per_slice(run: Run, kind: str) -> pd.Series:
    """SSIM of a run's slices with the truth, or with the pair after registration as the paper has.

    Args:
        run: the run.
        kind: ``truth`` or ``pair``.

    Returns:
        Mean over the references of a slice, indexed by `SLICE`; slices without a number left out.
    """
    rows = run.compare[run.compare["kind"] == kind]
    column = "ssim_registered" if kind == "pair" else "ssim"
    values: pd.Series = rows.groupby(SLICE)[column].mean().dropna()
    return values


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
            if run.trained and not reference.trained:
                verdict = _verdict(run, reference, kind)
                found += [verdict] if verdict else []
    return found


def _verdict(run: Run, reference: Run, kind: str) -> Verdict | None:
    both = pd.concat([per_slice(run, kind), per_slice(reference, kind)], axis=1, join="inner")
    if both.empty:
        return None
    both.columns = ["run", "reference"]
    means = both.groupby(level="volume").mean()
    won = int((means["run"] > means["reference"]).sum())
    ahead = both["run"].mean() > both["reference"].mean()
    return Verdict(
        label=run.label,
        reference=reference.label,
        ssim=float(both["run"].mean()),
        reference_ssim=float(both["reference"].mean()),
        won=won,
        volumes=len(means),
        slices=len(both),
        outcome="not" if not ahead else "nearer" if won == len(means) else "mixed",
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
        return "No run was trained: this report shows the reference rows only."
    if not truth_kind(runs):
        return (
            "No true or paired MR is known for the test scans, so this report cannot say how near "
            "any run is to the truth."
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
    parts = []
    if yes:
        parts.append(
            f"{_joined(yes)} {_is(yes)} nearer to the {aim} than every reference row that learned "
            "nothing, in every test volume."
        )
    if mixed:
        parts.append(
            f"{_joined(mixed)} {_is(mixed)} nearer on average, but not in every test volume."
        )
    if no:
        parts.append(f"{_joined(no)} {_is(no)} not nearer than the best of them.")
    if not yes and not mixed:
        parts = [f"No trained run is nearer to the {aim} than the best row that learned nothing."]
    return " ".join(parts)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
