"""Stage `register`: how far synthetic MR slices must deform to become real MR."""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ssus2mri.config.evaluate import RegisterSettings
from ssus2mri.evaluate import jacobian, tables
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
from ssus2mri.ffd.slice_pairs import (
    BATCH,
    Mask,
    Registration,
    Slice,
    correlation,
    flat,
    register_slices,
)
from ssus2mri.slices import read

logger = logging.getLogger(__name__)


class Task(NamedTuple):
    """A pair of slices to register: the ``keys`` of its row, and ``(H, W)`` each."""

    keys: dict[str, object]
    synthetic: Slice
    real: Slice
    head: Mask


def score_slices(
    synthetic: Sequence[Slice],
    real: Sequence[Slice],
    heads: Sequence[Mask],
    *,
    spacing_mm: float,
    settings: RegisterSettings,
) -> list[dict[str, float | None]]:
    """Compute the deformation scores of pairs of slices.

    Two cases have a deformation of 1, the worst, since a low one would reward images that are
    nothing like MR. A synthetic slice without contrast cannot be registered; its raw parts are
    unknown. And a slice that stays dissimilar (``min_similarity``) was not registered: its contrast
    is inverted, which the squared correlation takes for a good match, or it is a speck too far from
    anything to move.

    Source: TMI 2020, Sec. IV-B, Deformation score.

    Args:
        synthetic: ``(H, W)`` each, in [0, 1].
        real: ``(H, W)`` each, in [0, 1], with contrast within its head.
        heads: ``(H, W)`` each, where they are compared; both are 0 outside.
        spacing_mm: edge of a pixel, mm.
        settings: the definition of the score.

    Returns:
        For each pair the measures among the columns of ``register.csv``; None is unknown.
    """
    registrations = register_slices(
        synthetic, real, heads, spacing_mm=spacing_mm, settings=settings.ffd
    )
    scores: list[dict[str, float | None]] = []
    for image, mr, head, registration in zip(synthetic, real, heads, registrations, strict=True):
        if registration is None:
            before = correlation(image, mr, head)
            scores.append(
                {"similarity_before": before, "similarity_after": before, "deformation": 1.0}
            )
        else:
            scores.append(_score(registration, head, settings))
    return scores


def _score(
    registration: Registration, head: Mask, settings: RegisterSettings
) -> dict[str, float | None]:
    deformation = jacobian.measure(
        registration.determinant,
        head,
        scale=settings.deformation_scale,
        min_determinant=settings.min_determinant,
    )
    similar = registration.similarity_after > settings.min_similarity
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
    mrs, scans = mr_entries(references), synthetic_entries(synthetic)
    for scan in scans:
        for mr in mrs:
            require_same_grid(scan, mr)
    waiting = (task for scan in scans for task in tasks(scan, mrs, settings))
    rows: list[dict[str, object]] = []
    while batch := list(islice(waiting, BATCH)):
        names, *arrays = zip(*batch, strict=True)
        scores = score_slices(*arrays, spacing_mm=mrs[0].header.spacing_mm, settings=settings)
        rows += [{**name, **score} for name, score in zip(names, scores, strict=True)]
    failed = sum(row["deformation"] == 1 for row in rows)
    logger.info("%d slices registered, %d of them without a match", len(rows), failed)
    tables.write(rows, tables.REGISTER, out)


def tasks(scan: Entry, references: Sequence[Entry], settings: RegisterSettings) -> Iterator[Task]:
    """Yield what is registered of a scan: slices evenly over its planes, each with its real MR."""
    pairs = pair_nearest(scan, references, tolerance_mm=settings.index_tolerance_mm)
    if len(pairs) < len(scan.plane):
        logger.info(
            "%s: %d of %d slices have no real MR within %g mm",
            scan.header.volume,
            len(scan.plane) - len(pairs),
            len(scan.plane),
            settings.index_tolerance_mm,
        )
    slices = read(scan.path)
    chosen = choose(pairs, scan, settings.slices_per_volume)
    real_slices = load(chosen)
    for pair in chosen:
        head = slices.head[pair.number]
        real = real_slices[pair.reference.path].image[pair.reference_number] * head
        if flat(real, head):
            logger.warning("%s: empty real slice left out", pair.reference.header.volume)
            continue
        yield Task(keys(scan, pair), slices.image[pair.number], real, head)
