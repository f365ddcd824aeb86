"""The report: complete, whole in one file, the same twice, upright, honest about who wins."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import phantom_render as phantom
import pytest
from PIL import Image

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.render.gather import gather
from ssus2mri.render.layouts import pathology_tables, score_tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom.build(tmp_path_factory.mktemp("render") / "results")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return _render(folder)


def _render(folder: Path, **changes: int) -> str:
    return phantom.render(folder, **changes).read_text(encoding="utf-8")


def test_every_run_and_the_numbers_of_the_tables_are_in_the_page(folder: Path, page: str) -> None:
    for label in ("Ours", "GAN &lt;i&gt;", "Copy of the US", "Atlas MR"):
        assert page.count(label) > 5
    assert "GAN <i>" not in page
    table = pd.read_csv(folder / "score" / "likeness.csv").query("kind == 'truth'")
    for row in table.to_dict("records"):
        assert f"{row['ssim_mean']:.3f} ± {row['ssim_std']:.3f}" in page
        assert f"{row['ssim_ci_low']:.3f} to {row['ssim_ci_high']:.3f}" in page
        assert f"{row['psnr_mean']:.1f} ± {row['psnr_std']:.1f}" in page
    assert "48 (2)" in page


def test_nothing_is_fetched_from_anywhere(page: str) -> None:
    assert "http:" not in page
    assert "https:" not in page
    assert set(re.findall(r'(?:src|href)="([^#"][^:"]*):', page)) == {"data"}
    assert "@import" not in page


def test_every_picture_decodes(page: str) -> None:
    uris = re.findall(r"data:image/\w+;base64,[A-Za-z0-9+/=]+", page)
    assert len(uris) >= 2 * 3 * 3 * 6 + 4
    for uri in uris:
        assert min(phantom.decoded(uri).size) >= 32


def test_every_picture_has_words(page: str) -> None:
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", page)) == page.count("<img ")
    assert page.count('<svg role="img" aria-label="Losses of') == 2


def test_same_results_same_bytes(folder: Path, page: str) -> None:
    assert _render(folder) == page


def test_no_identifier_twice(page: str) -> None:
    names = re.findall(r'\sid="([^"]+)"', page)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "missing",
    [
        "score/table2.csv",
        "score/table3.csv",
        "score/deformation.csv",
        "score/paper.csv",
        "score/table4.csv",
        "score/table5.csv",
        "score/position.csv",
        "score/gap_closed.csv",
        "score/summary.csv",
        "score/pathology.csv",
        "score/anatomy.csv",
        "segment/ours.csv",
        "register/ours.csv",
        "compare/copy.csv",
        "train/gan/losses.csv",
        "train/gan/train.json",
        "synthesize/atlas/us-8.h5",
        "extract/us-7.h5",
        "align/mr-1.png",
    ],
)
def test_a_missing_piece_is_named(folder: Path, tmp_path: Path, missing: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "results")
    (copy / missing).unlink()
    with pytest.raises(InputError, match=re.escape(missing)):
        _render(copy)
    assert not (tmp_path / "report.html").exists()


def test_a_broken_piece_is_named(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "results")
    (copy / "train" / "ours" / "train.json").write_text("{}")
    with pytest.raises(InputError, match="settings"):
        _render(copy)
    table = copy / "score" / "deformation.csv"
    table.write_text("run,label\nours,Ours\n")
    with pytest.raises(InputError, match=re.escape("train.json")):
        _render(copy)
    shutil.copy(folder / "train" / "ours" / "train.json", copy / "train" / "ours")
    with pytest.raises(InputError, match=r"deformation.csv: .* found no column role"):
        _render(copy)
    with pytest.raises(InputError, match="--volumes"):
        gather(copy, phantom.LABELS, [])


def test_superior_is_at_the_top_of_the_page(folder: Path, tmp_path: Path) -> None:
    """A spot at the superior end of a volume comes out in the top rows of its coronal pictures."""
    copy = shutil.copytree(folder, tmp_path / "results")
    path = copy / "extract" / "us-7.h5"
    us = slices.read(path)
    volume = np.zeros((32, 32, 32))
    volume[28:, 4:, :] = 1.0  # superior and not anterior
    cut = phantom.cut(volume, us.header, 8)
    slices.write(replace(us, image=cut.image), path)
    page = _render(copy)
    for plane in ("coronal", "sagittal"):
        source = re.search(rf'src="([^"]+)" alt="Ultrasound, us-7, {plane}', page)
        assert source
        drawn = np.asarray(phantom.decoded(source.group(1)))
        assert drawn[:4].mean() > 200
        assert drawn[4:].max() == 0


def test_without_truth_the_nearest_mr_is_shown_and_nothing_is_claimed(tmp_path: Path) -> None:
    page = _render(phantom.build(tmp_path / "results", truth=False))
    assert "cannot say how close" in page
    assert "nearest training MR: mr-" in page
    assert 'id="edges"' not in page
    assert "no data: no MR of the same test subject" in page


def test_volumes_are_left_out_to_keep_the_page_small(folder: Path) -> None:
    page = _render(folder, example_rows=9, alignment_pictures=1)
    assert len(set(re.findall(r'data-volume="([^"]+)"', page))) == 1
    assert "(1 of 2, the worst" in page
    assert "Pictures of the 1 least similar of 4 scans." in page


@pytest.mark.slow
def test_scans_beyond_the_worst_are_on_a_page_of_their_own(folder: Path) -> None:
    few = _render(folder, scan_rows=1)
    assert "The worst 1 of 2 test scans" in few
    assert '<a href="scans.html">All 4 scans</a>' in few
    links = r'scope="row"><a href="../browse/(us-\d).html"'
    assert len(re.findall(links, few)) == 1
    alone = (folder.parent / "scans.html").read_text(encoding="utf-8")
    assert len(re.findall(links, alone)) == 2
    assert alone.count(">mr-1<") == 1
    assert 'href="scans.html"' not in _render(folder)


def test_figures_are_shown_where_they_are_drawn(folder: Path, page: str, tmp_path: Path) -> None:
    assert "stage <code>illustrate</code> has not run" in page
    copy = shutil.copytree(folder, tmp_path / "results")
    (copy / "illustrate").mkdir()
    Image.new("RGB", (2000, 500), "white").save(copy / "illustrate" / "figure6.png")
    shown = _render(copy)
    assert 'href="../illustrate/figure6.svg"' in shown
    source = re.search(r'src="([^"]+)" alt="Figure 6: ultrasound', shown)
    assert source
    assert phantom.decoded(source.group(1)).size == (1500, 375)


def test_tables_mark_the_best_and_an_untrained_winner(folder: Path) -> None:
    tables = score_tables(gather(folder, phantom.LABELS, phantom.VOLUMES))
    by_title = {table.title: table for table in tables}
    deformation = by_title["Table II: deformation"]
    truth = by_title["Likeness to the true MR (simulated scans)"]
    assert tables[0].title == "Agreement with scan and head: no true MR needed"
    assert [cell.best for cell in deformation.rows[0].cells] == [False] * 4 + [True]
    assert "learned nothing" in deformation.notes[0]
    assert [cell.best for cell in truth.rows[0].cells] == [False, True, False, False, False]
    assert not truth.notes
    assert deformation.rows[0].cells[0].text == "Deformation ↓"
    assert truth.rows[1].cells[0].text == "PSNR ↑ (dB)"


@pytest.mark.slow
def test_subjects_with_pathology_have_a_section_of_their_own(
    folder: Path, page: str, tmp_path: Path
) -> None:
    results = phantom.build(tmp_path / "results", pathologies=("us-8",))
    (table,) = pathology_tables(gather(results, phantom.LABELS, phantom.VOLUMES))
    rows = {row.cells[0].text: row.cells[1:] for row in table.rows}
    assert (table.title, table.file) == ("large cyst", "pathology.csv")
    assert list(rows)[3:6] == [*("Error in cortex ↓", "Error in cyst ↓", "Agreement ↑")]
    assert rows["Dice, ventricles ↑"][0].text == "0.75"
    # Of the runs in order, with noise 0.05, 0.15, 0.6 and 0.3.
    assert [cell.text for cell in rows["Error in cyst ↓"]] == [
        f"{value} ± 0.000" for value in ("0.250", "0.350", "0.800", "0.500")
    ]
    assert [cell.best for cell in rows["Error in cyst ↓"]] == [True, False, False, False]
    assert {cell.minor for cell in rows["Error in cyst ↓"]} == {""}
    assert {cell.minor for cell in rows["Error in cortex ↓"]} == {"healthy: 0.100"}
    assert {cell.text for cell in rows["n slices (volumes)"]} == {"24 (1)"}
    shown = _render(results)
    assert 'href="#pathology"' in shown
    assert "<strong>us-8</strong></a> · large cyst · axial" in shown
    assert "<strong>us-7</strong></a> · axial" in shown
    assert "24 (1)" in shown
    assert "48 (2)" not in shown
    assert "#pathology" not in page
    assert pathology_tables(gather(folder, phantom.LABELS, phantom.VOLUMES)) == []


@pytest.mark.slow
def test_page_of_subjects_with_pathology_alone(tmp_path: Path) -> None:
    page = _render(phantom.build(tmp_path / "results", pathologies=("us-7", "us-8")))
    assert "No healthy test subject has a true or paired MR" in page
    assert "Error in cyst" in page


def test_table_of_positions_is_there_where_a_run_predicts_them(
    folder: Path, tmp_path: Path
) -> None:
    results = phantom.build(tmp_path / "results", positions=True)
    *_, table, _ = score_tables(gather(results, phantom.LABELS, phantom.VOLUMES))
    texts = {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in table.rows}
    assert table.file == "table5.csv"
    none = ["no data: predicts no position"] * 3
    assert texts["Slice index accuracy ↑"] == ["0.67 ± 0.48", *none]
    assert texts["Error of the slice index ↓ (mm)"] == ["7.5 ± 0.0", *none]
    assert texts["n predicted positions"] == ["48", "0", "0", "0"]
    without = score_tables(gather(folder, phantom.LABELS, phantom.VOLUMES))
    (table,) = [table for table in without if table.file == "table5.csv"]
    (row,) = [row for row in table.rows if row.cells[0].text == "Slice index accuracy ↑"]
    assert [cell.text for cell in row.cells[1:]] == ["no data: predicts no position"] * 4


def test_positions_are_shown_by_plane(folder: Path, tmp_path: Path, page: str) -> None:
    results = phantom.build(tmp_path / "results", positions=True)
    *_, table = score_tables(gather(results, phantom.LABELS, phantom.VOLUMES))
    assert [column.text for column in table.columns] == ["Plane", "Ours"]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["Axial ↑", "1.00 ± 0.00"],
        ["Coronal ↑", "1.00 ± 0.00"],
        ["Sagittal ↑", "0.00 ± 0.00"],
        ["Sagittal, either side ↑", "1.00 ± 0.00"],
        ["All ↑", "0.67 ± 0.48"],
        ["n slices (volumes)", "48 (2)"],
    ]
    assert table.title in _render(results)
    assert table.title not in page
