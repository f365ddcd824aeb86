"""Stage `register`: how far synthetic MR slices must deform to become real MR."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ssus2mri.config.evaluate import RegisterSettings
from ssus2mri.evaluate import ffd, jacobian, tables
from ssus2mri.evaluate.pairs import (
    Entry,
    choose,
    keys,
    load,
    mr_entries,
    pair_nearest,
    require_same_grid,
    synthetic_entries,
)
from ssus2mri.slices import read

logger = logging.getLogger(__name__)


def score_slice(
    synthetic: ffd.Slice,
    real: ffd.Slice,
    head: ffd.Mask,
    *,
    spacing_mm: float,
    settings: RegisterSettings,
) -> dict[str, float | None]:
    """Compute the deformation score of a slice.

    Two cases have a deformation of 1, the worst, since a low one would reward images that are
    nothing like MR. A synthetic slice without contrast cannot be registered; its raw parts are
    unknown. And a slice that stays dissimilar (``min_similarity``) was not registered: its contrast
    is inverted, which the squared correlation takes for a good match, or it is a speck too far from
    anything to move.

    Source: TMI 2020, Sec. IV-B, Deformation score.

    Args:
        synthetic: ``(H, W)`` in [0, 1].
        real: ``(H, W)`` in [0, 1], with contrast within ``head``.
        head: ``(H, W)``, where they are compared; both are 0 outside.
        spacing_mm: edge of a pixel, mm.
        settings: the definition of the score.

    Returns:
        The measures among the columns of ``register.csv``; None is unknown.
    """
    registration = ffd.register(synthetic, real, head, spacing_mm=spacing_mm, settings=settings.ffd)
    if registration is None:
        before = ffd.correlation(synthetic, real, head)
        return {"similarity_before": before, "similarity_after": before, "deformation": 1.0}
    similar = registration.similarity_after > settings.min_similarity
    deformation = jacobian.measure(
        jacobian.determinant(registration.displacement, spacing_mm),
        head,
        scale=settings.deformation_scale,
        min_determinant=settings.min_determinant,
    )
    return {
        "similarity_before": registration.similarity_before,
        "similarity_after": registration.similarity_after,
        "abs_log_det": deformation.abs_log_det,
        "abs_det_minus_1": deformation.abs_det_minus_1,
        "folding_fraction": deformation.folding_fraction,
        "deformation": deformation.score if similar else 1.0,
    }


def run_register(
    synthetic: Sequence[Path], *, references: Sequence[Path], out: Path, settings: RegisterSettings
) -> None:
    """Register slices of every synthetic file to real MR and write a row per slice.

    Both slices are masked to the scan's head: a synthetic slice shows nothing outside it.

    Args:
        synthetic: slice files of one run.
        references: slice files of real MR; `pairs.pair_nearest` chooses among them.
        out: ``register.csv``, columns `tables.REGISTER`.
        settings: section ``register``.

    Raises:
        InputError: no reference, a file of the wrong kind, or files on different grids.
    """
    mrs = mr_entries(references)
    rows: list[dict[str, object]] = []
    for scan in synthetic_entries(synthetic):
        for mr in mrs:
            require_same_grid(scan, mr)
        rows += _scan_rows(scan, mrs, settings)
    tables.write(rows, tables.REGISTER, out)


def _scan_rows(
    scan: Entry, references: Sequence[Entry], settings: RegisterSettings
) -> list[dict[str, object]]:
    pairs = pair_nearest(scan, references, tolerance_mm=settings.index_tolerance_mm)
    if len(pairs) < len(scan.plane):
        logger.info(
            "%s: %d of %d slices have no real MR within %g mm",
            scan.header.volume,
            len(scan.plane) - len(pairs),
            len(scan.plane),
            settings.index_tolerance_mm,
        )
    rows: list[dict[str, object]] = []
    slices = read(scan.path)
    chosen = choose(pairs, scan, settings.slices_per_volume)
    real_slices = load(chosen)
    for pair in chosen:
        head = slices.head[pair.number]
        real = real_slices[pair.reference.path].image[pair.reference_number] * head
        if ffd.flat(real, head):
            logger.warning("%s: empty real slice left out", pair.reference.header.volume)
            continue
        measures = score_slice(
            slices.image[pair.number],
            real,
            head,
            spacing_mm=scan.header.spacing_mm,
            settings=settings,
        )
        rows.append({**keys(scan, pair), **measures})
    logger.info("%s: %d slices registered", scan.header.volume, len(rows))
    return rows
