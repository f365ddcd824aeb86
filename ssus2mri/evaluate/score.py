"""Rows of slices in, the paper's tables out: a row a run, in the order given.

``table2.csv`` (Table II, deformation): ``run, label, n_slices, n_volumes``, then mean, std and
interval of ``deformation`` and of ``similarity_after``, without which a low one says little.

``table4.csv`` (Table IV): for every run a row of kind ``pair`` and one of kind ``truth``, columns
``run, label, kind, n_slices, n_volumes``, then mean, std and interval of ``ssim_registered``
(the paper's), ``ssim``, ``psnr`` and ``mae``, the last three before any registration.

``table5.csv`` (Table V, 3D auxiliaries): as table2, then ``n_positions``, the slices whose position
the run predicts, and mean, std and interval of ``index_right`` (the paper's accuracy),
``plane_right``, ``index_error`` and ``index_error_mm``.

``summary.csv``: everything, a number of every stage a row, over all planes and by plane.

All of these are of subjects without a pathology: the paper has no others, and registered to healthy
training MR an ill subject that was healed deforms the least.

``pathology.csv`` (not in the paper): likeness to the truth of healthy (``none``) and of ill
subjects. A row a run, pathology and measure, columns ``run, label, pathology, measure``, then as in
the summary; measures are ``ssim``, ``psnr``, ``mae`` and the latter in each tissue that occurs.

The standard deviation is that of the slices, as the paper's. An unknown number is empty.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.slices import PLANES

KINDS = ("pair", "truth")
DEFORMATION = ("deformation", "similarity_after")
LIKENESS = ("ssim_registered", "ssim", "psnr", "mae")
HEALTHY = "none"
POSITION = ("index_right", "plane_right", "index_error", "index_error_mm")
STATISTICS = ("mean", "std", "ci_low", "ci_high")
COUNTS = ("n_slices", "n_volumes")

Numbers = dict[str, float | None]


def interval(
    values: NDArray[np.floating], volumes: NDArray[np.str_], *, settings: ScoreSettings
) -> tuple[float, float] | None:
    """Bootstrap the mean by resampling whole volumes with replacement.

    Slices of one volume are not independent: resampling slices would give intervals far too narrow.
    Every call draws the same, so runs scored on the same volumes are resampled alike. With few
    volumes the interval is still too narrow, as every bootstrap's.

    Args:
        values: ``(n,)``, a number a slice.
        volumes: ``(n,)``, the volume of each.
        settings: section ``score``.

    Returns:
        Lower and upper bound, or None with fewer than two volumes.
    """
    names, place = np.unique(volumes, return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(place, weights=values)
    counts = np.bincount(place)
    generator = np.random.default_rng(settings.seed)
    drawn = generator.integers(len(names), size=(settings.bootstrap_samples, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


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
    out: Path,
    settings: ScoreSettings,
) -> None:
    """Derive all tables.

    Source: TMI 2020, Tables II, IV and V.

    Args:
        register: CSVs of `register`, one a run.
        compare: CSVs of `compare`, one a run.
        labels: JSON, run -> its name in tables, in their order.
        out: folder for ``table2.csv``, ``table4.csv``, ``table5.csv``, ``summary.csv`` and
            ``pathology.csv``.
        settings: section ``score``.

    Raises:
        InputError: a CSV is missing or of another kind, or holds a run that ``labels`` lacks.
    """
    names = _names(labels)
    deformation = tables.read(register, tables.REGISTER)
    likeness = tables.read(compare, tables.COMPARE)
    for frame, paths in ((deformation, register), (likeness, compare)):
        _require_known(frame, names, paths)
    pathology = _pathology(likeness, names, settings)
    deformation, likeness = (_of(frame, pathology="") for frame in (deformation, likeness))
    table2 = [
        {"run": run, "label": label, **_wide(_of(deformation, run=run), DEFORMATION, settings)}
        for run, label in names.items()
    ]
    table4 = [
        {
            "run": run,
            "label": label,
            "kind": kind,
            **_wide(_of(likeness, run=run, kind=kind), LIKENESS, settings),
        }
        for run, label in names.items()
        for kind in KINDS
    ]
    table5 = [_auxiliary(row, likeness, settings) for row in table2]
    summary = _summary(deformation, likeness, list(names), settings)
    tables.write(table2, ("run", "label", *_wide_columns(DEFORMATION)), out / "table2.csv")
    tables.write(table4, ("run", "label", "kind", *_wide_columns(LIKENESS)), out / "table4.csv")
    columns5 = ("run", "label", *_wide_columns(DEFORMATION), "n_positions", *_columns(POSITION))
    tables.write(table5, columns5, out / "table5.csv")
    columns = ("run", "stage", "measure", "kind", "plane", *COUNTS, *STATISTICS)
    tables.write(summary, columns, out / "summary.csv")
    ill = ("run", "label", "pathology", "measure", *COUNTS, *STATISTICS)
    tables.write(pathology, ill, out / "pathology.csv")


def _pathology(
    likeness: pd.DataFrame, names: Mapping[str, str], settings: ScoreSettings
) -> list[dict[str, object]]:
    """Sum up likeness to the truth by what subjects have, the healthy first."""
    truth = _of(likeness, kind="truth")
    tissues = [name for name in truth.columns if name.startswith("mae_")]
    rows: list[dict[str, object]] = []
    for run, label in names.items():
        for group in sorted(truth["pathology"].unique()):
            own = _of(truth, run=run, pathology=group)
            for measure in ("ssim", "psnr", "mae", *tissues):
                if own[measure].notna().any():
                    key = {"run": run, "label": label, "pathology": group or HEALTHY}
                    rows.append({**key, "measure": measure, **summarise(own, measure, settings)})
    return rows


def _auxiliary(
    row: Mapping[str, object], likeness: pd.DataFrame, settings: ScoreSettings
) -> dict[str, object]:
    """Add the position's numbers to a run's row of Table II."""
    rows = _of(likeness, run=str(row["run"]), kind="position")
    return {**row, "n_positions": len(rows), **_statistics(rows, POSITION, settings)}


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


def _names(labels: str) -> dict[str, str]:
    try:
        names = json.loads(labels)
    except json.JSONDecodeError as error:
        names, found = None, str(error)
    else:
        found = labels[:80]
    if not isinstance(names, dict) or not names:
        raise InputError(
            "--labels",
            expected="a JSON object, run -> name in tables",
            found=found,
            do='For example --labels=\'{"ours": "Ours"}\'.',
        )
    return {str(run): str(label) for run, label in names.items()}


def _require_known(rows: pd.DataFrame, names: dict[str, str], paths: Sequence[Path]) -> None:
    strange = sorted(set(rows["run"]) - set(names))
    if strange:
        raise InputError(
            ", ".join(str(path) for path in paths),
            expected=f"rows of the runs {', '.join(names)}",
            found=f"run {', '.join(strange)}",
            do="Name every run in --labels.",
        )
