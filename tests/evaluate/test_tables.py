"""Tables of rows are read as they were written, or refused: no number that cannot be."""

from pathlib import Path

import pytest

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables

ROW = {"run": "ours", "volume": "007", "kind": "truth", "ssim": 0.5, "psnr": 20.0, "mae": 0.1}
COLUMNS = list(ROW)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    tables.write([ROW, {**ROW, "ssim": None}], COLUMNS, tmp_path / "rows.csv")
    frame = tables.read([tmp_path / "rows.csv"], COLUMNS)
    assert list(frame["volume"]) == ["007", "007"]
    assert frame["ssim"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"psnr": float("inf")}, "inf in row 3, column psnr"),
        ({"mae": -1.0}, "-1 in row 3, column mae, not 0 to 1"),
        ({"ssim": 7.0}, "7 in row 3, column ssim, not -1 to 1"),
        ({"psnr": 1e300}, "column psnr"),
        ({"psnr": "high"}, "high"),
    ],
)
def test_number_that_no_stage_wrote(tmp_path: Path, change: dict, message: str) -> None:
    tables.write([ROW, {**ROW, **change}], COLUMNS, tmp_path / "rows.csv")
    with pytest.raises(InputError, match=message):
        tables.read([tmp_path / "rows.csv"], COLUMNS)


def test_column_twice(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("run,ssim,ssim\nours,0.5,0.6\n")
    with pytest.raises(InputError, match="a column twice"):
        tables.read([tmp_path / "rows.csv"], ["run", "ssim"])


def test_a_table_cut_within_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    tables.write([ROW, ROW], COLUMNS, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        if whole[:length].endswith(b"\n"):
            continue
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"rows\.csv: expected a CSV"):
            tables.read([path], COLUMNS)
