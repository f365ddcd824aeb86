"""Stage `compare`: how similar synthetic MR slices are to the real MR.

There are two kinds of reference: ``truth``, the MR of the same anatomy at the same place, known for
simulated scans; ``pair``, the MR of the same test subject, aligned separately, so near but never
exact. All are compared within the scan's head, to which both slices are masked.

A row of kind ``position`` compares no images: it holds the error of the slice's position, where the
run predicts it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from ssus2mri.config.evaluate import CompareSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.pairs import (
    Entry,
    Pair,
    choose,
    entry,
    keys,
    load,
    pair_nearest,
    require_same_grid,
    source_of,
    synthetic_entries,
)
from ssus2mri.evaluate.position import errors
from ssus2mri.ffd.slice_pairs import register_slices
from ssus2mri.measures import Mask, Slice, mae, ms_ssim, nmi, psnr, ssim
from ssus2mri.slices import read
from ssus2mri.tissues import INTRACRANIAL

logger = logging.getLogger(__name__)

COLUMNS = (*tables.COMPARE, *(f"mae_{tissue.name.lower()}" for tissue in INTRACRANIAL))


def likeness(
    synthetic: Slice, real: Slice, head: Mask, *, settings: CompareSettings
) -> dict[str, float | None]:
    """Compare two slices without registration.

    Args:
        synthetic: ``(H, W)`` in [0, 1].
        real: ``(H, W)`` in [0, 1].
        head: ``(H, W)``, where to compare; at least one pixel.
        settings: section ``compare``.

    Returns:
        ``ssim``, ``ms_ssim``, ``nmi``, ``psnr`` (dB) and ``mae`` in the head; ``ssim_brain`` where
        the real MR shows something, which is left unknown (None) if that is nowhere.
    """
    constants = settings.ssim.model_dump()
    brain = head & (real > 0)
    return {
        "ssim": ssim(synthetic, real, head, **constants),
        "ssim_brain": ssim(synthetic, real, brain, **constants) if brain.any() else None,
        "ms_ssim": ms_ssim(synthetic, real, head, weights=settings.ms_ssim_weights, **constants),
        "nmi": nmi(synthetic, real, head, bins=settings.nmi_bins),
        "psnr": psnr(synthetic, real, head, cap_db=settings.psnr_cap_db),
        "mae": mae(synthetic, real, head),
    }


def registered_ssims(
    synthetic: Sequence[Slice],
    real: Sequence[Slice],
    heads: Sequence[Mask],
    *,
    spacing_mm: float,
    settings: CompareSettings,
) -> list[float]:
    """Compute the SSIM of pairs of slices after deforming the synthetic one to the real one.

    It flatters whatever registers easily, so the SSIM before registration is reported beside it. A
    slice that cannot be registered is compared as it is.

    Source: TMI 2020, Sec. IV-E, Table IV.

    Args:
        synthetic: ``(H, W)`` each, in [0, 1].
        real: ``(H, W)`` each, in [0, 1].
        heads: ``(H, W)`` each, where they are compared; both are 0 outside.
        spacing_mm: edge of a pixel, mm.
        settings: section ``compare``.

    Returns:
        Each at most 1.
    """
    registrations = register_slices(
        synthetic, real, heads, spacing_mm=spacing_mm, settings=settings.ffd
    )
    return [
        ssim(
            image if registration is None else registration.warped,
            mr,
            head,
            **settings.ssim.model_dump(),
        )
        for image, mr, head, registration in zip(synthetic, real, heads, registrations, strict=True)
    ]


def run_compare(
    synthetic: Sequence[Path], *, extracts: Sequence[Path], out: Path, settings: CompareSettings
) -> None:
    """Compare every synthetic file with its truth, pseudo-pair and position; write a row per slice.

    Args:
        synthetic: slice files of one run.
        extracts: slice files of the test scans, US and MR.
        out: ``compare.csv``, columns `COLUMNS`; the header only if nothing is known about any scan.
        settings: section ``compare``.

    Raises:
        InputError: a scan without its US file, slices that do not match, or different grids.
    """
    scans = synthetic_entries(synthetic)
    entries = [entry(path) for path in extracts]
    sources = [us for us in entries if us.header.modality == "us"]
    rows: list[dict[str, object]] = []
    for scan in scans:
        rows += _truth_rows(scan, source_of(scan, sources), settings)
        mrs = [
            mr
            for mr in entries
            if mr.header.modality == "mr"
            and mr.header.subject == scan.header.subject
            and not mr.header.uncertain
        ]
        rows += _pair_rows(scan, mrs, settings)
        rows += _position_rows(scan, settings)
    tables.write(rows, COLUMNS, out)


def _truth_rows(scan: Entry, source: Entry, settings: CompareSettings) -> list[dict[str, object]]:
    slices, us = read(scan.path), read(source.path)
    if us.truth is None:
        return []
    rows: list[dict[str, object]] = []
    for number, head in enumerate(slices.head):
        if not head.any():
            continue
        measures = likeness(slices.image[number], us.truth[number], head, settings=settings)
        if us.labels is not None:
            for tissue in INTRACRANIAL:
                inside = head & (us.labels[number] == tissue)
                error = mae(slices.image[number], us.truth[number], inside)
                measures[f"mae_{tissue.name.lower()}"] = error
        pair = Pair(number, source, number)
        rows.append({**keys(scan, pair), "kind": "truth", **measures})
    logger.info("%s: %d slices compared with the truth", scan.header.volume, len(rows))
    return rows


def _pair_rows(
    scan: Entry, references: Sequence[Entry], settings: CompareSettings
) -> list[dict[str, object]]:
    for mr in references:
        require_same_grid(scan, mr)
    slices = read(scan.path)
    pairs = pair_nearest(scan, references, tolerance_mm=settings.index_tolerance_mm)
    chosen = [
        pair
        for pair in choose(pairs, scan, settings.slices_per_volume)
        if slices.head[pair.number].any()
    ]
    real_slices = load(chosen)
    synthetic, heads = (
        [array[pair.number] for pair in chosen] for array in (slices.image, slices.head)
    )
    real = [
        real_slices[pair.reference.path].image[pair.reference_number] * head
        for pair, head in zip(chosen, heads, strict=True)
    ]
    registered = registered_ssims(
        synthetic, real, heads, spacing_mm=scan.header.spacing_mm, settings=settings
    )
    rows: list[dict[str, object]] = [
        {
            **keys(scan, pair),
            "kind": "pair",
            **likeness(image, mr, head, settings=settings),
            "ssim_registered": after,
        }
        for pair, image, mr, head, after in zip(
            chosen, synthetic, real, heads, registered, strict=True
        )
    ]
    if references:
        logger.info("%s: %d slices compared with a pseudo-pair", scan.header.volume, len(rows))
    return rows


def _position_rows(scan: Entry, settings: CompareSettings) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {**keys(scan, Pair(number, scan, number)), "kind": "position", **measures}
        for number, measures in enumerate(
            errors(read(scan.path), tolerance=settings.position_tolerance)
        )
    ]
    if rows:
        logger.info("%s: %d positions compared", scan.header.volume, len(rows))
    return rows
