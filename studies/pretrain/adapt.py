r"""Write the manifest of the adaptation study: a cohort that the network of `predict` never saw.

    python studies/pretrain/adapt.py DATA adapt/manifest.csv
    snakemake --cores 2 --directory adapt --config manifest=manifest.csv \
      --configfile config/small.yaml studies/pretrain/adapt.yaml

Its heads are those of label atlases (CRL, Wu), its scanner that of adapt.yaml. Does the training of
`ours_adapted` on its unpaired scans bring the network nearer to the true MR of its test subjects?
"""

import argparse
import csv
from pathlib import Path

ATLASES = (("crl-22w", 22.0), ("wu-23w", 23.0), ("crl-24w", 24.0), ("wu-22w", 22.0))
COUNTS = {("us", "train"): 10, ("us", "val"): 1, ("mr", "train"): 4, ("both", "test"): 4}
COLUMNS = ("volume", "subject", "modality", "image", "ga_weeks", "split", "labels")


def main() -> None:
    """Parse the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with mr_atlases/{atlas}_labels.nii.gz")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(arguments.data.resolve()))


def rows(data: Path) -> list[dict[str, str]]:
    """Return the rows: subjects take turns with the atlases."""
    table: list[dict[str, str]] = []
    number = 0
    for (kind, split), count in COUNTS.items():
        for _ in range(count):
            atlas, ga_weeks = ATLASES[number % len(ATLASES)]
            number += 1
            for modality in ("us", "mr") if kind == "both" else (kind,):
                volume = f"{modality}-{number:02d}"
                table.append(
                    {
                        "volume": volume,
                        "subject": f"sub-{number:02d}",
                        "modality": modality,
                        "image": f"results/simulate/{volume}.nii.gz",
                        "ga_weeks": f"{ga_weeks}",
                        "split": split,
                        "labels": str(data / "mr_atlases" / f"{atlas}_labels.nii.gz"),
                    }
                )
    return table


if __name__ == "__main__":
    main()
