"""Stage `score`: derive the paper's tables from the rows of all slices, a row per run.

Rows of runs begin with ``run, label, role, certificate, n_seen``: the role of the run's method
(`ssus2mri.methods`), the hash of the subjects that its model was trained or validated on, and how
many of the scans are of such subjects, which only `synthesize.allow_seen_subjects` lets through.

``table2.csv`` (Table II, deformation): ``n_slices, n_volumes``, then mean, std and interval of
``deformation`` and of ``similarity_after``, without which a low deformation says little.

``table4.csv`` (Table IV): for every run a row of kind ``pair`` and one of kind ``truth``, columns
``kind, n_slices, n_volumes``, then mean, std and interval of ``ssim_registered`` (the paper's),
``ssim``, ``psnr`` and ``mae``, the last three before any registration.

``table5.csv`` (Table V, 3D auxiliaries): as table2, then ``n_positions``, the slices whose position
the run predicts, and mean, std and interval of ``index_right`` (the paper's accuracy),
``plane_right``, ``index_error`` and ``index_error_mm``.

``position.csv`` (not in the paper): for every run that predicts positions a row per plane and one
of ``all``. Columns ``plane, n_slices, n_volumes``, then mean, std and interval of those four and of
``index_right_either_side`` (see `ssus2mri.evaluate.position`).

``gap_closed.csv`` (not in the paper): the share of the gap between lower and upper bound that a run
closes; see `ssus2mri.evaluate.gap_closed`.

``summary.csv``: every measure of every stage, a row per number, over all planes and by plane.

These tables leave out subjects with a pathology: the paper has none, and where a run erases the
pathology its slices deform the least to healthy training MR.

``pathology.csv`` (not in the paper): likeness to the truth of subjects without (``none``) and with
a pathology. A row per run, pathology and measure, columns ``pathology, measure``, then as in the
summary; measures are ``ssim``, ``psnr``, ``mae`` and the latter in each tissue.

The standard deviation is over slices, as in the paper. An unknown number is empty.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import gap_closed, tables
from ssus2mri.evaluate.bootstrap import interval
from ssus2mri.evaluate.options import run_names
from ssus2mri.methods import ROLES
from ssus2mri.slices import PLANES

KINDS = ("pair", "truth")
DEFORMATION = ("deformation", "similarity_after")
LIKENESS = ("ssim_registered", "ssim", "psnr", "mae")
HEALTHY = "none"
POSITION = ("index_right", "plane_right", "index_error", "index_error_mm")
BY_PLANE = ("index_right", "index_right_either_side", *POSITION[1:])
STATISTICS = ("mean", "std", "ci_low", "ci_high")
COUNTS = ("n_slices", "n_volumes")


def _wide_columns(measures: Sequence[str]) -> list[str]:
    return [f"{measure}_{name}" for measure in measures for name in STATISTICS]


_RUN = ("run", "label", "role", "certificate", "n_seen")
TABLES: dict[str, tuple[str, ...]] = {
    "table2": (*_RUN, *COUNTS, *_wide_columns(DEFORMATION)),
    "table4": (*_RUN, "kind", *COUNTS, *_wide_columns(LIKENESS)),
    "table5": (
        *(*_RUN, *COUNTS, *_wide_columns(DEFORMATION)),
        *("n_positions", *_wide_columns(POSITION)),
    ),
    "position": (*_RUN, "plane", *COUNTS, *_wide_columns(BY_PLANE)),
    "gap_closed": gap_closed.COLUMNS,
    "summary": ("run", "stage", "measure", "kind", "plane", *COUNTS, *STATISTICS),
    "pathology": (*_RUN, "pathology", "measure", *COUNTS, *STATISTICS),
}
"""The columns of every table, by its name without ``.csv``."""

Numbers = dict[str, float | None]
Heads = dict[str, dict[str, str]]  # run -> the first columns of its rows


def summarise(rows: pd.DataFrame, measure: str, settings: ScoreSettings) -> Numbers:
    """Summarise a measure.

    Args:
        rows: a row per slice, with ``volume``; unknown numbers are left out.
        measure: a column.
        settings: section ``score``.

    Returns:
        ``n_slices``, ``n_volumes``, ``mean``, ``std`` (of slices, n - 1), ``ci_low``, ``ci_high``.
    """
    measured = rows[rows[measure].notna()]
    values = measured[measure].to_numpy(dtype=np.float64)
    bounds = interval(values, measured["volume"].to_numpy(dtype=str), settings=settings)
    return {
        "n_slices": len(values),
        "n_volumes": measured["volume"].nunique(),
        "mean": float(values.mean()) if len(values) else None,
        "std": float(values.std(ddof=1)) if len(values) > 1 else None,
        "ci_low": bounds[0] if bounds else None,
        "ci_high": bounds[1] if bounds else None,
    }


def run_score(
    *,
    register: Sequence[Path],
    compare: Sequence[Path],
    labels: str,
    methods: str,
    out: Path,
    settings: ScoreSettings,
) -> None:
    """Derive all tables.

    Source: TMI 2020, Tables II, IV and V.

    Args:
        register: CSVs of `register`, one per run.
        compare: CSVs of `compare`, one per run.
        labels: JSON, run -> its name in tables, in their order.
        methods: JSON, run -> its method.
        out: folder for the tables, `TABLES`.
        settings: section ``score``.

    Raises:
        InputError: a CSV is missing or of another kind, or holds a run that ``labels`` lacks, or
            a run has no known method.
    """
    run_labels = run_names("--labels", labels, '{"ours": "Ours"}')
    run_methods = run_names("--methods", methods, '{"ours": "synthesis"}')
    deformation = tables.read(register, tables.REGISTER)
    likeness = tables.read(compare, tables.COMPARE)
    heads = _heads(run_labels, run_methods, [deformation, likeness])
    for frame, paths in ((deformation, register), (likeness, compare)):
        _require_labels(frame, list(heads), paths)
    pathology = _pathology(likeness, heads, settings)
    deformation, likeness = (_where(frame, pathology="") for frame in (deformation, likeness))
    truth = _where(likeness, kind="truth")
    table2 = [
        {**head, **_wide(_where(deformation, run=run), DEFORMATION, settings)}
        for run, head in heads.items()
    ]
    rows: dict[str, Sequence[Mapping[str, object]]] = {
        "table2": table2,
        "table4": [
            {
                **head,
                "kind": kind,
                **_wide(_where(likeness, run=run, kind=kind), LIKENESS, settings),
            }
            for run, head in heads.items()
            for kind in KINDS
        ],
        "table5": [_auxiliary(row, likeness, settings) for row in table2],
        "position": _positions(likeness, heads, settings),
        "gap_closed": gap_closed.gaps_closed(truth, run_labels, run_methods, settings),
        "summary": _summary(deformation, likeness, list(heads), settings),
        "pathology": pathology,
    }
    for name, columns in TABLES.items():
        tables.write(rows[name], columns, out / f"{name}.csv")


def _pathology(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise likeness to the truth by pathology, subjects without one first."""
    truth = _where(likeness, kind="truth")
    tissues = [name for name in truth.columns if name.startswith("mae_")]
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        for pathology in sorted(truth["pathology"].unique()):
            slices = _where(truth, run=run, pathology=pathology)
            for measure in ("ssim", "psnr", "mae", *tissues):
                if slices[measure].notna().any():
                    key = {**head, "pathology": pathology or HEALTHY}
                    numbers = summarise(slices, measure, settings)
                    rows.append({**key, "measure": measure, **numbers})
    return rows


def _auxiliary(
    row: Mapping[str, object], likeness: pd.DataFrame, settings: ScoreSettings
) -> dict[str, object]:
    """Add the position's numbers to a run's row of Table II."""
    slices = _where(likeness, run=str(row["run"]), kind="position")
    return {**row, "n_positions": len(slices), **_statistics(slices, POSITION, settings)}


def _positions(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise predicted positions by plane, of runs that predict any."""
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        positions = _where(likeness, run=run, kind="position")
        for plane, slices in ((plane, _of_plane(positions, plane)) for plane in (*PLANES, "all")):
            if len(slices):
                rows.append({**head, "plane": plane, **_wide(slices, BY_PLANE, settings)})
    return rows


def _summary(
    deformation: pd.DataFrame, likeness: pd.DataFrame, runs: Sequence[str], settings: ScoreSettings
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for run in runs:
        for stage, frame in (("register", deformation), ("compare", likeness)):
            for measure in [name for name in frame.columns if name not in tables.TEXT]:
                for kind in _kinds(stage, measure):
                    key = {"run": run, "stage": stage, "measure": measure, "kind": kind}
                    group = _where(frame, run=run, **({"kind": kind} if kind else {}))
                    for plane in ("all", *PLANES):
                        slices = _of_plane(group, plane)
                        if plane == "all" or len(slices):
                            numbers = summarise(slices, measure, settings)
                            rows.append({**key, "plane": plane, **numbers})
    return rows


def _kinds(stage: str, measure: str) -> Sequence[str]:
    if stage == "register":
        return ("",)
    return ("position",) if measure in tables.POSITION else KINDS


def _wide(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    counts: Numbers = {"n_slices": len(rows), "n_volumes": rows["volume"].nunique()}
    return counts | _statistics(rows, measures, settings)


def _statistics(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    statistics: Numbers = {}
    for measure in measures:
        numbers = summarise(rows, measure, settings)
        statistics |= {f"{measure}_{name}": numbers[name] for name in STATISTICS}
    return statistics


def _of_plane(rows: pd.DataFrame, plane: str) -> pd.DataFrame:
    return rows if plane == "all" else _where(rows, plane=plane)


def _where(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows


def _heads(
    labels: Mapping[str, str], methods: Mapping[str, str], frames: Sequence[pd.DataFrame]
) -> Heads:
    unknown = [run for run in labels if methods.get(run) not in ROLES]
    if unknown:
        raise InputError(
            "--methods",
            expected=f"for every run one of {', '.join(ROLES)}",
            found=", ".join(f"{run}: {methods.get(run, 'none')}" for run in unknown),
            do="Name every run's method, as in its settings.",
        )
    rows = pd.concat([frame[["run", "volume", "certificate", "seen"]] for frame in frames])
    heads: Heads = {}
    for run, label in labels.items():
        own = _where(rows, run=run)
        heads[run] = {
            **{"run": run, "label": label, "role": ROLES[methods[run]]},
            "certificate": " ".join(sorted(set(own["certificate"]))),
            "n_seen": str(_where(own, seen=tables.SEEN)["volume"].nunique()),
        }
    return heads


def _require_labels(rows: pd.DataFrame, runs: Sequence[str], paths: Sequence[Path]) -> None:
    unknown = sorted(set(rows["run"]) - set(runs))
    if unknown:
        raise InputError(
            ", ".join(str(path) for path in paths),
            expected=f"rows of the runs {', '.join(runs)}",
            found=f"run {', '.join(unknown)}",
            do="Name every run in --labels.",
        )
