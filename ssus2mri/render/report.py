"""Stage `render`: write the report, one HTML file that needs no network and no other file."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import jinja2

from ssus2mri import __version__
from ssus2mri.config.evaluate import RenderSettings
from ssus2mri.evaluate.options import run_names
from ssus2mri.files import write_text
from ssus2mri.render.details import (
    alignment_table,
    scan_table,
    settings_table,
    training_table,
)
from ssus2mri.render.examples import IN_SIGHT, examples
from ssus2mri.render.figures import loss_terms, losses_svg, shrunk
from ssus2mri.render.gather import Results, gather
from ssus2mri.render.layouts import pathology_tables, score_tables, summary_table
from ssus2mri.render.table import number
from ssus2mri.render.verdict import best_outcome, headline, truth_kind, verdicts

logger = logging.getLogger(__name__)


def run_render(
    results: Path,
    *,
    labels: str,
    volumes: list[str],
    out: Path,
    settings: RenderSettings,
    scans: Sequence[str] = (),
) -> None:
    """Write tables, pictures, losses and alignment to one HTML file.

    The same results give the same bytes: nothing depends on the time or the machine.

    Args:
        results: the results folder.
        labels: JSON, run -> name in tables, in their order.
        volumes: test US volumes.
        out: the page.
        settings: section ``render``.
        scans: all volumes; see `gather`.

    Raises:
        InputError: a piece is missing or is not what its stage writes; nothing is written then.
    """
    names = run_names("--labels", labels, '{"ours": "Ours"}')
    text = page(gather(results, names, volumes, scans), settings)
    write_text(text, out)
    logger.info("%s: %d test scans, %.1f MB", out, len(volumes), len(text) / 1e6)


def page(results: Results, settings: RenderSettings) -> str:
    """Compose the page.

    Args:
        results: what `gather` read.
        settings: section ``render``.

    Returns:
        HTML.

    Raises:
        InputError: a slice or a picture that the page shows is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ssus2mri.render", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    compared = verdicts(results.runs)
    alignment = alignment_table(results)
    terms = [term for run in results.runs for term in loss_terms(run.losses)]
    rows = examples(
        results,
        count=settings.examples_per_plane,
        most_rows=settings.example_rows,
        edge_sigma_px=settings.edge_sigma_px,
    )
    return environment.get_template("report.html").render(
        title=settings.title,
        version=__version__,
        headline=headline(results.runs, compared),
        outcome=best_outcome(compared),
        kind=truth_kind(results.runs),
        verdicts=compared,
        tables=score_tables(results),
        downloads=results.downloads,
        upper_bounds=[run.label for run in results.runs if run.role == "upper_bound"],
        summary=summary_table(results),
        pathologies=pathology_tables(results),
        runs=results.runs,
        test_volumes=len(results.us),
        drawn=len({row.volume for row in rows}),
        examples=rows,
        columns=max((row.pictures for row in rows), key=len, default=[]),
        rank=_rank_text,
        number=number,
        shown_scores=IN_SIGHT,
        losses=[
            (run.label, losses_svg(run.losses, f"Losses of {run.label} over the epochs", terms))
            for run in results.runs
        ],
        alignment=alignment,
        uncertain=[row.cells[0].text for row in alignment.rows if row.marked],
        album=[
            (name, shrunk(results.pictures[name], settings.alignment_px))
            for name in alignment.names[: settings.alignment_pictures]
        ],
        training_table=training_table(results),
        settings_table=settings_table(results),
        scan_table=scan_table(results),
    )


def _rank_text(values: list[float]) -> str:
    return " ".join("nan" if math.isnan(value) else f"{value:.4f}" for value in values)
