"""Tables fit the page: many runs become rows, many measures more tables."""

from ssus2mri.render.table import Cell, Column, Row, Table, fitted


def table(runs: int, measures: int) -> Table:
    columns = [
        Column("Settings", number=False),
        *(Column(f"run {n}", soft=n == 0) for n in range(runs)),
    ]
    rows = [
        Row([Cell(f"measure {m}"), *(Cell(f"{m}/{n}", best=n == 1) for n in range(runs))])
        for m in range(measures)
    ]
    return Table(columns, rows, title="T", file="t.csv")


def test_few_runs_stay_columns() -> None:
    assert fitted(table(6, 20)) == [table(6, 20)]


def test_many_runs_become_rows() -> None:
    (turned,) = fitted(table(7, 2))
    assert [column.text for column in turned.columns] == ["Run", "measure 0", "measure 1"]
    assert [row.cells[0].text for row in turned.rows] == [f"run {n}" for n in range(7)]
    assert [cell.text for cell in turned.rows[3].cells] == ["run 3", "0/3", "1/3"]
    assert [row.soft for row in turned.rows] == [True] + [False] * 6
    assert turned.rows[1].cells[2].best
    assert (turned.title, turned.file) == ("T", "t.csv")


def test_many_measures_become_more_tables() -> None:
    parts = fitted(table(7, 15))
    assert [len(part.columns) - 1 for part in parts] == [6, 6, 3]
    heads = [column.text for part in parts for column in part.columns[1:]]
    assert heads == [f"measure {m}" for m in range(15)]
    assert {len(part.rows) for part in parts} == {7}
