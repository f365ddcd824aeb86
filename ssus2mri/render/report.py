"""The results folder in, one HTML file out that opens anywhere and can be sent by mail."""

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from ssus2mri import __version__
from ssus2mri.config.evaluate import RenderSettings
from ssus2mri.errors import InputError
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
from ssus2mri.render.pathology import pathology_tables
from ssus2mri.render.position import position_tables
from ssus2mri.render.tables import paper_tables, summary_table
from ssus2mri.render.verdict import best_outcome, headline, truth_kind, verdicts
from ssus2mri.render.views import number
from ssus2mri.render.way import way_tables

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
    """Put tables, pictures, losses and alignment into one HTML file.

    Same results, same bytes: nothing of the moment or the machine goes in.

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
    found = gather(results, _labels(labels), volumes, scans)
    text = page(found, settings)
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
    found = verdicts(results.runs)
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
        headline=headline(results.runs, found),
        # The best run gives the page its colour, by its hardest reference.
        outcome=best_outcome(found),
        kind=truth_kind(results.runs),
        verdicts=found,
        tables=[*way_tables(results), *paper_tables(results), *position_tables(results)],
        ceilings=[run.label for run in results.runs if run.role == "ceiling"],
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
        album=[
            (name, shrunk(results.root / "align" / f"{name}.png", settings.alignment_px))
            for name in alignment.names[: settings.alignment_pictures]
        ],
        training_table=training_table(results),
        settings_table=settings_table(results),
        scan_table=scan_table(results),
    )


def _rank_text(values: list[float]) -> str:
    return " ".join("nan" if math.isnan(value) else f"{value:.4f}" for value in values)


def _labels(text: str) -> dict[str, str]:
    try:
        labels: Any = json.loads(text)
    except json.JSONDecodeError as error:
        labels = str(error)
    if not isinstance(labels, dict) or not labels:
        raise InputError(
            "--labels",
            expected="a JSON object, run -> name in tables",
            found=repr(labels)[:80],
            do='For example {"ours": "Ours"}.',
        )
    return {str(run): str(label) for run, label in labels.items()}
