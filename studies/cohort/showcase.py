"""Draw ultrasound, the synthetic MR of every run, and the true MR side by side in one figure.

    python studies/cohort/showcase.py [results] [docs/results/demo.png] [--volumes NAME ...]
        [--without REGEX]

The middle slice of each plane of each test volume; runs in the order of the table.
"""

import argparse
import re
from io import BytesIO
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ssus2mri import slices
from ssus2mri.display import white_level, within_skull
from ssus2mri.render.pictures import upright

CELL_INCHES = 0.9
WIDTH = 11  # letters of a title in a line
TITLE_INCHES = 0.55  # three lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("out", nargs="?", default="docs/results/demo.png", type=Path)
    parser.add_argument("--volumes", nargs="*", help="test volumes to show; default: all")
    parser.add_argument("--without", default="$^", help="runs to leave out")
    arguments = parser.parse_args()
    root = arguments.results
    table = pd.read_csv(root / "score" / "deformation.csv")
    labels = zip(table["run"], table["label"], strict=True)
    runs = {run: label for run, label in labels if not re.search(arguments.without, run)}
    rows = []
    for path in sorted((root / "synthesize" / next(iter(runs))).glob("*.h5")):
        if arguments.volumes and path.stem not in arguments.volumes:
            continue
        us = slices.read(root / "extract" / path.name)
        white = white_level(us.image, within_skull(us.head, us.header.spacing_mm))
        synthetic = [slices.read(root / "synthesize" / run / path.name) for run in runs]
        for plane in np.unique(us.plane):
            numbers = np.flatnonzero(us.plane == plane)
            middle = numbers[len(numbers) // 2]
            truth = us.image[middle] * 0 if us.truth is None else us.truth[middle]
            images = [us.image[middle] / white, *(mr.image[middle] for mr in synthetic), truth]
            name = slices.PLANES[plane]
            rows.append((f"{path.stem}\n{name}", [upright(image, name) for image in images]))
    titles = ["ultrasound", *runs.values(), "true MR"]
    size = (CELL_INCHES * len(titles), CELL_INCHES * len(rows) + TITLE_INCHES)
    top = 1 - TITLE_INCHES / size[1]
    figure = Figure(figsize=size, dpi=90, facecolor="white")
    grid = figure.subplots(len(rows), len(titles), squeeze=False)
    for line, (name, images) in zip(grid, rows, strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image.astype(np.float32), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(fill(title, WIDTH), fontsize=8)
    figure.subplots_adjust(left=0.07, right=0.99, top=top, bottom=0.01, wspace=0.03, hspace=0.03)
    png = BytesIO()
    figure.savefig(png)
    Image.open(png).convert("L").save(arguments.out, optimize=True)  # a third of the size in colour


if __name__ == "__main__":
    main()
