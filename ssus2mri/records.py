"""Read the records of a CSV table, each with its line and every field of the header."""

import csv
import io
from collections import Counter
from pathlib import Path

from pydantic import BaseModel

from ssus2mri.config.rows import DO, require_columns
from ssus2mri.errors import InputError

MOST_BYTES = 2**25
"""Of a table; one of 100,000 rows is smaller."""
_EXPECTED = "a CSV table, UTF-8, fields separated by commas, with a header line"
_SAVE = "Save it as CSV UTF-8 with commas between the fields and points in numbers."


def read(path: Path, model: type[BaseModel]) -> list[tuple[int, dict[str, str]]]:
    """Read a table.

    Empty columns and rows at the end, and a byte-order mark, as Excel writes them, are left out.

    Returns:
        Line and record of each row, in their order.

    Raises:
        InputError: no such file, another encoding or separator, or columns that are unknown,
            missing or there twice.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        lines = [(reader.line_num, fields) for fields in reader]
    except csv.Error as error:
        where = f"{path} row {reader.line_num}"
        raise InputError(where, expected=_EXPECTED, found=str(error), do=DO) from error
    lines = [(number, fields) for number, fields in lines if any(map(str.strip, fields))]
    if not lines:
        raise InputError(str(path), expected="at least one row", found="none", do=DO)
    columns = [name.strip() for name in lines[0][1]]
    while columns and not columns[-1]:
        columns.pop()
    _require_columns(path, columns, model)
    records = []
    for number, fields in lines[1:]:
        if len(fields) < len(columns) or any(map(str.strip, fields[len(columns) :])):
            raise InputError(
                f"{path} row {number}",
                expected=f"{len(columns)} fields",
                found=f"{len(fields)}: {','.join(fields)[:60]!r}",
                do=f"{DO} Text with a comma, and a decimal comma, must be in quotes.",
            )
        records.append((number, dict(zip(columns, fields, strict=False))))
    if not records:
        raise InputError(str(path), expected="at least one row", found="none", do=DO)
    return records


def _text(path: Path) -> str:
    do = "Correct the path (`manifest` in the configuration), or propose one: `ssus2mri init`."
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise InputError(str(path), expected=_EXPECTED, found=found, do=do) from error
    if len(raw) > MOST_BYTES:
        found = f"more than {MOST_BYTES} bytes"
        raise InputError(str(path), expected=_EXPECTED, found=found, do=do)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        found = "UTF-16 (a byte-order mark at its start)"
        raise InputError(str(path), expected=_EXPECTED, found=found, do=_SAVE)
    if raw.startswith(b"PK\x03\x04"):
        raise InputError(str(path), expected=_EXPECTED, found="an Excel workbook", do=_SAVE)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        found = f"a byte that is not UTF-8 in line {line}"
        raise InputError(str(path), expected=_EXPECTED, found=found, do=_SAVE) from error
    if "\0" in text:
        raise InputError(str(path), expected=_EXPECTED, found="NUL bytes", do=_SAVE)
    return text


def _require_columns(path: Path, columns: list[str], model: type[BaseModel]) -> None:
    where = f"{path} row 1"
    head = ",".join(columns)
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if head.count(separator) > head.count(","):
            found = f"fields separated by {name}"
            raise InputError(where, expected=_EXPECTED, found=found, do=_SAVE)
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise InputError(
            where,
            expected="every column once",
            found=f"column {', '.join(map(repr, twice))} twice",
            do="Delete the wrong one.",
        )
    require_columns(where, columns, model)
