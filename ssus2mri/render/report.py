"""Stage `render`: write the report, one HTML file that needs no network and no other file."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ssus2mri import __version__
from ssus2mri.config.evaluate import RenderSettings
from ssus2mri.files import write_text
from ssus2mri.render.details import (
    alignment_table,
    scan_table,
    settings_table,
    training_table,
)
from ssus2mri.render.examples import IN_SIGHT, Example, drawn_volumes, examples
from ssus2mri.render.gather import Results, gather
from ssus2mri.render.layouts import pathology_tables, score_tables, summary_tables
from ssus2mri.render.losses import loss_terms, losses_svg
from ssus2mri.render.overview import Advice, advise, facts
from ssus2mri.render.pages import environment
from ssus2mri.render.pictures import shrunk
from ssus2mri.render.scans import page_of, ranked, table_of_scans
from ssus2mri.render.table import Table, fitted
from ssus2mri.render.verdict import (
    best_outcome,
    headline,
    truth_kind,
    verdict_table,
    verdicts,
)

logger = logging.getLogger(__name__)

_ABOUT = {
    "figure5": "Figure 5: latent feature maps and attention of encoders A and D",
    "figure6": "Figure 6: ultrasound, synthetic MR of each run, and real MR",
    "figure7": "Figure 7: squares stamped into ultrasound, and their synthesis",
    "figure8": "Figure 8: synthetic MR beside real MR of the same subject",
    "figure9": "Figure 9: runs with 3D auxiliaries beside the base model",
}
"""What the figures show, for those who cannot see them."""

SCANS = "scans.html"
"""Name of the page of all scans, beside the report."""


def run_render(
    results: Path,
    *,
    labels: dict[str, str],
    volumes: list[str],
    out: Path,
    settings: RenderSettings,
    scans: Sequence[str] = (),
) -> None:
    """Write tables, pictures, losses and alignment to one HTML file, and all scans to `SCANS`.

    The same results give the same bytes: nothing depends on the time or the machine.

    Raises:
        InputError: a piece is missing or is not what its stage writes; nothing is written then.
    """
    text, all_scans = pages(gather(results, labels, volumes, scans), settings)
    write_text(all_scans, out.with_name(SCANS))
    write_text(text, out)
    logger.info("%s: %d test scans, %.1f MB", out, len(volumes), len(text) / 1e6)


def pages(results: Results, settings: RenderSettings) -> tuple[str, str]:
    """Compose the pages.

    Returns:
        HTML of the report, and of all scans.

    Raises:
        InputError: a slice or a picture that the report shows is missing.
    """
    compared = verdicts(results.runs)
    advice = advise(results, compared, settings.recommended)
    order = ranked(list(results.us), advice.run)
    scans = table_of_scans(results, order, advice.run, advice.reference)
    alignment = alignment_table(results)
    templates = environment()
    all_scans = templates.get_template(SCANS).render(
        title=settings.title, version=__version__, run=advice.run, scans=scans, alignment=alignment
    )
    shown = drawn_volumes(
        results, order, count=settings.examples_per_plane, most_rows=settings.example_rows
    )
    rows = examples(
        results,
        shown,
        results.runs,
        count=settings.examples_per_plane,
        edge_sigma_px=settings.edge_sigma_px,
    )
    terms = [term for run in results.runs for term in loss_terms(run.losses)]
    lead = _lead(results, order, advice, settings)
    report = templates.get_template("report.html").render(
        title=settings.title,
        version=__version__,
        facts=facts(results),
        advice=advice,
        lead=lead,
        lead_caption=_lead_caption(lead, advice),
        viewer=_viewer,
        headline=headline(results.runs, compared),
        outcome=best_outcome(compared),
        kind=truth_kind(results.runs),
        verdict_table=verdict_table(compared, truth_kind(results.runs)),
        fitted=fitted,
        scans=_top(scans, settings.scan_rows),
        all_scans=len(results.headers),
        tables=score_tables(results),
        downloads=results.downloads,
        upper_bounds=[run.label for run in results.runs if run.role == "upper_bound"],
        summary=summary_tables(results),
        pathologies=pathology_tables(results),
        runs=results.runs,
        test_volumes=len(results.us),
        drawn=len(shown),
        examples=rows,
        columns=max((row.pictures for row in rows), key=len, default=[]),
        rank=_rank_text,
        shown_scores=IN_SIGHT,
        figures=[
            (name, _ABOUT.get(name, name), shrunk(path, settings.figure_px))
            for name, path in results.figures.items()
        ],
        losses=[
            (run.label, losses_svg(run.losses, f"Losses of {run.label} over the epochs", terms))
            for run in results.runs
        ],
        alignment=_top(alignment, settings.scan_rows),
        uncertain=[row.cells[0].text for row in alignment.rows if row.marked],
        album=[
            (name, shrunk(results.pictures[name], settings.alignment_px))
            for name in alignment.names[: settings.alignment_pictures]
        ],
        training_table=training_table(results),
        settings_table=settings_table(results),
        scan_table=scan_table(results),
    )
    return report, all_scans


def _top(table: Table, count: int) -> Table:
    return replace(table, rows=table.rows[:count])


def _lead(
    results: Results, order: Sequence[str], advice: Advice, settings: RenderSettings
) -> list[Example]:
    """Draw the middle scan of the order in each plane, by the recommended run and its rival."""
    runs = [run for run in (advice.run, advice.reference) if run]
    middle = order[len(order) // 2]
    return examples(results, [middle], runs, count=1, edge_sigma_px=settings.edge_sigma_px)


def _lead_caption(lead: Sequence[Example], advice: Advice) -> str:
    volume = lead[0].volume
    if advice.run is None:
        return f"The test scan {volume}, in the middle of each plane."
    return (
        f"The test scan {volume}, the median one by how close {advice.run.label} comes to it, in"
        " the middle of each plane: not chosen by hand."
    )


def _viewer(row: Example) -> str:
    """Return the link to a slice on the page of its scan."""
    return f"{page_of(row.volume)}#plane={row.plane}&slice={row.index}"


def _rank_text(values: list[float]) -> str:
    return " ".join("nan" if math.isnan(value) else f"{value:.4f}" for value in values)
