"""Slices and rows in, the rows of the picture grid out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.render.choose import RealMr, chosen, spread
from ssus2mri.render.figures import edges, grey, upright
from ssus2mri.render.gather import SLICE, Results, Run, plane_name
from ssus2mri.render.views import number
from ssus2mri.slices import Slices, read

Key = tuple[str, str, int]  # volume, plane, index

IN_SIGHT = ("SSIM", "deformation")
"""Scores shown under a picture; all are shown when the reader points at it."""

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
    """One picture of the grid; ``scores`` are names and numbers as text, the best known first."""

    label: str
    note: str
    source: str
    alt: str
    scores: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """One row of the grid: the same place in the US, in every run and in real MR.

    ``rank`` has for each run a number that is lower for worse slices (SSIM, or else minus the
    deformation), NaN when unknown. ``edges`` is empty when the true MR is not known, ``pathology``
    when the subject is healthy.
    """

    volume: str
    pathology: str
    plane: str
    index: int
    pictures: list[Picture]
    rank: list[float]
    edges: str


def examples(
    results: Results, *, count: int, most_rows: int, edge_sigma_px: float
) -> list[Example]:
    """Choose slices of the test scans and draw them.

    Args:
        results: what the folder holds.
        count: slices a volume and plane.
        most_rows: rows of the grid; volumes are left out, evenly, to keep to it.
        edge_sigma_px: see `figures.edges`.

    Returns:
        The rows, volume by volume.

    Raises:
        InputError: a run has no synthetic slice for a US slice.
    """
    scores = [_scores(run) for run in results.runs]
    real = RealMr(results.mr)
    first = next(iter(results.us))
    rows_a_volume = len(chosen(read(results.us[first]), [], count))
    found = []
    for volume in spread(list(results.us), max(1, most_rows // rows_a_volume)):
        us = read(results.us[volume])
        synthetic = [read(run.synthetic[volume]) for run in results.runs]
        found += [
            _example(
                us,
                place,
                [
                    (run, _same(slices, us, place), known.get(_key(us, place), {}))
                    for run, slices, known in zip(results.runs, synthetic, scores, strict=True)
                ],
                real,
                edge_sigma_px,
            )
            for place in chosen(us, _scored(scores, volume), count)
        ]
    return found


def _example(
    us: Slices,
    place: int,
    of_runs: Sequence[tuple[Run, NDArray[np.float16], dict[str, float]]],
    real: RealMr,
    edge_sigma_px: float,
) -> Example:
    volume, plane, index = _key(us, place)
    where = f"{volume}, {plane} slice {index}"
    truth = None if us.truth is None else upright(us.truth[place], plane)
    return Example(
        volume=volume,
        pathology=us.header.pathology.replace("_", " "),
        plane=plane,
        index=index,
        pictures=[
            Picture("Ultrasound", "", _drawn(us.image[place], plane), f"Ultrasound, {where}"),
            *(_of_run(run, image, known, plane, where) for run, image, known in of_runs),
            *_of_real(us, place, real, where),
        ],
        rank=[known.get("ssim", -known.get("deformation", np.nan)) for _, _, known in of_runs],
        edges="" if truth is None else edges(truth, edge_sigma_px),
    )


def _key(us: Slices, place: int) -> Key:
    return us.header.volume, plane_name(us.plane[place]), int(us.index[place])


def _scores(run: Run) -> dict[Key, dict[str, float]]:
    """Known numbers of a run's slices, means over references; the truth's where there is one."""
    compare = run.compare
    if (compare["kind"] == "truth").any():
        compare = compare[compare["kind"] == "truth"]
    known: dict[Key, dict[str, float]] = {}
    for table in (compare, run.register[[*SLICE, "deformation"]]):
        names = [name for name, _, _ in _SCORES if name in table]
        for row in table.groupby(SLICE)[names].mean().reset_index().to_dict("records"):
            key = (str(row["volume"]), str(row["plane"]), int(row["index"]))
            numbers = {name: float(row[name]) for name in names}
            known.setdefault(key, {}).update({k: v for k, v in numbers.items() if np.isfinite(v)})
    return known


def _scored(
    scores: Sequence[dict[Key, dict[str, float]]], volume: str
) -> list[set[tuple[str, int]]]:
    """Which slices of a volume have a deformation and an SSIM, then one of them."""
    deformed, compared = (
        {
            (plane, index)
            for known in scores
            for (name, plane, index), numbers in known.items()
            if name == volume and measure in numbers
        }
        for measure in ("deformation", "ssim")
    )
    return [deformed & compared, compared, deformed]


def _of_run(
    run: Run, image: NDArray[np.float16], values: dict[str, float], plane: str, where: str
) -> Picture:
    scores = [
        (name, number(values[column], digits))
        for column, name, digits in _SCORES
        if column in values
    ]
    alt = f"{run.label}, {where}" + "".join(f", {name} {text}" for name, text in scores)
    return Picture(run.label, "", _drawn(image, plane), alt, scores)


def _of_real(us: Slices, place: int, real: RealMr, where: str) -> list[Picture]:
    """Draw the truth, else the nearest real MR, else nothing."""
    if us.truth is not None:
        shown: tuple[NDArray[np.float16], str] | None = (us.truth[place], "true MR")
    else:
        shown = real.nearest(us, place)
    if shown is None:
        return []
    image, note = shown
    return [
        Picture("Real MR", note, _drawn(image, plane_name(us.plane[place])), f"{note}, {where}")
    ]


def _drawn(image: NDArray[np.float16], plane: str) -> str:
    return grey(upright(image, plane))


def _same(synthetic: Slices, us: Slices, place: int) -> NDArray[np.float16]:
    """Synthetic image of a US slice."""
    same = (synthetic.plane == us.plane[place]) & (synthetic.index == us.index[place])
    if not same.any():
        raise InputError(
            f"synthetic {us.header.volume} of run {synthetic.header.run}",
            expected=f"{plane_name(us.plane[place])} slice {us.index[place]}",
            found="no such slice",
            do="Run `synthesize` again.",
        )
    return synthetic.image[int(np.flatnonzero(same)[0])]
