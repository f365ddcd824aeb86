"""Rows of slices in, the paper's tables out: a row a run, in the order given.

``table2.csv`` (Table II, deformation): ``run, label, role, n_slices, n_volumes``, then mean, std
and interval of ``deformation`` and of ``similarity_after``, without which a low one says little.

``table4.csv`` (Table IV): for every run a row of kind ``pair`` and one of kind ``truth``, columns
``run, label, role, kind, n_slices, n_volumes``, then mean, std and interval of ``ssim_registered``
(the paper's), ``ssim``, ``psnr`` and ``mae``, the last three before any registration.

``table5.csv`` (Table V, 3D auxiliaries): as table2, then ``n_positions``, the slices whose position
the run predicts, and mean, std and interval of ``index_right`` (the paper's accuracy),
``plane_right``, ``index_error`` and ``index_error_mm``.

``position.csv`` (not in the paper): by plane, a row a plane and one of ``all`` for every run that
predicts positions. Columns ``run, label, role, plane, n_slices, n_volumes``, then mean, std and
interval of those four and of ``index_right_either_side`` (see `ssus2mri.evaluate.position`).

``way.csv`` (not in the paper): how much of the way from the atlas to the ceiling a run covers; see
`ssus2mri.evaluate.gap_closed`.

``summary.csv``: everything, a number of every stage a row, over all planes and by plane.

All of these are of subjects without a pathology: the paper has no others, and registered to healthy
training MR an ill subject that was healed deforms the least.

``pathology.csv`` (not in the paper): likeness to the truth of healthy (``none``) and of ill
subjects. A row a run, pathology and measure, columns ``run, label, role, pathology, measure``, then
as in the summary; measures are ``ssim``, ``psnr``, ``mae`` and that in each tissue that occurs.

``role`` is that of the run's method (`ssus2mri.roles`): a ceiling is no rival. The
standard deviation is that of the slices, as the paper's. An unknown number is empty.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import gap_closed, tables
from ssus2mri.evaluate.bootstrap import interval
from ssus2mri.roles import ROLES
from ssus2mri.slices import PLANES

KINDS = ("pair", "truth")
DEFORMATION = ("deformation", "similarity_after")
LIKENESS = ("ssim_registered", "ssim", "psnr", "mae")
HEALTHY = "none"
POSITION = ("index_right", "plane_right", "index_error", "index_error_mm")
BY_PLANE = ("index_right", "index_right_either_side", *POSITION[1:])
STATISTICS = ("mean", "std", "ci_low", "ci_high")
COUNTS = ("n_slices", "n_volumes")

HEAD = ("run", "label", "role")

Numbers = dict[str, float | None]
Heads = dict[str, dict[str, str]]  # run -> what its rows begin with


def summarise(rows: pd.DataFrame, measure: str, settings: ScoreSettings) -> Numbers:
    """Sum up one measure.

    Args:
        rows: a row a slice, with ``volume``; unknown numbers are left out.
        measure: a column.
        settings: section ``score``.

    Returns:
        ``n_slices``, ``n_volumes``, ``mean``, ``std`` (of slices, n - 1), ``ci_low``, ``ci_high``.
    """
    known = rows[rows[measure].notna()]
    values = known[measure].to_numpy(dtype=np.float64)
    bounds = interval(values, known["volume"].to_numpy(dtype=str), settings=settings)
    return {
        "n_slices": len(values),
        "n_volumes": known["volume"].nunique(),
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
        register: CSVs of `register`, one a run.
        compare: CSVs of `compare`, one a run.
        labels: JSON, run -> its name in tables, in their order.
        methods: JSON, run -> its method.
        out: folder for ``table2.csv``, ``table4.csv``, ``table5.csv``, ``position.csv``,
            ``way.csv``, ``summary.csv`` and ``pathology.csv``.
        settings: section ``score``.

    Raises:
        InputError: a CSV is missing or of another kind, or holds a run that ``labels`` lacks, or
            a run has no known method.
    """
    names = _object("--labels", labels, '{"ours": "Ours"}')
    of_runs = _object("--methods", methods, '{"ours": "synthesis"}')
    heads = _heads(names, of_runs)
    deformation = tables.read(register, tables.REGISTER)
    likeness = tables.read(compare, tables.COMPARE)
    for frame, paths in ((deformation, register), (likeness, compare)):
        _require_known(frame, list(heads), paths)
    pathology = _pathology(likeness, heads, settings)
    deformation, likeness = (_of(frame, pathology="") for frame in (deformation, likeness))
    table2 = [
        {**head, **_wide(_of(deformation, run=run), DEFORMATION, settings)}
        for run, head in heads.items()
    ]
    table4 = [
        {
            **head,
            "kind": kind,
            **_wide(_of(likeness, run=run, kind=kind), LIKENESS, settings),
        }
        for run, head in heads.items()
        for kind in KINDS
    ]
    table5 = [_auxiliary(row, likeness, settings) for row in table2]
    positions = _positions(likeness, heads, settings)
    summary = _summary(deformation, likeness, list(heads), settings)
    ways = gap_closed.ways(_of(likeness, kind="truth"), names, of_runs, settings)
    tables.write(table2, (*HEAD, *_wide_columns(DEFORMATION)), out / "table2.csv")
    tables.write(table4, (*HEAD, "kind", *_wide_columns(LIKENESS)), out / "table4.csv")
    columns5 = (*HEAD, *_wide_columns(DEFORMATION), "n_positions", *_columns(POSITION))
    tables.write(table5, columns5, out / "table5.csv")
    by_plane = (*HEAD, "plane", *_wide_columns(BY_PLANE))
    tables.write(positions, by_plane, out / "position.csv")
    tables.write(ways, gap_closed.COLUMNS, out / "way.csv")
    columns = ("run", "stage", "measure", "kind", "plane", *COUNTS, *STATISTICS)
    tables.write(summary, columns, out / "summary.csv")
    ill = (*HEAD, "pathology", "measure", *COUNTS, *STATISTICS)
    tables.write(pathology, ill, out / "pathology.csv")


def _pathology(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Sum up likeness to the truth by what subjects have, the healthy first."""
    truth = _of(likeness, kind="truth")
    tissues = [name for name in truth.columns if name.startswith("mae_")]
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        for group in sorted(truth["pathology"].unique()):
            own = _of(truth, run=run, pathology=group)
            for measure in ("ssim", "psnr", "mae", *tissues):
                if own[measure].notna().any():
                    key = {**head, "pathology": group or HEALTHY}
                    rows.append({**key, "measure": measure, **summarise(own, measure, settings)})
    return rows


def _auxiliary(
    row: Mapping[str, object], likeness: pd.DataFrame, settings: ScoreSettings
) -> dict[str, object]:
    """Add the position's numbers to a run's row of Table II."""
    rows = _of(likeness, run=str(row["run"]), kind="position")
    return {**row, "n_positions": len(rows), **_statistics(rows, POSITION, settings)}


def _positions(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Sum up predicted positions by plane, of runs that predict any."""
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        own = _of(likeness, run=run, kind="position")
        for plane in (*PLANES, "all"):
            some = own if plane == "all" else _of(own, plane=plane)
            if len(some):
                rows.append({**head, "plane": plane, **_wide(some, BY_PLANE, settings)})
    return rows


def _summary(
    deformation: pd.DataFrame, likeness: pd.DataFrame, runs: Sequence[str], settings: ScoreSettings
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for run in runs:
        for stage, frame in (("register", deformation), ("compare", likeness)):
            for measure in [name for name in frame.columns if name not in tables.TEXT]:
                for kind in _kinds(stage, measure):
                    own = _of(frame, run=run, kind=kind) if kind else _of(frame, run=run)
                    for plane in ("all", *PLANES):
                        some = own if plane == "all" else _of(own, plane=plane)
                        if plane == "all" or len(some):
                            key = {"run": run, "stage": stage, "measure": measure}
                            numbers = summarise(some, measure, settings)
                            rows.append({**key, "kind": kind, "plane": plane, **numbers})
    return rows


def _kinds(stage: str, measure: str) -> Sequence[str]:
    if stage == "register":
        return ("",)
    return ("position",) if measure in tables.POSITION else KINDS


def _wide(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    counts: Numbers = {"n_slices": len(rows), "n_volumes": rows["volume"].nunique()}
    return counts | _statistics(rows, measures, settings)


def _statistics(rows: pd.DataFrame, measures: Sequence[str], settings: ScoreSettings) -> Numbers:
    found: Numbers = {}
    for measure in measures:
        numbers = summarise(rows, measure, settings)
        found |= {f"{measure}_{name}": numbers[name] for name in STATISTICS}
    return found


def _wide_columns(measures: Sequence[str]) -> list[str]:
    return [*COUNTS, *_columns(measures)]


def _columns(measures: Sequence[str]) -> list[str]:
    return [f"{measure}_{name}" for measure in measures for name in STATISTICS]


def _of(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows


def _heads(labels: Mapping[str, str], methods: Mapping[str, str]) -> Heads:
    strange = [run for run in labels if methods.get(run) not in ROLES]
    if strange:
        raise InputError(
            "--methods",
            expected=f"for every run one of {', '.join(ROLES)}",
            found=", ".join(f"{run}: {methods.get(run, 'none')}" for run in strange),
            do="Name every run's method, as in its settings.",
        )
    return {
        run: {"run": run, "label": label, "role": ROLES[methods[run]]}
        for run, label in labels.items()
    }


def _object(option: str, text: str, example: str) -> dict[str, str]:
    """Read a JSON object of text."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        value, found = None, str(error)
    else:
        found = text[:80]
    if not isinstance(value, dict) or not value:
        raise InputError(
            option,
            expected="a JSON object, run -> text",
            found=found,
            do=f"For example {option}='{example}'.",
        )
    return {str(run): str(name) for run, name in value.items()}


def _require_known(rows: pd.DataFrame, names: Sequence[str], paths: Sequence[Path]) -> None:
    strange = sorted(set(rows["run"]) - set(names))
    if strange:
        raise InputError(
            ", ".join(str(path) for path in paths),
            expected=f"rows of the runs {', '.join(names)}",
            found=f"run {', '.join(strange)}",
            do="Name every run in --labels.",
        )
