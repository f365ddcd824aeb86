"""The picture grid: slices of test scans, synthetic by every run, beside real MR."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssus2mri.display import windowed
from ssus2mri.render.choose import Reference, choose_slices, real_mr, spread, synthetic_at
from ssus2mri.render.gather import SLICE, Results, Run
from ssus2mri.render.names import plane_name
from ssus2mri.render.pictures import edges, grey, upright
from ssus2mri.render.table import number
from ssus2mri.slices import Slices, read

Key = tuple[str, str, int]  # volume, plane, index

IN_SIGHT = ("SSIM", "deformation")
"""Scores shown below a picture; the others are shown on hover."""

# Column, name, decimals, in the order shown.
_SCORES = (
    ("ssim", "SSIM", 2),
    ("deformation", "deformation", 2),
    ("psnr", "PSNR, dB", 1),
    ("mae", "mean abs. error", 3),
    ("ssim_registered", "SSIM registered", 2),
)


@dataclass(frozen=True)
class Picture:
    """A picture of the grid; ``scores`` are names and numbers as text."""

    label: str
    note: str
    source: str
    alt: str
    scores: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A row of the grid: the same place in the US, in every run and in real MR.

    ``rank`` holds for each run a number that is lower for worse slices (SSIM, or else minus the
    deformation), NaN where unknown. ``edges`` is empty where the true MR is unknown, ``pathology``
    where the subject has none.
    """

    volume: str
    pathology: str
    plane: str
    index: int
    pictures: list[Picture]
    rank: list[float]
    edges: str


def examples(
    results: Results,
    volumes: Sequence[str],
    runs: Sequence[Run],
    *,
    count: int,
    edge_sigma_px: float,
) -> list[Example]:
    """Choose slices of test scans and draw them.

    Args:
        results: what the folder holds.
        volumes: the scans, in order.
        runs: what to show of them, in order.
        count: slices per volume and plane.
        edge_sigma_px: see `pictures.edges`.

    Returns:
        The rows, volume by volume.

    Raises:
        InputError: a run has no synthetic slice for a US slice.
    """
    scores = [_scores(run, volumes) for run in runs]
    rows = []
    for volume in volumes:
        us = _shown(read(results.us[volume]))
        synthetic = [read(run.synthetic[volume]) for run in runs]
        places = choose_slices(us, _scored(scores, volume), count)
        for place, real in zip(places, _real(us, places, results), strict=True):
            shown = [
                Shown(
                    run, synthetic_at(slices, us, [place])[0], run_scores.get(_key(us, place), {})
                )
                for run, slices, run_scores in zip(runs, synthetic, scores, strict=True)
            ]
            rows.append(_example(us, place, shown, real, edge_sigma_px))
    return rows


def drawn_volumes(
    results: Results, order: Sequence[str], *, count: int, most_rows: int
) -> list[str]:
    """Choose the test scans to draw: the first of an order, and evenly from the others.

    Returns:
        As many as the rows allow, at least one, in the same order.
    """
    rows_per_volume = len(choose_slices(read(results.us[order[0]]), [], count))
    most = max(1, most_rows // rows_per_volume)
    return [order[0], *spread(order[1:], most - 1)]


class Shown(NamedTuple):
    """What a run shows at a place: its synthetic slice ``(H, W)`` and the scores of the slice."""

    run: Run
    image: NDArray[np.float16]
    scores: dict[str, float]


def _example(
    us: Slices, place: int, shown: Sequence[Shown], real: Reference | None, edge_sigma_px: float
) -> Example:
    volume, plane, index = _key(us, place)
    where = f"{volume}, {plane} slice {index}"
    pictures = [Picture("Ultrasound", "", _drawn(us.image[place], plane), f"Ultrasound, {where}")]
    pictures += [_run_picture(*run, plane, where) for run in shown]
    if real is not None:
        image, note = real
        label = "Real MR" if us.truth is None else "True MR"
        pictures.append(
            Picture(
                label, note if us.truth is None else "", _drawn(image, plane), f"{note}, {where}"
            )
        )
    truth = None if us.truth is None else upright(us.truth[place], plane)
    return Example(
        volume=volume,
        pathology=us.header.pathology.replace("_", " "),
        plane=plane,
        index=index,
        pictures=pictures,
        rank=[run.scores.get("ssim", -run.scores.get("deformation", np.nan)) for run in shown],
        edges="" if truth is None else edges(truth, edge_sigma_px),
    )


def _real(us: Slices, places: Sequence[int], results: Results) -> Sequence[Reference | None]:
    """Return the truth at some slices, else the nearest real MR."""
    if us.truth is None:
        return real_mr(us, places, results.mr)
    return [(us.truth[place], "true MR") for place in places]


def _shown(us: Slices) -> Slices:
    """Return the slices on the grey scale of pictures."""
    image = windowed(us.image, us.head, us.header.spacing_mm)
    return replace(us, image=image.astype(np.float16))


def _key(us: Slices, place: int) -> Key:
    return us.header.volume, plane_name(us.plane[place]), int(us.index[place])


def _scores(run: Run, volumes: Sequence[str]) -> dict[Key, dict[str, float]]:
    """Return the scores of a run's slices, means over references; the truth's if there is one."""
    compare, register = (
        table[table["volume"].isin(list(volumes))] for table in (run.compare, run.register)
    )
    if (compare["kind"] == "truth").any():
        compare = compare[compare["kind"] == "truth"]
    scores: dict[Key, dict[str, float]] = {}
    for table in (compare, register[[*SLICE, "deformation"]]):
        names = [name for name, _, _ in _SCORES if name in table]
        for row in table.groupby(SLICE)[names].mean().reset_index().to_dict("records"):
            key = (str(row["volume"]), str(row["plane"]), int(row["index"]))
            numbers = {name: float(row[name]) for name in names if np.isfinite(row[name])}
            scores.setdefault(key, {}).update(numbers)
    return scores


def _scored(
    scores: Sequence[dict[Key, dict[str, float]]], volume: str
) -> list[set[tuple[str, int]]]:
    """Return the slices of a volume with both deformation and SSIM, with SSIM, with deformation."""
    deformed, compared = (
        {
            (plane, index)
            for run_scores in scores
            for (name, plane, index), numbers in run_scores.items()
            if name == volume and measure in numbers
        }
        for measure in ("deformation", "ssim")
    )
    return [deformed & compared, compared, deformed]


def _run_picture(
    run: Run, image: NDArray[np.float16], values: dict[str, float], plane: str, where: str
) -> Picture:
    scores = [
        (name, number(values[column], digits))
        for column, name, digits in _SCORES
        if column in values
    ]
    alt = f"{run.label}, {where}" + "".join(f", {name} {text}" for name, text in scores)
    return Picture(run.label, "", _drawn(image, plane), alt, scores)


def _drawn(image: NDArray[np.float16], plane: str) -> str:
    return grey(upright(image, plane))
