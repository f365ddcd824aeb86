"""The first screen of the report: its data, the recommended run, and how far to trust it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ssus2mri.evaluate.anatomy import HEALTHY
from ssus2mri.render.anatomy import evidence
from ssus2mri.render.gather import Results, Run
from ssus2mri.render.scores import Score
from ssus2mri.render.table import number
from ssus2mri.render.verdict import Verdict, per_slice, truth_kind
from ssus2mri.slices import Header

FEW = 5
"""Fewer test volumes than this are called few."""


@dataclass(frozen=True)
class Advice:
    """The recommended run, why, and what speaks for and against it; ``reference`` is its rival.

    ``run`` is None where no run was trained, and only the nearest of those that failed where
    ``usable`` is false: a reference row is nearer. ``reference`` is the reference row nearest to
    the truth, None without any.
    """

    run: Run | None
    usable: bool
    reference: Run | None
    reason: str
    trust: list[str]


def facts(results: Results) -> list[tuple[str, str]]:
    """Describe the data and the runs: a name and a text for each fact."""
    roles: list[str] = [run.role for run in results.runs]
    names = (("trained", "trained"), ("reference", "reference"), ("upper_bound", "upper bound"))
    counts = [(roles.count(role), name) for role, name in names]
    us = [header for header in results.headers if header.modality == "us"]
    test = [header for header in us if header.split == "test"]
    training = [header for header in results.headers if header.split == "train"]
    ill = sum(bool(header.pathology) for header in test)
    weeks = [header.ga_weeks for header in test]
    span = f"{min(weeks):g} to {max(weeks):g}" if len(set(weeks)) > 1 else f"{weeks[0]:g}"
    modalities = " and ".join(
        _count(sum(header.modality == modality for header in training), f"{name} scan")
        for modality, name in (("us", "ultrasound"), ("mr", "MR"))
    )
    truth = {"truth": "the true MR of the same place", "pair": "MR of the same person"}
    return [
        ("Runs", f"{len(roles)}: " + ", ".join(f"{n} {name}" for n, name in counts if n)),
        ("Trained on", f"{modalities}, of {_people(training)}"),
        (
            "Tested on",
            f"{_count(len(test), 'ultrasound scan')} of {_people(test)}, {span} weeks"
            + (f", {ill} with a pathology" if ill else ""),
        ),
        (
            "Compared with",
            truth.get(
                truth_kind(results.runs), "training MR of the same place; no true MR is known"
            ),
        ),
    ]


def advise(results: Results, compared: Sequence[Verdict], preferred: str) -> Advice:
    """Choose the run to recommend: nearest to the truth, or ``preferred`` where none is known."""
    kind = truth_kind(results.runs)
    trained = [run for run in results.runs if run.trained]
    reference = _nearest([run for run in results.runs if run.role == "reference"], kind)
    if not trained:
        return Advice(None, False, reference, "No run was trained.", [])
    nearest = _nearest(trained, kind)
    if nearest is None:
        named = [run for run in trained if run.name == preferred]
        reason = (
            "recommended by studies of simulated subjects, not by these scans, whose true MR is "
            "unknown."
            if named
            else "the first run; these scans, whose true MR is unknown, cannot say which is best."
        )
        chosen = (named or trained)[0]
        trust = [*evidence(results, chosen), *_open_questions(results)]
        return Advice(chosen, True, reference, reason, trust)
    aim = "true MR" if kind == "truth" else "MR of the same subject"
    reason = f"of {len(trained)} trained runs" if len(trained) > 1 else "the only trained run"
    reason += f", the nearest to the {aim} on average." if len(trained) > 1 else "."
    trust = [
        *evidence(results, nearest),
        *_against_reference(nearest, compared),
        *_gap(results, nearest),
        *_pathology(results, nearest),
        *_open_questions(results),
    ]
    failed = any(v.outcome == "not" for v in compared if v.label == nearest.label)
    return Advice(nearest, not failed, reference, reason, trust)


def _nearest(runs: Sequence[Run], kind: str) -> Run | None:
    """Return the run with the highest mean SSIM; None where there is no SSIM."""
    means = [float(per_slice(run, kind)["ssim"].mean()) if kind else math.nan for run in runs]
    scored = [(mean, -place) for place, mean in enumerate(means) if not math.isnan(mean)]
    return runs[-max(scored)[1]] if scored else None


def _against_reference(run: Run, compared: Sequence[Verdict]) -> list[str]:
    own = [verdict for verdict in compared if verdict.label == run.label]
    if not own:
        return []
    hardest = max(own, key=lambda verdict: verdict.reference_ssim)
    volumes = f"nearer in {hardest.won} of {_count(hardest.volumes, 'test scan')}"
    few = ", which is few" if hardest.volumes < FEW else ""
    return [
        f"SSIM {number(hardest.ssim, 3)}, against {number(hardest.reference_ssim, 3)} of "
        f"{hardest.reference}, the best reference that learned nothing; {volumes}{few}."
    ]


def _gap(results: Results, run: Run) -> list[str]:
    labels = {other.name: other.label for other in results.runs}
    texts = []
    for (lower, upper, measure), scores in results.gap_closed.items():
        share = scores.get(run.name, Score())
        if measure == "ssim" and not math.isnan(share.mean):
            interval = (
                ""
                if math.isnan(share.low)
                else f" (interval {number(100 * share.low, 0)} to {number(100 * share.high, 0)} %)"
            )
            texts.append(
                f"It covers {number(100 * share.mean, 0)} % of the way from "
                f"{labels.get(lower, lower)} to {labels.get(upper, upper)}{interval}."
            )
    return texts


def _pathology(results: Results, run: Run) -> list[str]:
    """Say in which tissue its error grows most in subjects with a pathology."""
    texts = []
    for pathology in dict.fromkeys(name for name, _ in results.pathology if name != HEALTHY):
        errors = []
        for (name, measure), scores in results.pathology.items():
            if name != pathology or not measure.startswith("mae_"):
                continue
            ill = scores.get(run.name, Score()).mean
            healthy = results.pathology.get((HEALTHY, measure), {}).get(run.name, Score()).mean
            if not math.isnan(ill):
                ratio = math.inf if math.isnan(healthy) else ill / max(healthy, 1e-6)
                errors.append((ratio, ill, healthy, measure))
        if errors:
            _, ill, healthy, measure = max(errors)
            tissue = measure.removeprefix("mae_").replace("_", " ")
            compare = "" if math.isnan(healthy) else f", in healthy subjects {number(healthy, 2)}"
            texts.append(
                f"With {pathology.replace('_', ' ')}, its error in {tissue} is {number(ill, 2)}"
                f"{compare} (0 to 1). What learned from healthy heads may erase a pathology."
            )
    return texts


def _open_questions(results: Results) -> list[str]:
    texts = []
    test = [header for header in results.headers if header.split == "test"]
    uncertain = [header.volume for header in test if header.uncertain]
    if uncertain:
        texts.append(f"{_count(len(uncertain), 'test scan')} of uncertain pose left out.")
    if not truth_kind(results.runs):
        texts.append("No number here says how close any run comes to the true MR.")
    return texts


def _people(headers: Sequence[Header]) -> str:
    people = len({header.subject for header in headers})
    return "1 person" if people == 1 else f"{people} people"


def _count(number_of: int, name: str) -> str:
    return f"{number_of} {name}{'' if number_of == 1 else 's'}"
