"""Read the results folder once: everything that the report shows; a missing file is named.

Slices and pictures are many: of these only the paths are kept, and what is drawn is read then.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssus2mri.config import strict
from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.pairs import Entry, entry
from ssus2mri.evaluate.paper_tables import PAPER_TABLES
from ssus2mri.evaluate.score import TABLES
from ssus2mri.methods import ROLES, Role
from ssus2mri.render.names import shown_label
from ssus2mri.render.scores import Anatomy, Scores, anatomy_of, scores_of
from ssus2mri.slices import Header, read_header

SLICE = ["volume", "plane", "index"]
_TEXT = (
    *("run", "label", "role", "kind", "plane", "pathology", "stage", "measure"),
    *("lower_bound", "upper_bound", "certificate", "other", "better", "unit"),
)


@dataclass(frozen=True)
class Run:
    """A run: its name on the page, what it says about itself, and its rows.

    The ``label`` of an upper bound says so wherever it is shown, whatever the run is called.
    ``register`` and ``compare`` hold a row per slice and reference, ``segment`` one per scan and
    measure, ``losses`` one per epoch, with the columns that their stages write.
    """

    name: str
    label: str
    info: dict[str, Any]
    losses: pd.DataFrame
    register: pd.DataFrame
    compare: pd.DataFrame
    segment: pd.DataFrame
    synthetic: dict[str, Path]

    @property
    def role(self) -> Role:
        """The role of its method."""
        return ROLES[self.info["settings"]["method"]]

    @property
    def without_pathology(self) -> pd.DataFrame:
        """Rows of ``compare`` of subjects without a pathology."""
        return self.compare[self.compare["pathology"] == ""]

    @property
    def seen(self) -> list[str]:
        """Volumes of subjects that its model was trained or validated on: no test."""
        rows = pd.concat([self.register, self.compare])
        return sorted(set(rows[rows["seen"] == tables.SEEN]["volume"]))

    @property
    def trained(self) -> bool:
        """Whether it is compared with others: neither a reference row nor an upper bound."""
        return self.role == "trained"


@dataclass(frozen=True)
class Results:
    """Everything that the report shows.

    ``us`` are the slice files of the test volumes, ``mr`` the entries of all real MR; ``align`` is
    what `align` says about each volume and ``pictures`` its pictures; ``figures`` are those of
    `illustrate`, none if it has not run; ``downloads`` are the tables of `score` as data URIs, by
    file name. Keys of the scores: ``summary``, (stage, kind, plane, measure); ``pathology``,
    (pathology, measure); ``gap_closed``, (lower bound, upper bound, measure), the mean of which is
    the share; ``paper``, (measure), the paper's own values.
    """

    runs: tuple[Run, ...]
    us: dict[str, Path]
    mr: tuple[Entry, ...]
    headers: tuple[Header, ...]
    align: dict[str, dict[str, Any]]
    pictures: dict[str, Path]
    figures: dict[str, Path]
    downloads: dict[str, str]
    summary: Scores
    pathology: Scores
    anatomy: Anatomy
    gap_closed: Scores
    paper: Scores


def gather(
    root: Path, labels: dict[str, str], volumes: Sequence[str], scans: Sequence[str] = ()
) -> Results:
    """Read the results folder.

    Args:
        root: the folder.
        labels: run -> its name in tables, in their order.
        volumes: test US volumes.
        scans: all volumes; files of other volumes, left by an earlier manifest, are ignored.
            Empty: every file there.

    Returns:
        What the report shows.

    Raises:
        InputError: a file is missing or is not what its stage writes.
    """
    if not volumes:
        raise InputError(
            "--volumes",
            expected="at least one test US volume",
            found="none",
            do="Put a subject with ultrasound into split `test` of the manifest.",
        )
    align = {path.stem: read_json(path) for path in _listed(root / "align", "*.json", scans)}
    headers = {path: read_header(path) for path in _listed(root / "extract", "*.h5", scans)}
    runs = tuple(_run(root, name, label, volumes) for name, label in labels.items())
    score = {f"{name}.csv": root / "score" / f"{name}.csv" for name in (*PAPER_TABLES, *TABLES)}
    score_tables = {
        name: tables.read([score[f"{name}.csv"]], columns, text=_TEXT)
        for name, columns in TABLES.items()
    }
    _require_runs(score_tables["summary"], list(labels), score["summary.csv"])
    return Results(
        runs=runs,
        us=_slice_files(root / "extract", volumes),
        mr=tuple(entry(path) for path, header in headers.items() if header.modality == "mr"),
        headers=tuple(headers.values()),
        align=align,
        pictures={name: root / "align" / f"{name}.png" for name in align},
        figures={path.stem: path for path in sorted((root / "illustrate").glob("figure*.png"))},
        downloads={name: _data_uri(path) for name, path in score.items()},
        summary=scores_of(score_tables["summary"], "stage", "kind", "plane", "measure"),
        pathology=scores_of(score_tables["pathology"], "pathology", "measure"),
        anatomy=anatomy_of(score_tables["anatomy"]),
        gap_closed=scores_of(score_tables["gap_closed"], "lower_bound", "upper_bound", "measure"),
        paper=scores_of(score_tables["paper"], "measure"),
    )


def _run(root: Path, name: str, label: str, volumes: Sequence[str]) -> Run:
    path = root / "train" / name / "train.json"
    info = read_json(path)
    settings = info.get("settings")
    method = settings.get("method") if isinstance(settings, dict) else None
    if method not in ROLES:
        raise InputError(
            str(path),
            expected=f"`settings` with the run's `method`, one of {', '.join(ROLES)}",
            found=str(method),
            do="Train the run again.",
        )
    return Run(
        name=name,
        label=shown_label(label, method),
        info=info,
        # No text in there: `index` is a loss.
        losses=tables.read([path.with_name("losses.csv")], ["epoch"], text=()),
        register=_rows(root / "register" / f"{name}.csv", tables.REGISTER),
        compare=_rows(root / "compare" / f"{name}.csv", tables.COMPARE),
        segment=tables.read(
            [root / "segment" / f"{name}.csv"], tables.SEGMENT, text=(*tables.TEXT, *_TEXT)
        ),
        synthetic=_slice_files(root / "synthesize" / name, volumes),
    )


def _rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read rows of slices, ``index`` as a number."""
    return tables.read([path], columns).astype({"index": int})


def _require_runs(table: pd.DataFrame, runs: Sequence[str], path: Path) -> None:
    missing = [run for run in runs if run not in set(table["run"])]
    if missing:
        raise InputError(
            str(path),
            expected="rows of every run",
            found=f"none for {', '.join(missing)}",
            do="Run `score` again.",
        )


def _slice_files(folder: Path, volumes: Sequence[str]) -> dict[str, Path]:
    paths = {volume: folder / f"{volume}.h5" for volume in volumes}
    for path in paths.values():
        read_header(path)
    return paths


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of an earlier stage.

    Raises:
        InputError: missing, not JSON, or not an object.
    """
    do = "Run its stage again."
    try:
        value = strict.json_values(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        problem = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(str(path), expected="a JSON file", found=problem, do=do) from error
    if not isinstance(value, dict):
        raise InputError(str(path), expected="a JSON object", found=type(value).__name__, do=do)
    return value


def _data_uri(path: Path) -> str:
    """Read a CSV as a link that works inside the page."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            str(path), expected="a CSV", found=str(error.strerror), do="Run `score` again."
        ) from error
    return f"data:text/csv;base64,{base64.b64encode(content).decode()}"


def _listed(folder: Path, pattern: str, scans: Sequence[str]) -> list[Path]:
    """List files in order of their names; one that is still being written starts with a dot."""
    paths = sorted(
        path
        for path in folder.glob(pattern)
        if not path.name.startswith(".") and (not scans or path.stem in scans)
    )
    if not paths:
        raise InputError(
            str(folder),
            expected=f"files {pattern}",
            found="none",
            do=f"Run `{folder.name}` first.",
        )
    return paths
