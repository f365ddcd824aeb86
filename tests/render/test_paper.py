"""Opinions, patterns and the paper's values on the page, beside our numbers."""

from dataclasses import replace

import phantom_render as phantom
import pytest

from ssus2mri.render.gather import Results, gather
from ssus2mri.render.layouts import score_tables
from ssus2mri.render.scores import Score

PAPER = "the paper, on its own scans"
NEITHER = ["not in the paper"] * 2


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    root = phantom.build(tmp_path_factory.mktemp("results"), size=16, each=2)
    return gather(root, phantom.LABELS, phantom.VOLUMES)


def table(results: Results, title: str):
    return next(table for table in score_tables(results) if table.title.startswith(title))


def row(content, heading: str) -> list[str]:
    (row,) = [row for row in content.rows if row.cells[0].text == heading]
    return [cell.text for cell in row.cells[1:]]


def test_the_papers_values_stand_in_rows_of_their_own(results: Results):
    deformation, content = table(results, "Table II: def"), table(results, "Table II: opinions")
    assert row(deformation, f"Deformation ↓, {PAPER}") == ["0.46 ± 0.24", "0.78 ± 0.46", *NEITHER]
    assert row(content, "MOS of expert ↑") == ["no ratings yet"] * 4
    assert row(content, f"MOS of beginner ↑, {PAPER}") == ["4.08 ± 0.42", "2.75 ± 1.28", *NEITHER]
    assert len(row(table(results, "Table III"), f"PSNR, multiple squares ↑ (dB), {PAPER}")) == 4


def test_tables_of_the_paper_without_data_say_why(results: Results):
    for title, why in (
        ("Table III", "no data: no square was stamped"),
        ("Table V", "no data: predicts no position"),
    ):
        content = table(results, title)
        assert why in {cell.text for line in content.rows for cell in line.cells}
        assert all(cell.text for line in content.rows for cell in line.cells)


def test_opinions_are_shown_with_that_of_real_mr(results: Results):
    scores = {"ours": Score(9, 3, 3.5, 0.5, 3.0, 4.0), "real": Score(9, 3, 4.25, 0.5, 4.0, 4.5)}
    rated = replace(results, summary={**results.summary, ("rate", "expert", "all", "mos"): scores})
    content = table(rated, "Table II: opinions")
    assert row(content, "MOS of expert ↑") == ["3.50 ± 0.50", *["no ratings yet"] * 3]
    assert row(content, "MOS of beginner ↑") == ["no ratings yet"] * 4
    assert "MOS of expert, of real MR: 4.25." in content.notes


def test_patterns_are_shown_with_those_at_the_cap(results: Results):
    probed = {
        ("probe", kind, "all", measure): {"ours": Score(12, 2, mean, 0.0)}
        for kind in ("single", "multiple")
        for measure, mean in (("psnr_db", 90.0), ("capped", 0.75))
    }
    content = table(replace(results, summary={**results.summary, **probed}), "Table III")
    assert row(content, "PSNR, multiple squares ↑ (dB)")[0] == "90.00 ± 0.00"
    assert row(content, "Slices at the cap, multiple squares")[0] == "9"
    assert row(content, f"PSNR, multiple squares ↑ (dB), {PAPER}")[:2] == [
        *("99.37 ± 1.55", "34.63 ± 13.05")
    ]
