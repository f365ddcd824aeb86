"""Draw the likeness of validation slices to the true MR over the training, runs in one figure.

    python studies/cohort/curves.py [results] [docs/results/cohort_curves.png] [--runs RUN …]

Slice by slice, as in `losses.csv`. A dot marks the epoch that was kept. Seeds of a run share its
colour.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

SEED = "_seed_"
PALETTE = [colormaps[name](n) for name in ("tab20", "tab20b") for n in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("out", nargs="?", default="docs/results/cohort_curves.png", type=Path)
    parser.add_argument("--runs", nargs="*", help="runs to draw; default: all that were scored")
    arguments = parser.parse_args()
    runs = arguments.runs or scored(arguments.results)
    colours: dict[str, tuple[float, ...]] = {}
    figure = Figure(figsize=(8, 4.5), dpi=90, facecolor="white", layout="constrained")
    axes = figure.subplots()
    for run in runs:
        folder = arguments.results / "train" / run
        losses = pd.read_csv(folder / "losses.csv")
        if "val_truth_ssim" not in losses:  # nothing was trained
            continue
        training = json.loads((folder / "train.json").read_text(encoding="utf-8"))
        seen = losses["step"] * training["settings"]["batch_size"]
        original = run.split(SEED)[0]
        first = original not in colours
        colour = colours.setdefault(original, PALETTE[len(colours) % len(PALETTE)])
        ssim = losses["val_truth_ssim"]
        axes.plot(seen, ssim, color=colour, label=original if first else None)
        kept = losses["epoch"] == training["kept_epoch"]
        axes.plot(seen[kept], ssim[kept], "o", color=colour, markersize=4)
    axes.set_xlabel("training slices seen")
    axes.set_ylabel("SSIM with the true MR")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    figure.savefig(arguments.out, metadata={"Software": None})


def scored(results: Path) -> list[str]:
    """Return the runs of a finished project, in the order of its tables."""
    return list(pd.read_csv(results / "score" / "deformation.csv")["run"])


if __name__ == "__main__":
    main()
