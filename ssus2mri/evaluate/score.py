"""Stage `score`: derive the paper's tables, and tables of numbers, from the rows of all slices.

``table2.csv`` to ``table5.csv`` are the paper's, in its layout and with its values beside ours: see
`ssus2mri.evaluate.paper_tables`. All others hold numbers, and more of them.

Rows of runs begin with ``run, label, role, certificate, n_seen``: the role of the run's method
(`ssus2mri.methods`), the hash of the subjects that its model was trained or validated on, and how
many of the scans are of such subjects, which only `synthesize.allow_seen_subjects` lets through.
``summary.csv``, ``gap_closed.csv`` and ``differences.csv`` have the last two as well: the hashes of
all models that a row is about, and the most scans that any of them has seen.

``deformation.csv`` (Table II): ``n_slices, n_volumes``, then mean, std and interval of
``deformation`` and of ``similarity_after``, without which a low deformation says little.

``likeness.csv`` (Table IV): for every run a row of kind ``pair`` and one of kind ``truth``, columns
``kind, n_slices, n_volumes``, then mean, std and interval of ``ssim_registered`` (the paper's),
``ssim``, ``psnr`` and ``mae``, the last three before any registration.

``auxiliary.csv`` (Table V, 3D auxiliaries): as ``deformation.csv``, then ``n_positions``, the
slices whose position the run predicts, and mean, std and interval of ``index_right`` (the paper's
accuracy), ``plane_right``, ``index_error`` and ``index_error_mm``.

``position.csv`` (not in the paper): for every run that predicts positions a row per plane and one
of ``all``. Columns ``plane, n_slices, n_volumes``, then mean, std and interval of those four and of
``index_right_either_side`` (see `ssus2mri.evaluate.position`).

``gap_closed.csv`` (not in the paper): the share of the gap between lower and upper bound that a run
closes; see `ssus2mri.evaluate.gap_closed`.

``anatomy.csv`` (not in the paper): tissues and sizes of the segmented synthesis; see
`ssus2mri.evaluate.anatomy`.

``differences.csv`` (not in the paper): every two runs on the slices that both have; see
`ssus2mri.evaluate.differences`.

``paper.csv``: the paper's own values, of its own scans, as the configuration has them.

``summary.csv``: every measure of every stage, a row per number, over all planes and by plane.

All but ``anatomy.csv`` leave out subjects with a pathology: the paper has none, and where a run
erases the pathology its slices deform the least to healthy training MR.

``pathology.csv`` (not in the paper): likeness to the truth of subjects without (``none``) and with
a pathology. A row per run, pathology and measure, columns ``pathology, measure``, then as in the
summary; measures are ``ssim``, ``psnr``, ``mae`` and the latter in each tissue.

The standard deviation is over slices, as in the paper. An unknown number is empty.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate import anatomy, gap_closed, tables
from ssus2mri.evaluate.anatomy import HEALTHY
from ssus2mri.evaluate.differences import COLUMNS as DIFFERENCES
from ssus2mri.evaluate.differences import compared, differences, of_scans, rated
from ssus2mri.evaluate.heads import MARKS, RUN, Heads, marked, read_heads, require_labels
from ssus2mri.evaluate.paper_tables import paper_tables
from ssus2mri.evaluate.statistics import (
    COUNTS,
    STATISTICS,
    of_plane,
    statistics,
    summarise,
    where,
    wide,
    wide_columns,
)
from ssus2mri.evaluate.summary import KINDS, opinions, over_all_planes, summary
from ssus2mri.slices import PLANES

DEFORMATION = ("deformation", "similarity_after")
LIKENESS = ("ssim_registered", "ssim", "psnr", "mae")
POSITION = ("index_right", "plane_right", "index_error", "index_error_mm")
BY_PLANE = ("index_right", "index_right_either_side", *POSITION[1:])

TABLES: dict[str, tuple[str, ...]] = {
    "deformation": (*RUN, *COUNTS, *wide_columns(DEFORMATION)),
    "likeness": (*RUN, "kind", *COUNTS, *wide_columns(LIKENESS)),
    "auxiliary": (
        *(*RUN, *COUNTS, *wide_columns(DEFORMATION)),
        *("n_positions", *wide_columns(POSITION)),
    ),
    "position": (*RUN, "plane", *COUNTS, *wide_columns(BY_PLANE)),
    "gap_closed": (*gap_closed.COLUMNS, *MARKS),
    "summary": ("run", *MARKS, "stage", "measure", "kind", "plane", *COUNTS, *STATISTICS),
    "pathology": (*RUN, "pathology", "measure", *COUNTS, *STATISTICS),
    "anatomy": (*RUN, *anatomy.COLUMNS),
    "differences": (*DIFFERENCES, *MARKS),
    "paper": ("run", "measure", "mean", "std"),
}
"""The columns of every table of numbers, by its name without ``.csv``."""


def run_score(
    *,
    register: Sequence[Path],
    compare: Sequence[Path],
    probe: Sequence[Path],
    segment: Sequence[Path],
    mos: Path | None,
    ratings: Path | None,
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    out: Path,
    settings: ScoreSettings,
) -> None:
    """Derive all tables.

    Source: TMI 2020, Tables II to V.

    Args:
        register: CSVs of `register`, one per run.
        compare: CSVs of `compare`, one per run.
        probe: CSVs of `probe`, one per run, or none.
        segment: CSVs of `segment`, likewise.
        mos: ``mos.csv`` of the opinion study, if there is one.
        ratings: its ``ratings.csv``.
        labels: run -> its name in tables, in their order; not empty.
        methods: run -> its method.
        out: folder for the tables, `TABLES` and `PAPER_TABLES`.
        settings: section ``score``.

    Raises:
        InputError: a CSV is missing or of another kind, or holds a run that ``labels`` lacks, or
            a run has no known method.
    """
    stages = {
        "register": (register, tables.REGISTER),
        "compare": (compare, tables.COMPARE),
        "probe": (probe, tables.PROBE),
    }
    frames = {
        stage: tables.read(paths, columns, text=(*tables.TEXT, "pattern"))
        for stage, (paths, columns) in stages.items()
    }
    segmented = tables.read(segment, tables.SEGMENT, text=(*tables.TEXT, "measure", "unit"))
    heads = read_heads(labels, methods, [*frames.values(), segmented])
    for stage, frame in frames.items():
        require_labels(frame, list(heads), stages[stage][0])
    require_labels(segmented, list(heads), segment)
    pathology = _pathology(frames["compare"], heads, settings)
    frames = {stage: where(frame, pathology="") for stage, frame in frames.items()}
    likeness, opinion_text = frames["compare"], ("run", "group", "certificate")
    means = tables.read([mos] if mos else [], tables.MOS, text=opinion_text)
    deformation = [
        {**head, **wide(where(frames["register"], run=run), DEFORMATION, settings)}
        for run, head in heads.items()
    ]
    every = [*summary(frames, list(heads), settings), *opinions(means)]
    rows: dict[str, Sequence[Mapping[str, object]]] = {
        "deformation": deformation,
        "likeness": [
            {
                **head,
                "kind": kind,
                **wide(where(likeness, run=run, kind=kind), LIKENESS, settings),
            }
            for run, head in heads.items()
            for kind in KINDS
        ],
        "auxiliary": [_auxiliary(row, likeness, settings) for row in deformation],
        "position": _positions(likeness, heads, settings),
        "gap_closed": marked(
            gap_closed.gaps_closed(where(likeness, kind="truth"), labels, methods, settings),
            heads,
            ("run", "lower_bound", "upper_bound"),
        ),
        "summary": marked(every, heads, ("run",)),
        "pathology": pathology,
        "anatomy": anatomy.anatomy(segmented, heads, settings),
        "differences": marked(
            differences(
                {**compared(frames), **of_scans(where(segmented, pathology="")), **rated(ratings)},
                list(heads),
                settings,
            ),
            heads,
            ("run", "other"),
        ),
        "paper": [
            {"run": run, "measure": measure, **dict(zip(("mean", "std"), numbers, strict=False))}
            for run, stated in settings.paper.items()
            for measure, numbers in stated.items()
        ],
    }
    for name, columns in TABLES.items():
        tables.write(rows[name], columns, out / f"{name}.csv")
    groups = list(dict.fromkeys([*settings.groups_of_the_paper, *means["group"]]))
    laid_out = paper_tables(over_all_planes(every), heads, groups, settings)
    for name, content in laid_out.items():
        tables.write(content, list(content[0]), out / f"{name}.csv")


def _pathology(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise likeness to the truth by pathology, subjects without one first."""
    truth = where(likeness, kind="truth")
    tissues = [name for name in truth.columns if name.startswith("mae_")]
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        for pathology in sorted(truth["pathology"].unique()):
            slices = where(truth, run=run, pathology=pathology)
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
    slices = where(likeness, run=str(row["run"]), kind="position")
    return {**row, "n_positions": len(slices), **statistics(slices, POSITION, settings)}


def _positions(
    likeness: pd.DataFrame, heads: Heads, settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise predicted positions by plane, of runs that predict any."""
    rows: list[dict[str, object]] = []
    for run, head in heads.items():
        positions = where(likeness, run=run, kind="position")
        for plane, slices in ((plane, of_plane(positions, plane)) for plane in (*PLANES, "all")):
            if len(slices):
                rows.append({**head, "plane": plane, **wide(slices, BY_PLANE, settings)})
    return rows
