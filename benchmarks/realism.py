"""Compare the look of simulated and real ultrasound: axial planes of a cohort beside real ones.

    SSUS2MRI_DATA=... python benchmarks/realism.py [--subjects 60] [--labels PATH]
        [--picture results/realism.png] [--simulated-picture PATH]

`axial_planes` makes the planes, of subjects of the ages of the real ones, and `likeness` defines
the measures; for each bin the median of the simulated planes should lie between the 10th and 90th
percentile of the real ones, for at least 80 % of bins.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from axial_planes import CONFIG, aligned, make_aligner, real_scans, simulated_scan
from likeness import MEASURES, Comparison, Measure, Plane, compare
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssus2mri.config.base import load_section
from ssus2mri.config.simulate import SimulateSettings

WANTED = 0.8
PICTURES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=60, help="simulated")
    parser.add_argument("--first", type=int, default=0, help="number of the first subject")
    parser.add_argument("--labels", type=Path, help="label atlas instead of the built-in anatomy")
    parser.add_argument("--jobs", type=int, default=2, help="subjects simulated at a time")
    parser.add_argument("--picture", type=Path, help="real planes above simulated ones, PNG")
    parser.add_argument("--simulated-picture", type=Path, help="simulated planes only, PNG")
    arguments = parser.parse_args()
    if "SSUS2MRI_DATA" not in os.environ:
        print("SSUS2MRI_DATA is not set: no real planes to compare with")
        return
    settings = load_section(SimulateSettings, CONFIG, "simulate")
    aligner = make_aligner(settings)
    scans = real_scans(Path(os.environ["SSUS2MRI_DATA"]), aligner.crop)
    ages = [scan.ga_weeks for scan in scans]
    numbers = range(arguments.first, arguments.first + arguments.subjects)
    cut = partial(simulated_scan, ages=ages, labels=arguments.labels, settings=settings)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        ours = pool.map(cut, numbers)
        real = [aligned(scan, aligner) for scan in scans]
        simulated = [aligned(scan, aligner) for scan in ours]
    print(f"{len(simulated)} simulated planes, {len(real)} real ones")
    for measure in MEASURES:
        print("\n".join(lines(measure, compare(simulated, real, measure))))
    rows = [("real", spread(real)), ("simulated", spread(simulated))]
    for path, shown in ((arguments.picture, rows), (arguments.simulated_picture, rows[1:])):
        if path is not None:
            draw_rows(shown, path)


def lines(measure: Measure, comparison: Comparison) -> Iterator[str]:
    """Say how many bins are within, and what the others are."""
    mark = "" if comparison.share >= WANTED else f"   below {WANTED:.0%}"
    count = f"{comparison.within.sum()} of {comparison.within.size}"
    yield f"{measure.name:22}{count:>10} bins within{comparison.share:>7.0%}{mark}"
    for k in np.flatnonzero(~comparison.within):
        value, low, high = comparison.median[k], comparison.low[k], comparison.high[k]
        off = value - (low if value < low else high)
        yield (
            f"    {measure.bins[k]:12} simulated {value:8.2f}   real {low:.2f} to {high:.2f}"
            f" {measure.unit}   off by {off:+.2f}"
        )


def spread(planes: list[Plane]) -> list[NDArray[np.float32]]:
    """Return images of a few planes, evenly from the list."""
    chosen = np.linspace(0, len(planes) - 1, min(PICTURES, len(planes))).round().astype(int)
    return [planes[k].image for k in chosen]


def draw_rows(rows: list[tuple[str, list[NDArray[np.float32]]]], path: Path) -> None:
    """Draw rows of planes in one grey scale, 0 to 255."""
    columns = max(len(images) for _, images in rows)
    figure = Figure(figsize=(1.5 * columns, 1.5 * len(rows)), dpi=110, facecolor="white")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    for line, (name, images) in zip(grid, rows, strict=True):
        line[0].set_ylabel(name, fontsize=9)
        for axes, image in zip(line, images, strict=False):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        for spare in line[len(images) :]:
            spare.set_visible(False)
    figure.subplots_adjust(left=0.02, right=0.998, top=0.99, bottom=0.01, wspace=0.02, hspace=0.02)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
