"""A whole run without home, display and network, with odd letters in all paths."""

import os

import pytest
from phantom_failures import WEIRD, Smallest


def test_a_whole_run_needs_no_home_display_or_network(undisturbed: Smallest) -> None:
    results = undisturbed.folder / "results"
    assert undisturbed.folder.name == WEIRD
    assert (results / "render" / "report.html").stat().st_size > 10_000
    assert not os.path.exists(undisturbed.environment["HOME"])
    assert undisturbed.csvs()["score/table2.csv"].startswith(b"run,label,role,certificate,")
    assert "Nothing to be done" in undisturbed.snakemake()


def test_numbers_have_decimal_points_in_any_language(undisturbed: Smallest) -> None:
    for name, content in undisturbed.csvs().items():
        rows = content.decode().splitlines()
        assert len({line.count(",") for line in rows if '"' not in line}) == 1, name


def test_the_network_was_cut_off(undisturbed: Smallest) -> None:
    if not undisturbed.before:
        pytest.skip("this system lets nobody take the network away (unshare --net)")
    assert undisturbed.before[0] == "unshare"
