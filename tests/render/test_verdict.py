"""What the page claims is what the rows say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom_render as phantom
import pytest

from ssus2mri.render.gather import gather
from ssus2mri.render.verdict import Verdict, best_outcome, headline, verdicts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom.build(tmp_path_factory.mktemp("render") / "results")


def test_the_verdict_is_what_the_rows_say(folder: Path) -> None:
    runs = gather(folder, phantom.LABELS, phantom.VOLUMES).runs
    by_pair = {(verdict.label, verdict.reference): verdict for verdict in verdicts(runs)}
    assert len(by_pair) == 4
    verdict = by_pair["Ours", "Atlas MR"]
    outcome = (verdict.outcome, verdict.won, verdict.volumes, verdict.slices)
    assert outcome == ("nearer", 2, 2, 48)
    assert verdict.ssim == pytest.approx(runs[0].compare["ssim"].mean())
    assert "Ours and GAN <i> are nearer to the true MR" in headline(runs, list(by_pair.values()))


def test_subjects_with_pathology_do_not_count(folder: Path) -> None:
    runs = gather(folder, phantom.LABELS, phantom.VOLUMES).runs
    with_pathology = [
        replace(
            run,
            compare=run.compare.assign(
                pathology=np.where(run.compare["volume"] == "us-8", "cyst", "")
            ),
        )
        for run in runs
    ]
    compared = verdicts(with_pathology)
    assert {(verdict.volumes, verdict.slices) for verdict in compared} == {(1, 24)}
    assert "in the only healthy test volume" in headline(with_pathology, compared)


def test_a_higher_ssim_with_a_lower_psnr_is_no_win(folder: Path) -> None:
    runs = gather(folder, phantom.LABELS, phantom.VOLUMES).runs
    sharp = replace(runs[3], compare=runs[3].compare.assign(psnr=99.0))
    pair = [runs[0], sharp]
    compared = verdicts(pair)
    assert [verdict.outcome for verdict in compared] == ["mixed"]
    assert "by every measure" in headline(pair, compared)


def test_pairs_are_compared_after_registration(folder: Path) -> None:
    runs = gather(folder, phantom.LABELS, phantom.VOLUMES).runs
    pair = [
        replace(run, compare=run.compare.assign(kind="pair", ssim_registered=value))
        for run, value in zip(runs[::3], (0.6, 0.5), strict=True)
    ]
    (verdict,) = verdicts(pair)
    assert verdict.ssim == pytest.approx(0.6)
    assert (verdict.reference_ssim, verdict.outcome) == (0.5, "nearer")
    assert np.isnan(verdict.psnr)
    assert "MR of the same subject" in headline(pair, [verdict])


@pytest.mark.parametrize(
    ("shift", "outcome", "words"),
    [
        ({"us-7": 1.0, "us-8": 1.0}, "not", "No trained run is nearer"),
        ({"us-7": 0.9, "us-8": 0.01}, "not", "No trained run is nearer"),
        ({"us-7": 0.3, "us-8": 0.0}, "mixed", "not in every test volume or"),
    ],
)
def test_a_lost_comparison_is_said(
    folder: Path, shift: dict[str, float], outcome: str, words: str
) -> None:
    runs = gather(folder, phantom.LABELS, phantom.VOLUMES).runs
    ours, atlas = runs[0], runs[3]
    better = atlas.compare.assign(
        ssim=atlas.compare["ssim"] + atlas.compare["volume"].map(shift).astype(float)
    )
    pair = [ours, replace(atlas, compare=better)]
    compared = verdicts(pair)
    assert [verdict.outcome for verdict in compared] == [outcome]
    assert words in headline(pair, compared)


def test_the_page_has_the_colour_of_the_best_run_at_its_hardest_reference():
    def verdict(label, outcome):
        return Verdict(label, "any", 0.5, 0.4, 15.0, 14.0, 1, 1, 10, outcome)

    assert best_outcome([]) == "unknown"
    assert best_outcome([verdict("a", "nearer"), verdict("a", "not")]) == "not"
    assert (
        best_outcome([verdict("a", "nearer"), verdict("a", "mixed"), verdict("b", "not")])
        == "mixed"
    )
    assert best_outcome([verdict("a", "not"), verdict("b", "nearer")]) == "nearer"
