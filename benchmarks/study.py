"""The tables of docs/results/study.md, from the CSVs of a finished project.

    snakemake --cores 2 --configfile config/study.yaml config/study_cpu.yaml
    python benchmarks/study.py [results [study.csv]]

Every number is mean and standard deviation over slices (95 % interval of the mean, by resampling
volumes); of tissues and illnesses the mean alone, for the page's width. The CSV, if named, gets all
of them with n, standard deviation and interval.
"""

import json
import sys
from pathlib import Path

import pandas as pd

SEED = "_seed_"
SHOWN = {
    "position": [
        *("run", "plane", "n_slices", "index_right_mean", "index_right_ci_low"),
        *("index_right_ci_high", "index_right_either_side_mean", "plane_right_mean"),
        *("index_error_mean", "index_error_std", "index_error_mm_mean"),
    ],
}


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    score = root / "score"
    summary = pd.read_csv(score / "summary.csv")
    everything = summary[summary["plane"] == "all"]
    if len(sys.argv) > 2:
        everything.drop(columns=["stage", "plane"]).to_csv(
            sys.argv[2], index=False, float_format="%.4g", lineterminator="\n"
        )
    truth = everything[everything["kind"] == "truth"]
    pair = everything[everything["kind"] == "pair"]
    tissues = sorted(m for m in truth["measure"].unique() if m.startswith("mae_"))
    tissues = [m for m in tissues if (truth[truth["measure"] == m]["n_slices"] > 0).all()]
    show("Likeness to the true MR", truth, ["ssim", "psnr", "mae"])
    show("Mean absolute error in a tissue", truth, tissues, brief=True)
    show("Deformation", everything, ["deformation", "similarity_after"])
    show("Pseudo-pairs", pair, ["ssim_registered", "ssim", "psnr"])
    seeds(truth, ["ssim", "psnr", "mae"])
    gap_closed(pd.read_csv(score / "gap_closed.csv"), ["ssim", "psnr"])
    for name, columns in SHOWN.items():
        file = pd.read_csv(score / f"{name}.csv")[columns]
        heading(name, columns)
        for values in file.round(3).fillna("").itertuples(index=False):
            print("| " + " | ".join(map(str, values)) + " |")
    pathologies(pd.read_csv(score / "pathology.csv"))
    trainings(root / "train")


def heading(title: str, columns: list[str]) -> None:
    """Begin a table."""
    print(f"\n## {title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")


def show(title: str, rows: pd.DataFrame, measures: list[str], *, brief: bool = False) -> None:
    """Print a row per run: a column per measure, and how many slices of how many volumes.

    Brief: means alone.
    """
    heading(title, ["run", *(m.removeprefix("mae_") for m in measures), *["n"] * (not brief)])
    for run, known in rows[rows["measure"].isin(measures)].groupby("run", sort=False):
        by = known.set_index("measure")
        if brief:
            cells = [f"{by.loc[measure, 'mean']:.3f}" for measure in measures]
        else:
            count = by.loc[measures[0]]
            cells = [_cell(by.loc[measure]) for measure in measures]
            cells.append(f"{count['n_slices']:.0f} ({count['n_volumes']:.0f})")
        print(f"| `{run}` | " + " | ".join(cells) + " |")


def _cell(row: pd.Series) -> str:
    digits = 1 if abs(row["mean"]) >= 2 else 3
    low, high = f"{row['ci_low']:.{digits}f}", f"{row['ci_high']:.{digits}f}"
    return f"{row['mean']:.{digits}f} ± {row['std']:.{digits}f} ({low} to {high})"


def gap_closed(rows: pd.DataFrame, measures: list[str]) -> None:
    """Print the share of the gap between the bounds that the runs close."""
    for (lower, upper), shares in rows.groupby(["lower_bound", "upper_bound"], sort=False):
        heading(f"Gap closed between `{lower}` and `{upper}`", ["run", *measures])
        for run, of_run in shares.groupby("run", sort=False):
            percent = 100 * of_run.set_index("measure")[["share", "ci_low", "ci_high"]]
            cells = ["{:.0f} % ({:.0f} to {:.0f})".format(*percent.loc[m]) for m in measures]
            print(f"| `{run}` | " + " | ".join(cells) + " |")


def seeds(rows: pd.DataFrame, measures: list[str]) -> None:
    """Print how much the means of runs vary that differ in their seed only."""
    heading("Seeds", ["run", "seeds", *measures])
    for run in rows["run"].unique():
        same = rows[(rows["run"] == run) | rows["run"].str.startswith(run + SEED)]
        if SEED in run or same["run"].nunique() == 1:
            continue
        cells = []
        for measure in measures:
            means = same[same["measure"] == measure]["mean"]
            cells.append(f"{means.mean():.3f} ± {means.std():.3f}")
        print(f"| `{run}` | {same['run'].nunique()} | " + " | ".join(cells) + " |")


def pathologies(rows: pd.DataFrame) -> None:
    """Print the mean likeness to the truth, a column per pathology."""
    for measure in ("ssim", "mae_ventricles"):
        known = rows[rows["measure"] == measure]
        table = known.pivot(index="run", columns="pathology", values="mean")
        table = table.reindex(index=known["run"].unique(), columns=known["pathology"].unique())
        heading(f"{measure}, by pathology", ["run", *table.columns])
        for run, *means in table.itertuples():
            print(f"| `{run}` | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


def trainings(folder: Path) -> None:
    """Print what each training was and cost."""
    heading("Training", ["run", "steps", "epoch kept", "of", "parameters", "minutes", "images/s"])
    for file in sorted(folder.glob("*/train.json")):
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["epochs"]:
            parameters = said["parameters"]["generator"]
            values = (said["steps"], said["kept_epoch"], said["epochs"], parameters)
            cost = (f"{said['seconds'] / 60:.1f}", said["images_per_second"])
            print(f"| `{said['run']}` | " + " | ".join(map(str, (*values, *cost))) + " |")


if __name__ == "__main__":
    main()
