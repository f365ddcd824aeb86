"""Compare sizes of the built-in head with published growth charts.

    python studies/simulator/biometry.py [18 20 22 24 26 28 30]

A row a week: measured on the labels, in brackets how many standard deviations from the published
mean. Sources: `ssus2mri.simulate.growth_charts`. There is no chart of the cortex's area over that
with its sulci closed.
"""

import sys
from pathlib import Path

from ssus2mri.config.base import load_section
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.biometry import gyrification, measure
from ssus2mri.simulate.growth_charts import CHARTS

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
WEEKS = (18, 20, 22, 24, 26, 28, 30)


def main() -> None:
    settings = load_section(SimulateSettings, str(CONFIG), "simulate").anatomy
    names = list(CHARTS)
    print("| weeks | " + " | ".join(name.replace("_", " ") for name in names) + " | gyrification |")
    print("|---" * (len(names) + 2) + "|")
    worst = (0.0, "")
    for weeks in [float(word) for word in sys.argv[1:]] or WEEKS:
        anatomy = built_in(weeks, settings)
        cells = []
        for name, size_mm in measure(anatomy).items():
            chart = CHARTS[name]
            score = (size_mm - chart.mean(weeks)) / chart.sd(weeks)
            worst = max(worst, (abs(score), f"{name} at {weeks:g} weeks"))
            cells.append(f"{size_mm:.1f} ({score:+.1f})")
        print(
            f"| {weeks:g} | " + " | ".join(cells) + f" | {gyrification(anatomy):.2f} |", flush=True
        )
    print(f"farthest: {worst[0]:.2f} standard deviations, {worst[1]}")


if __name__ == "__main__":
    main()
