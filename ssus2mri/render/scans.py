"""The test scans one by one: how close the recommended run comes to each, the worst first."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ssus2mri.evaluate.agreement import AGREEMENT
from ssus2mri.render.gather import Results, Run
from ssus2mri.render.table import Cell, Column, Row, Table, number, plain
from ssus2mri.slices import Header


class ScanScore(NamedTuple):
    """Means over the slices of a scan, NaN where unknown; ``ssim`` is with the truth or a pair."""

    ssim: float = math.nan
    deformation: float = math.nan
    agreement: float = math.nan

    @property
    def rank(self) -> float:
        """A number that is lower for a worse scan; NaN where nothing is known."""
        return -self.deformation if math.isnan(self.ssim) else self.ssim


def scan_scores(run: Run) -> dict[str, ScanScore]:
    """Return the scores of every scan that the run has rows of."""
    compare = run.compare[run.compare["kind"].isin(["truth", "pair"])]
    truth = compare[compare["kind"] == "truth"]
    likeness = truth["ssim"] if len(truth) else compare["ssim_registered"]
    ssim = likeness.groupby(compare.loc[likeness.index, "volume"]).mean()
    deformation = run.register.groupby("volume")["deformation"].mean()
    segment = run.segment[run.segment["measure"] == AGREEMENT]
    agreement = segment.set_index("volume")["value"]
    measures = (ssim, deformation, agreement)
    return {
        str(volume): ScanScore(*(float(values.get(volume, math.nan)) for values in measures))
        for volume in sorted({*ssim.index, *deformation.index, *agreement.index})
    }


def ranked(volumes: Sequence[str], run: Run | None) -> list[str]:
    """Order test scans, the worst of a run first; those without a score last, as they came."""
    scores = scan_scores(run) if run else {}
    ranks = {volume: scores.get(volume, ScanScore()).rank for volume in volumes}
    return sorted(volumes, key=lambda name: math.inf if math.isnan(ranks[name]) else ranks[name])


def table_of_scans(
    results: Results, order: Sequence[str], run: Run | None, reference: Run | None
) -> Table:
    """Lay out the test scans.

    Args:
        results: what the folder holds.
        order: names of the scans to show.
        run: the run whose scores are shown; None: no run was trained.
        reference: a reference row to compare it with; None: there is none.

    Returns:
        The table, each scan a link to its page. `atlas` deforms by 0 by construction, so the
        deformation of a reference is left out.
    """
    headers = {header.volume: header for header in results.headers}
    shown = [other for other in (run, reference) if other]
    scores = [scan_scores(other) for other in shown]
    columns = [
        Column("Scan", number=False),
        *(Column(text, number=False) for text in ("Subject", "Weeks", "Remarks")),
        *(Column(f"Agreement, {other.label}") for other in shown[:1]),
        *(Column(f"SSIM, {other.label}") for other in shown),
        *(Column(f"Deformation, {other.label}") for other in shown[:1]),
    ]
    rows = []
    for name in order:
        header = headers[name]
        values = [score.get(name, ScanScore()) for score in scores]
        cells = [
            Cell(name, link=page_of(name)),
            Cell(header.subject),
            Cell(plain(header.ga_weeks)),
            Cell(_remarks(header)),
            *(Cell(number(value.agreement, 3)) for value in values[:1]),
            *(Cell(number(value.ssim, 3)) for value in values),
            *(Cell(number(value.deformation, 2)) for value in values[:1]),
        ]
        rows.append(Row(cells, marked=header.uncertain))
    return Table(columns, rows)


def page_of(volume: str) -> str:
    """Return where the page of a scan lies, as seen from the report."""
    return f"../browse/{volume}.html"


def _remarks(header: Header) -> str:
    uncertain = "uncertain pose" if header.uncertain else ""
    return ", ".join(filter(None, (header.pathology.replace("_", " "), uncertain))) or "–"
