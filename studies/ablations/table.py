"""Compare the runs of the ablation study.

    snakemake --cores 2 --until train \
        --configfile config/small.yaml studies/ablations/ablations.yaml
    python studies/ablations/table.py [results [ablations.csv]]

A row per run, best first, of what its training says about the validation slices: likeness to the
true MR in the epoch that the criterion chose, in the last and in the best; the rank correlation of
criterion and SSIM over the epochs; the loss of the discriminator of MR at the end, on training and
on validation slices (least squares: 0.25, it cannot tell real from synthetic; 0, it is certain).
"""

import json
import sys
from pathlib import Path

import pandas as pd


def summarise(folder: Path) -> dict[str, object]:
    """Return the row of one training."""
    losses = pd.read_csv(folder / "losses.csv")
    training = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    ssim, last = losses["val_truth_ssim"], losses.iloc[-1]
    chosen = losses.iloc[losses["val_criterion"].argmin()]
    return {
        "run": folder.name,
        "ssim": round(chosen["val_truth_ssim"], 3),
        "psnr_db": round(chosen["val_truth_psnr"], 1),
        "epoch": int(chosen["epoch"]),
        "ssim_last_epoch": round(last["val_truth_ssim"], 3),
        "ssim_best_epoch": round(ssim.max(), 3),
        "criterion_rank": round(ssim.corr(-losses["val_criterion"], "spearman"), 2),
        "d_app": round(last.get("d_app", float("nan")), 2),
        "val_d_app": round(last.get("val_d_app", float("nan")), 2),
        "seconds_per_step": round(sum(training["seconds_per_epoch"]) / losses["step"].max(), 2),
    }


def main() -> None:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    out = sys.argv[2] if len(sys.argv) > 2 else sys.stdout
    rows = [
        summarise(path.parent)
        for path in sorted((results / "train").glob("*/losses.csv"))
        if "val_truth_ssim" in path.read_text(encoding="utf-8")
    ]
    table = pd.DataFrame(rows).sort_values("ssim", ascending=False, kind="stable")
    table.to_csv(out, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
