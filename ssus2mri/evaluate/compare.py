"""Synthetic slices and what the MR truly looks like in, their likeness out.

Two kinds of reference: ``truth``, the MR of the very anatomy at the very place, known for simulated
scans; ``pair``, the MR of the same test subject, aligned by itself, so near but never exact. All
is compared within the scan's head, to which the real slice is cut as the synthetic one is.

A row of kind ``position`` compares no images: it says how far off the run is about the slice's
place, where the run predicts it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssus2mri.config.evaluate import CompareSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import ffd, tables
from ssus2mri.evaluate.pairs import (
    Entry,
    Pair,
    choose,
    entry,
    keys,
    load,
    nearest,
    require_same_grid,
    synthetic_entries,
)
from ssus2mri.evaluate.position import errors
from ssus2mri.measures import mae, psnr, ssim
from ssus2mri.slices import read
from ssus2mri.tissues import INTRACRANIAL

logger = logging.getLogger(__name__)

COLUMNS = (*tables.COMPARE, *(f"mae_{tissue.name.lower()}" for tissue in INTRACRANIAL))


def likeness(
    synthetic: ffd.Slice, real: ffd.Slice, head: ffd.Mask, *, settings: CompareSettings
) -> dict[str, float | None]:
    """Compare two slices as they are.

    Args:
        synthetic: ``(H, W)`` in [0, 1].
        real: ``(H, W)`` in [0, 1].
        head: ``(H, W)``, where to compare; at least one pixel.
        settings: section ``compare``.

    Returns:
        ``ssim``, ``psnr`` (dB) and ``mae``.
    """
    return {
        "ssim": ssim(synthetic, real, head, settings=settings.ssim),
        "psnr": psnr(synthetic, real, head, cap_db=settings.psnr_cap_db),
        "mae": mae(synthetic, real, head),
    }


def registered_ssim(
    synthetic: ffd.Slice,
    real: ffd.Slice,
    head: ffd.Mask,
    *,
    spacing_mm: float,
    settings: CompareSettings,
) -> float:
    """SSIM after the synthetic slice is deformed to the real one.

    It flatters whatever registers easily, so it stands beside the SSIM before. A slice that cannot
    be registered stays as it is.

    Source: TMI 2020, Sec. IV-E, Table IV.

    Args:
        synthetic: ``(H, W)`` in [0, 1].
        real: ``(H, W)`` in [0, 1].
        head: ``(H, W)``, where they are compared; both are 0 outside.
        spacing_mm: edge of a pixel, mm.
        settings: section ``compare``.

    Returns:
        At most 1.
    """
    found = ffd.register(synthetic, real, head, spacing_mm=spacing_mm, settings=settings.ffd)
    return ssim(synthetic if found is None else found.warped, real, head, settings=settings.ssim)


def run_compare(
    synthetic: Sequence[Path], *, extracts: Sequence[Path], out: Path, settings: CompareSettings
) -> None:
    """Compare every synthetic file with its truth, its pseudo-pair and its place; a row a slice.

    Args:
        synthetic: slice files of one run.
        extracts: slice files of the test scans, US and MR.
        out: ``compare.csv``, columns `COLUMNS`; a header alone if nothing is known of any scan.
        settings: section ``compare``.

    Raises:
        InputError: a scan without its US file, slices that do not match, or different grids.
    """
    scans = synthetic_entries(synthetic)
    entries = [entry(path) for path in extracts]
    sources = {one.header.volume: one for one in entries if one.header.modality == "us"}
    rows: list[dict[str, object]] = []
    for scan in scans:
        rows += _truth_rows(scan, _source(scan, sources), settings)
        mrs = [
            one
            for one in entries
            if one.header.modality == "mr" and one.header.subject == scan.header.subject
        ]
        rows += _pair_rows(scan, mrs, settings)
        rows += _position_rows(scan, settings)
    tables.write(rows, COLUMNS, out)


def _source(scan: Entry, sources: dict[str, Entry]) -> Entry:
    source = sources.get(scan.header.volume)
    if source is None:
        raise InputError(
            str(scan.path),
            expected=f"the US slice file of {scan.header.volume} among --extracts",
            found=", ".join(sorted(sources)) or "no US slice file",
            do="Add results/extract/{volume}.h5 of this scan.",
        )
    require_same_grid(scan, source)
    same = np.array_equal(scan.plane, source.plane) and np.array_equal(scan.index, source.index)
    if not same:
        raise InputError(
            str(scan.path),
            expected=f"the {len(source.plane)} slices of {source.path}",
            found=f"{len(scan.plane)} slices, not the same planes and indices",
            do="Run `synthesize` again.",
        )
    return source


def _truth_rows(scan: Entry, source: Entry, settings: CompareSettings) -> list[dict[str, object]]:
    slices, known = read(scan.path), read(source.path)
    if known.truth is None:
        return []
    rows: list[dict[str, object]] = []
    for number, head in enumerate(slices.head):
        if not head.any():
            continue
        measures = likeness(slices.image[number], known.truth[number], head, settings=settings)
        if known.labels is not None:
            for tissue in INTRACRANIAL:
                inside = head & (known.labels[number] == tissue)
                error = mae(slices.image[number], known.truth[number], inside)
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
    pairs = nearest(scan, references, tolerance_mm=settings.index_tolerance_mm)
    chosen = choose(pairs, scan, settings.slices_per_volume)
    references_read = load(chosen)
    rows: list[dict[str, object]] = []
    for pair in chosen:
        synthetic, head = slices.image[pair.number], slices.head[pair.number]
        real = references_read[pair.reference.path].image[pair.reference_number] * head
        if not head.any():
            continue
        measures = likeness(synthetic, real, head, settings=settings)
        measures["ssim_registered"] = registered_ssim(
            synthetic, real, head, spacing_mm=scan.header.spacing_mm, settings=settings
        )
        rows.append({**keys(scan, pair), "kind": "pair", **measures})
    if references:
        logger.info("%s: %d slices compared with a pseudo-pair", scan.header.volume, len(rows))
    return rows


def _position_rows(scan: Entry, settings: CompareSettings) -> list[dict[str, object]]:
    found = errors(read(scan.path), tolerance=settings.position_tolerance)
    rows: list[dict[str, object]] = [
        {**keys(scan, Pair(number, scan, number)), "kind": "position", **measures}
        for number, measures in enumerate(found)
    ]
    if rows:
        logger.info("%s: %d positions compared", scan.header.volume, len(rows))
    return rows
