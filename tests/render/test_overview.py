"""The first screen says what was run on what, and recommends what the rows support."""

from dataclasses import replace

import numpy as np
import phantom_render as phantom
import pytest

from ssus2mri.render.gather import Results, gather
from ssus2mri.render.overview import advise, facts
from ssus2mri.render.scans import ranked, scan_scores, table_of_scans
from ssus2mri.render.verdict import verdicts


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root = phantom.build(
        tmp_path_factory.mktemp("overview") / "results",
        labels=phantom.BOUNDED,
        pathologies=("us-8",),
    )
    return gather(root, phantom.BOUNDED, phantom.VOLUMES)


def test_facts_count_runs_scans_and_people(results: Results) -> None:
    said = dict(facts(results))
    assert said["Runs"] == "5: 2 trained, 2 reference, 1 upper bound"
    assert said["Trained on"] == "0 ultrasound scans and 2 MR scans, of 2 people"
    assert said["Tested on"] == "2 ultrasound scans of 2 people, 23 weeks, 1 with a pathology"
    assert said["Compared with"] == "the true MR of the same place"


def test_the_trained_run_nearest_to_the_truth_is_recommended(results: Results) -> None:
    advice = advise(results, verdicts(results.runs), "gan")
    assert advice.run
    assert advice.reference
    assert (advice.run.name, advice.reference.name, advice.usable) == ("ours", "atlas", True)
    explained, against, gap, pathology = advice.trust
    assert "0.38, against 0.10 by Copy of the US, 0.25 by Atlas MR" in explained
    assert "the true MR reaches 0.40" in explained
    assert "of Atlas MR, the best reference" in against
    assert "nearer in 1 of 1 test scan, which is few" in against
    assert "% of the way from Atlas MR to Paired (upper bound)" in gap
    assert "With large cyst, its error in cyst is 0.25 (0 to 1)" in pathology


def test_a_run_that_a_reference_beats_is_not_recommended(results: Results) -> None:
    poor = [
        replace(run, compare=run.compare.assign(ssim=0.1 if run.trained else 0.4))
        for run in results.runs
    ]
    beaten = replace(results, runs=tuple(poor))
    advice = advise(beaten, verdicts(beaten.runs), "gan")
    assert advice.run
    assert not advice.usable


def test_without_truth_the_preferred_run_is_named_and_nothing_claimed(results: Results) -> None:
    blind = replace(
        results,
        runs=tuple(replace(run, compare=run.compare.iloc[:0]) for run in results.runs),
        gap_closed={},
        pathology={},
    )
    advice = advise(blind, [], "gan")
    assert advice.run
    assert advice.run.name == "gan"
    assert "not by these scans" in advice.reason
    explained, unknown = advice.trust
    assert "needs no MR of the subject" in explained
    assert unknown == "No number here says how close any run comes to the true MR."
    first = advise(blind, [], "absent")
    assert first.run
    assert first.run.name == "ours"
    assert "cannot say which is best" in first.reason


def test_without_a_trained_run_nothing_is_recommended(results: Results) -> None:
    references = replace(results, runs=tuple(r for r in results.runs if r.role == "reference"))
    assert advise(references, [], "gan").run is None


def test_the_worst_scan_comes_first(results: Results) -> None:
    (ours, *_) = results.runs
    low = ours.compare.assign(
        ssim=np.where(ours.compare["volume"] == "us-8", 0.1, ours.compare["ssim"])
    )
    run = replace(ours, compare=low)
    assert ranked(phantom.VOLUMES, run) == ["us-8", "us-7"]
    assert ranked(["new", "us-7", "us-8"], run) == ["us-8", "us-7", "new"]
    assert ranked(["b", "a"], None) == ["b", "a"]
    assert scan_scores(run)["us-8"].ssim == pytest.approx(0.1)


def test_scans_without_likeness_are_ordered_by_deformation(results: Results) -> None:
    (ours, *_) = results.runs
    far = ours.register.assign(deformation=np.where(ours.register["volume"] == "us-7", 0.9, 0.1))
    run = replace(ours, compare=ours.compare.iloc[:0], register=far)
    assert ranked(phantom.VOLUMES, run) == ["us-7", "us-8"]


def test_table_of_scans_links_to_their_pages(results: Results) -> None:
    ours, atlas = results.runs[0], results.runs[3]
    table = table_of_scans(results, ["us-8"], ours, atlas)
    (row,) = table.rows
    assert row.cells[0].link == "../browse/us-8.html"
    assert [cell.text for cell in row.cells[:4]] == ["us-8", "8", "23", "large cyst"]
    assert [column.text for column in table.columns[4:]] == [
        *("Agreement, Ours", "SSIM, Ours", "SSIM, Atlas MR"),
        "Deformation, Ours",
    ]
