"""Print what each stage of a finished project cost, from the records of its jobs.

    python benchmarks/stages.py [results]

Prints a row per stage: jobs, wall time of all jobs together and of the longest, peak memory.
"""

import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "results") / "benchmark"
    print("| stage | jobs | wall s, all jobs | wall s, longest | peak memory, MB |")
    print("|---|---|---|---|---|")
    total = 0.0
    stages = {folder: files for folder in root.iterdir() if (files := sorted(folder.glob("*.tsv")))}
    # In the order in which they ended.
    for folder, files in sorted(stages.items(), key=lambda item: item[1][-1].stat().st_mtime):
        jobs = pd.concat([pd.read_csv(file, sep="\t", na_values="-") for file in files])
        total += jobs["s"].sum()
        numbers = f"{jobs['s'].sum():.0f} | {jobs['s'].max():.1f} | {jobs['max_rss'].max():.0f}"
        print(f"| `{folder.name}` | {len(jobs)} | {numbers} |")
    print(f"| all | | {total:.0f} | | |")


if __name__ == "__main__":
    main()
