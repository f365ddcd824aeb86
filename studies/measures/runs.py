"""Which measures of the paper follow the truth over the runs of the cohort study at full size?

    python studies/measures/runs.py [docs/results/cohort_full_size.csv]

Rank correlation over its trained runs of every measure that needs no truth, or only a pseudo-pair,
with likeness to the true MR: SSIM, and the error averaged over the tissues.
"""

import argparse
from pathlib import Path

import pandas as pd
from correlate import correlations

ROOT = Path(__file__).parents[2]
REFERENCES = ("copy", "atlas", "matched")
WITHOUT_TRUTH = (
    *("deformation", "similarity_before", "similarity_after"),
    *("ssim pair", "psnr pair", "ssim_registered pair"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "docs" / "results" / "cohort_full_size.csv"
    parser.add_argument("summary", nargs="?", type=Path, default=default)
    table = wide(pd.read_csv(parser.parse_args().summary))
    trained = table[~table["synthesis"].isin(REFERENCES)]
    for title, part in (
        ("trained runs and references", table),
        ("trained runs", trained),
        ("of these, those that saw no MR of the same head", trained[~saw_the_head(trained)]),
    ):
        for truth in ("true SSIM", "tissue error"):
            kept = part[["synthesis", "study", truth, *WITHOUT_TRUTH]]
            print(f"{title}: {truth}")
            print(correlations(kept, truth, unit="study").to_string(index=False))


def saw_the_head(table: pd.DataFrame) -> pd.Series:
    """Whether a run learned from true MR, or from MR deformed onto the same head."""
    return table["synthesis"].str.startswith(("paired", "ours_match"))


def wide(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: its mean of every measure, and what is true of it."""
    kind = summary["kind"].fillna("")
    summary = summary.assign(name=summary["measure"] + (" " + kind).str.rstrip())
    table = summary.pivot(index="run", columns="name", values="mean")
    tissues = [
        name for name in map(str, table) if name.startswith("mae_") and name.endswith("truth")
    ]
    measured = table.assign(
        **{"true SSIM": table["ssim truth"], "tissue error": table[tissues].mean(axis=1)}
    )
    return measured.reset_index(names="synthesis").assign(study="cohort")


if __name__ == "__main__":
    main()
