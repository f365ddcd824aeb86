"""The results folder in, what the report needs of it out; every missing piece has a name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.roles import ROLES, Role
from ssus2mri.slices import PLANES, Header, read_header

SLICE = ["volume", "plane", "index"]


@dataclass(frozen=True)
class Run:
    """One run: its name on the page, what it says of itself, and its rows.

    A ceiling's ``label`` says so wherever it is shown, whatever the run is called.
    ``register`` and ``compare`` hold a row per slice and reference, ``losses`` one per epoch, with
    the columns that their stages write.
    """

    name: str
    label: str
    info: dict[str, Any]
    losses: pd.DataFrame
    register: pd.DataFrame
    compare: pd.DataFrame
    synthetic: dict[str, Path]

    @property
    def role(self) -> Role:
        """What it is to the other runs."""
        return ROLES[self.info["settings"]["method"]]

    @property
    def healthy(self) -> pd.DataFrame:
        """Rows of ``compare`` of subjects without a pathology."""
        return self.compare[self.compare["pathology"] == ""]

    @property
    def trained(self) -> bool:
        """Whether it is one of those compared: neither a reference row nor a ceiling."""
        return self.role == "trained"


@dataclass(frozen=True)
class Results:
    """Everything that the report shows; slices stay in their files until they are drawn.

    ``us`` are the test volumes, ``mr`` the slice files of all real MR; ``align`` what `align` says
    of each volume.
    """

    root: Path
    runs: tuple[Run, ...]
    us: dict[str, Path]
    mr: tuple[Path, ...]
    headers: tuple[Header, ...]
    align: dict[str, dict[str, Any]]


def gather(
    root: Path, labels: dict[str, str], volumes: Sequence[str], scans: Sequence[str] = ()
) -> Results:
    """Read the results folder.

    Args:
        root: the folder.
        labels: run -> its name in tables, in their order.
        volumes: test US volumes.
        scans: all volumes; whatever else an earlier manifest left in the folder is not looked at.
            None: every file there.

    Returns:
        What the report shows, pictures of `align` excepted.

    Raises:
        InputError: a file is missing or is not what its stage writes.
    """
    if not volumes:
        raise InputError(
            "--volumes",
            expected="at least one test US volume",
            found="none",
            do="Give a subject with ultrasound the split `test` in the manifest.",
        )
    align = {path.stem: read_json(path) for path in _listed(root / "align", "*.json", scans)}
    headers = {path: read_header(path) for path in _listed(root / "extract", "*.h5", scans)}
    return Results(
        root=root,
        runs=tuple(_run(root, name, label, volumes) for name, label in labels.items()),
        us=_slice_files(root / "extract", volumes),
        mr=tuple(path for path, header in headers.items() if header.modality == "mr"),
        headers=tuple(headers.values()),
        align=align,
    )


def _run(root: Path, name: str, label: str, volumes: Sequence[str]) -> Run:
    info = read_json(root / "train" / name / "train.json")
    settings = info.get("settings")
    method = settings.get("method") if isinstance(settings, dict) else None
    if method not in ROLES:
        raise InputError(
            str(root / "train" / name / "train.json"),
            expected=f"`settings` with the run's `method`, one of {', '.join(ROLES)}",
            found=str(method),
            do="Train the run again.",
        )
    return Run(
        name=name,
        label=f"{label} (ceiling)" if ROLES[method] == "ceiling" else label,
        info=info,
        # No text in there: `index` is a loss.
        losses=tables.read([root / "train" / name / "losses.csv"], ["epoch"], text=()),
        register=_rows(root / "register" / f"{name}.csv", tables.REGISTER),
        compare=_rows(root / "compare" / f"{name}.csv", tables.COMPARE),
        synthetic=_slice_files(root / "synthesize" / name, volumes),
    )


def _rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of slices, ``index`` as a number."""
    return tables.read([path], columns).astype({"index": int})


def _slice_files(folder: Path, volumes: Sequence[str]) -> dict[str, Path]:
    paths = {volume: folder / f"{volume}.h5" for volume in volumes}
    for path in paths.values():
        read_header(path)
    return paths


def read_table(path: Path, *columns: str) -> pd.DataFrame:
    """Read a table of `score`, all as text: names may look like numbers.

    Args:
        path: the file.
        *columns: columns that it must have.

    Returns:
        Its rows.

    Raises:
        InputError: missing, not a CSV, or without one of the columns.
    """
    do = f"Run `{path.parent.name}` again."
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(str(path), expected="a CSV", found=found, do=do) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            str(path),
            expected=f"columns {', '.join(columns)}",
            found=f"no {', '.join(missing)}",
            do=do,
        )
    return table


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of an earlier stage.

    Args:
        path: the file.

    Returns:
        Its keys and values.

    Raises:
        InputError: missing, not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(
            str(path), expected="a JSON file", found=found, do="Run its stage again."
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            str(path),
            expected="a JSON object",
            found=type(value).__name__,
            do="Run its stage again.",
        )
    return value


def plane_name(number: int) -> str:
    """Name of a plane from its number in a slice file."""
    return PLANES[int(number)]


def _listed(folder: Path, pattern: str, scans: Sequence[str]) -> list[Path]:
    """Files in order of their names; a file still being written starts with a dot."""
    found = sorted(
        path
        for path in folder.glob(pattern)
        if not path.name.startswith(".") and (not scans or path.stem in scans)
    )
    if not found:
        raise InputError(
            str(folder),
            expected=f"files {pattern}",
            found="none",
            do=f"Run `{folder.name}` first.",
        )
    return found
