"""A whole run without home, display and network, in another language, with odd letters in paths."""

import os
import subprocess

import pytest
from phantom_failures import WEIRD, Smallest


def test_a_whole_run_needs_no_home_display_or_network(undisturbed: Smallest) -> None:
    results = undisturbed.folder / "results"
    assert undisturbed.folder.name == WEIRD
    assert (results / "render" / "report.html").stat().st_size > 10_000
    assert not os.path.exists(undisturbed.environment["HOME"])
    assert undisturbed.csvs()["score/deformation.csv"].startswith(b"run,label,role,certificate,")
    assert "Nothing to be done" in undisturbed.snakemake()


def test_numbers_have_decimal_points_in_any_language(undisturbed: Smallest) -> None:
    """A decimal comma would be one field more."""
    for name, content in undisturbed.csvs().items():
        fields = {line.count(",") for line in content.decode().splitlines() if '"' not in line}
        assert len(fields) == 1, name


def test_the_language_was_another(undisturbed: Smallest) -> None:
    if "LOCPATH" not in undisturbed.environment:
        pytest.skip("this system makes no locale (localedef)")
    program = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(1.5))"
    said = subprocess.run(
        ["python3", "-c", program], env=undisturbed.variables(), capture_output=True, text=True
    )
    assert said.stdout == "1,5\n"


def test_the_network_was_cut_off(undisturbed: Smallest) -> None:
    if not undisturbed.before:
        pytest.skip("this system lets nobody take the network away (unshare --net)")
    program = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    said = subprocess.run(
        [*undisturbed.before, "python3", "-c", program], capture_output=True, text=True
    )
    assert "Network is unreachable" in said.stderr
