"""Which of the choices that the source leaves open comes nearest to the truth.

    snakemake --cores 2 --configfile config/study.yaml config/choices.yaml --until train
    python benchmarks/choices.py [results]

Prints a row per run, best first: likeness to the true MR of the slices of subjects validated on, of
the epoch that the criterion chose and of the last; the largest of all epochs; the rank correlation
of criterion and SSIM over the epochs; what the discriminator of images made of training and of
validation slices at the end (0.25: it cannot tell; 0: it is sure).
"""

import json
import sys
from pathlib import Path

import pandas as pd


def row(folder: Path) -> dict[str, object]:
    """Sum up the training in a folder."""
    losses = pd.read_csv(folder / "losses.csv")
    said = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    rank = losses["val_truth_ssim"].corr(-losses["val_criterion"], "spearman")
    chosen, last = losses.loc[losses["val_criterion"].idxmin()], losses.iloc[-1]
    return {
        "run": f"`{folder.name}`",
        "SSIM": f"{chosen['val_truth_ssim']:.3f}",
        "PSNR, dB": f"{chosen['val_truth_psnr']:.1f}",
        "epoch": f"{chosen['epoch']:.0f}",
        "SSIM, last epoch": f"{last['val_truth_ssim']:.3f}",
        "SSIM, largest": f"{losses['val_truth_ssim'].max():.3f}",
        "criterion's rank": f"{rank:.2f}",
        "d_app": f"{last.get('d_app', float('nan')):.2f}",
        "val_d_app": f"{last.get('val_d_app', float('nan')):.2f}",
        "s a step": f"{sum(said['seconds_per_epoch']) / losses['step'].max():.2f}",
    }


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "results") / "train"
    rows = [
        row(one.parent) for one in root.glob("*/losses.csv") if "val_truth_ssim" in one.read_text()
    ]
    table = pd.DataFrame(rows).sort_values("SSIM", ascending=False)
    print("| " + " | ".join(table.columns) + " |")
    print("|---" * len(table.columns) + "|")
    for values in table.itertuples(index=False):
        print("| " + " | ".join(map(str, values)) + " |")


if __name__ == "__main__":
    main()
