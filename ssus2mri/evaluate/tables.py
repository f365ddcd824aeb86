"""CSV files of rows: keys as text, numbers in one fixed format."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ssus2mri.errors import InputError
from ssus2mri.files import write_text

KEYS = (
    *("run", "volume", "subject", "pathology", "split", "certificate", "seen"),
    *("plane", "index", "reference"),
)
SEEN = "yes"
"""``seen`` of a row whose subject the model was trained or validated on; else it is empty."""
REGISTER = (
    *KEYS,
    "similarity_before",
    "similarity_after",
    "abs_log_det",
    "abs_det_minus_1",
    "folding_fraction",
    "deformation",
)
_MOST, _SLACK = 1e9, 1e-3
TEXT = (*KEYS, "kind")
POSITION = (
    "plane_right",
    "index_right",
    "index_right_either_side",
    "index_error",
    "index_error_mm",
)
COMPARE = (
    *TEXT,
    *("ssim", "ssim_brain", "ms_ssim", "nmi", "psnr", "mae", "ssim_registered"),
    *POSITION,
)
PROBE = (*KEYS, "pattern", "psnr_db", "capped", "dice")
SCAN_KEYS = tuple(key for key in KEYS if key not in ("plane", "index", "reference"))
"""Keys of rows that are of a scan, not of a slice."""
SEGMENT = (*SCAN_KEYS, "measure", "unit", "value", "truth", "true_mr")
MOS = (
    *("group", "run", "certificate", "n_seen", "n_observers", "n_images", "n_volumes"),
    *("mean", "std", "ci_low", "ci_high"),
)
_CORRELATIONS = ("ssim", "ssim_brain", "ssim_registered", "similarity_before", "similarity_after")
_SHARES = ("deformation", "folding_fraction", "mae", "plane_right", "index_right")
_RANGES = {**dict.fromkeys(_CORRELATIONS, (-1, 1)), **dict.fromkeys(_SHARES, (0, 1))}
"""Least and most of measures that have such; the others are finite."""


def write(rows: Sequence[Mapping[str, object]], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV: six decimals, unknown numbers empty, a header even without rows.

    Args:
        rows: column -> value; None is unknown.
        columns: all columns, in order.
        path: the file, written whole or not at all.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))
    write_text(frame.to_csv(index=False, float_format="%.6f", lineterminator="\n"), path)


def read(
    paths: Sequence[Path], columns: Sequence[str], *, text: Sequence[str] = TEXT
) -> pd.DataFrame:
    """Read the CSVs of several runs into one table.

    Args:
        paths: files that `write` wrote.
        columns: columns that each file must have.
        text: columns to read as text, if present.

    Returns:
        All rows; empty text is an empty string, everything else float64 with NaN where unknown.

    Raises:
        InputError: a file is missing, not a CSV, lacks a column, or has text where a number
            belongs.
    """
    frames = [_read(path, columns, text) for path in paths]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))


def _read(path: Path, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    expected = f"a CSV with columns {', '.join(columns)}"
    do = f"Run `{path.parent.name}` again."
    try:
        with path.open("rb") as file:
            names = file.readline().decode().strip().split(",")
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                raise ValueError("a last row without an end: it was cut short")
        if len(set(names)) < len(names):
            raise ValueError("a column twice")
        # Keys stay as they are: a volume may be named 007 or NA.
        frame = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""]
        )
        numbers = [name for name in frame.columns if name not in text]
        frame = frame.astype(dict.fromkeys(numbers, float))
        keys = [name for name in frame.columns if name in text]
        frame[keys] = frame[keys].fillna("")
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError(str(path), expected=expected, found=problem, do=do) from error
    missing = [name for name in columns if name not in frame.columns]
    problem = f"no column {', '.join(missing)}" if missing else _fault(frame, numbers)
    if problem:
        raise InputError(str(path), expected=expected, found=problem, do=do)
    return frame


def _fault(frame: pd.DataFrame, numbers: Sequence[str]) -> str:
    """Return what is wrong with the numbers of a table, in words; empty: nothing."""
    for name in numbers:
        values = frame[name].dropna()
        low, high = _RANGES.get(name, (-_MOST, _MOST))
        beyond = values[(values < low - _SLACK) | (values > high + _SLACK)]
        if len(beyond):
            row = int(beyond.index[0]) + 2
            return f"{beyond.iloc[0]:g} in row {row}, column {name}, not {low:g} to {high:g}"
    return ""
