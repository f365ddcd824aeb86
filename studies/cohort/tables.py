"""Write the tables of the cohort study from the scores of a finished project.

    python studies/cohort/tables.py [results] [--out docs/results/cohort]

Prints the table of the page, a row per run: mean and standard deviation over slices, the 95 %
interval of the mean by resampling volumes. With ``--out``, writes all measures beside it: ``.csv``
(every measure, all planes together), ``_gap_closed.csv``, ``_pathology.csv``, ``_position.csv`` and
``_training.csv``.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

BY_PATHOLOGY = ["ssim", "mae_ventricles"]
POSITION = [
    *("run", "plane", "n_slices", "index_right_mean", "index_right_ci_low", "index_right_ci_high"),
    *("index_right_either_side_mean", "plane_right_mean"),
    *("index_error_mean", "index_error_std", "index_error_mm_mean"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--out", help="path of the CSVs, without the end of their names")
    arguments = parser.parse_args()
    score = arguments.results / "score"
    summary = pd.read_csv(score / "summary.csv", keep_default_na=False, na_values=[""])
    summary = summary[(summary["plane"] == "all") & (summary["n_slices"] > 0)]
    gaps = pd.read_csv(score / "gap_closed.csv")
    print_table(summary, gaps)
    if arguments.out:
        pathology = pd.read_csv(score / "pathology.csv", keep_default_na=False, na_values=[""])
        pathology = pathology[pathology["measure"].isin(BY_PATHOLOGY)]
        tables = {
            "": summary.drop(columns=["stage", "plane"]),
            "_gap_closed": gaps.drop(columns="label"),
            "_pathology": pathology.drop(columns=["label", "role"]),
            "_position": pd.read_csv(score / "position.csv")[POSITION],
            "_training": trainings(arguments.results / "train"),
        }
        for name, table in tables.items():
            path = f"{arguments.out}{name}.csv"
            table.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")


def print_table(summary: pd.DataFrame, gaps: pd.DataFrame) -> None:
    """Print likeness to the truth, gap closed to the first upper bound, and deformation."""
    print("| run | SSIM ↑ | PSNR, dB ↑ | gap closed, SSIM ↑ | gap closed, PSNR ↑ | deformation ↓ |")
    print("|---|---|---|---|---|---|")
    gaps = gaps[gaps["upper_bound"] == gaps["upper_bound"].iloc[0]] if len(gaps) else gaps
    kinds = summary["kind"].fillna("")
    for run in summary["run"].unique():
        own = summary[summary["run"] == run]
        truth = own[kinds[own.index] == "truth"].set_index("measure")
        deformation = own.set_index("measure").loc[["deformation"]].iloc[0]
        shares = gaps[gaps["run"] == run].set_index("measure")
        cells = [
            f"{statistics(truth.loc['ssim'], 3)}",
            f"{statistics(truth.loc['psnr'], 1)}",
            *(share(shares, measure) for measure in ("ssim", "psnr")),
            f"{deformation['mean']:.3f}",
        ]
        print(f"| `{run}` | " + " | ".join(cells) + " |")


def statistics(row: pd.Series, digits: int) -> str:
    """Format mean, standard deviation and interval."""
    mean, std, low, high = (
        f"{row[name]:.{digits}f}" for name in ("mean", "std", "ci_low", "ci_high")
    )
    return f"{mean} ± {std} ({low} to {high})"


def share(shares: pd.DataFrame, measure: str) -> str:
    """Format the share of the gap that a run closes; a dash for a bound or a reference."""
    if measure not in shares.index:
        return "–"
    row = 100 * shares.loc[measure, ["share", "ci_low", "ci_high"]].astype(float)
    return "{:.0f} % ({:.0f} to {:.0f})".format(*row)


def trainings(folder: Path) -> pd.DataFrame:
    """Return length and cost of each training."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*/train.json")]
    return pd.DataFrame(
        {
            "run": row["run"],
            "steps": row["steps"],
            "epochs": row["epochs"],
            "kept_epoch": row["kept_epoch"],
            "parameters": row["parameters"]["generator"],
            "minutes": round(row["seconds"] / 60, 1),
            "images_per_second": row["images_per_second"],
        }
        for row in sorted(rows, key=lambda row: row["run"])
        if row["epochs"]
    )


if __name__ == "__main__":
    main()
