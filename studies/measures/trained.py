"""Which measures follow the truth over the trained runs and references of a project, scan by scan?

    python studies/measures/trained.py [results] [--out docs/results/measures_trained.csv]

Reads the rows of `register`, `compare`, `segment` and `probe` of all runs and writes a row per run
and scan: every measure, the paper's and ours, and what is true of the synthesis. Prints the rank
correlation of each measure over the runs, within a scan and then averaged over the healthy scans,
with three truths: SSIM with the true MR, mean Dice of segmented tissues, and the error of sizes. A
structure that is not found in a synthesis has size 0.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from correlate import correlations

from ssus2mri.evaluate.sizes import SIZES

REFERENCES = ("copy", "atlas", "matched")
TRUTHS = ("ssim", "dice_mean", "size_error_mm")
WITH_TRUTH = ("ssim_brain", "ms_ssim", "nmi", "psnr", "mae")
WITHOUT_TRUTH = (
    *("agreement", "tissues_scan", "tissues_atlas"),
    *("deformation", "similarity_before", "similarity_after"),
    *("pair_ssim", "pair_psnr", "pair_ssim_registered", "pattern_psnr", "pattern_dice"),
)
_OF_SEGMENT = ("dice_mean", "agreement", "tissues_scan", "tissues_atlas")
_KEYS = ["run", "volume"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    stages = {
        stage: pd.concat(
            pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"volume": str})
            for path in sorted((arguments.results / stage).glob("*.csv"))
        )
        for stage in ("register", "compare", "segment", "probe")
    }
    table = by_scan(**stages)
    if arguments.out:
        table.to_csv(arguments.out, index=False, float_format="%.4g", lineterminator="\n")
    print(table.groupby("run").mean(numeric_only=True).round(3).to_string())
    healthy = table[table["pathology"].isna()]
    for title, part in (
        ("all runs", healthy),
        ("trained runs", healthy[~healthy["run"].isin(REFERENCES)]),
    ):
        for truth in TRUTHS:
            print(f"{title}, with {truth}")
            print(correlations(part, truth, unit="volume").to_string(index=False))


def by_scan(
    register: pd.DataFrame, compare: pd.DataFrame, segment: pd.DataFrame, probe: pd.DataFrame
) -> pd.DataFrame:
    """Return a row per run and scan, in the same order of runs in every scan.

    Args:
        register: rows of all runs, as their stage writes them.
        compare: likewise.
        segment: likewise.
        probe: likewise.

    Returns:
        ``run``, ``volume``, ``pathology`` (missing: none), `TRUTHS`, `WITH_TRUTH`, `WITHOUT_TRUTH`.
    """
    truth, pair = (
        compare[compare["kind"] == kind].groupby(_KEYS).mean(numeric_only=True)
        for kind in ("truth", "pair")
    )
    pair = pair[["ssim", "psnr", "ssim_registered"]].add_prefix("pair_")
    squares = probe.groupby(_KEYS)[["psnr_db", "dice"]].mean()
    parts = [
        truth[["ssim", *WITH_TRUTH]],
        segment.pivot(index=_KEYS, columns="measure", values="value")[list(_OF_SEGMENT)],
        size_error(segment).rename("size_error_mm"),
        register.groupby(_KEYS)[["deformation", "similarity_before", "similarity_after"]].mean(),
        pair,
        squares.set_axis(["pattern_psnr", "pattern_dice"], axis="columns"),
    ]
    table = pd.concat(parts, axis="columns").sort_index(level=["volume", "run"])
    pathology = segment.drop_duplicates("volume").set_index("volume")["pathology"]
    table = table.reset_index()
    table.insert(2, "pathology", table["volume"].map(pathology))
    return table[[*_KEYS, "pathology", *TRUTHS, *WITH_TRUTH, *WITHOUT_TRUTH]]


def size_error(segment: pd.DataFrame) -> pd.Series:
    """Return the mean absolute error of all `SIZES` by run and volume, mm."""
    sizes = segment[segment["measure"].isin(SIZES) & segment["truth"].notna()]
    error = (sizes["value"].fillna(0.0) - sizes["truth"]).abs()
    return error.groupby([sizes[key] for key in _KEYS]).agg(np.mean)


if __name__ == "__main__":
    main()
