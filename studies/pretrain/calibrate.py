"""Calibrate the network of `predict` and write the settings that lie beside it in the package.

    python studies/pretrain/calibrate.py                                        (to measure with)
    python studies/pretrain/measure.py predict WORK --sets calibrate --out rows.json
    python studies/pretrain/refuse.py pictures WORK --seeds 4 --levels 2 --out pictures.json
    python studies/pretrain/calibrate.py --rows rows.json --pictures pictures.json

Of the rows those of set `calibrate` count. All pictures that size does not refuse are fitted; a fit
on every other one is judged on the rest.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pretrain import load_settings
from scipy import optimize, special, stats

from ssus2mri.prediction.evidence import NAMES, head_probability
from ssus2mri.prediction.network import SECTIONS, Calibration, load_network, write_settings
from ssus2mri.prediction.sizes import NAMES as SIZES

KINDS = ("plane", "volume")
PENALTY = 3e-3  # on the squared slopes, of evidence in units of its deviation; by leaving one out
FITTED = (
    "overlap",
    "certainty",
    "landmarks",
    "roundness",
)  # the rest differ between simulated and real planes
MOST_SIZE_RATIO = 1.33  # beyond it, size alone refuses
LEAST_SUBJECTS = 3  # that a size was measured in


def main() -> None:
    """Fit, write, and print how it does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    sections = {name: getattr(settings, name) for name in SECTIONS}
    calibration = Calibration(dict.fromkeys(KINDS, 1.0), {key: {} for key in KINDS}, {})
    if arguments.rows and arguments.pictures:
        rows = [
            row
            for row in json.loads(arguments.rows.read_text(encoding="utf-8"))
            if row["pose_confidence"] >= settings.align.min_confidence  # the rest is refused
        ]
        pictures = json.loads(arguments.pictures.read_text(encoding="utf-8"))
        before = load_network().calibration.spread
        calibration = Calibration(
            {kind: before[kind] * spread_of(rows, kind) for kind in KINDS},
            {kind: sizes_of(rows, kind) for kind in KINDS},
            heads_of(pictures, settings.align.min_confidence),
        )
        print(json.dumps(vars(calibration), indent=1))
    write_settings(sections, calibration)


def spread_of(rows: list[dict[str, Any]], kind: str) -> float:
    """Return the factor by which 90 % intervals hold 90 % of the errors, the mean of the scans."""
    return float(np.mean([row["spread_needed"][kind] for row in rows if row["set"] == "calibrate"]))


def sizes_of(rows: list[dict[str, Any]], kind: str) -> dict[str, tuple[float, float, float]]:
    """Return by size the factor and offset (mm) that take out its bias, and the deviation left.

    A blurred border makes a narrow atrium wider by millimetres, whatever its width: an offset. Of
    all other sizes it is a factor. What is measured of a plane is as the network alone draws it,
    here in volumes. The deviation, of the logarithm, is as of a normal distribution.
    """
    sizes = {}
    for name in SIZES:
        pairs = [
            (row["sizes"][kind].get(name), row["true_sizes"].get(name))
            for row in rows
            if row["set"] == "calibrate"
        ]
        complete = [(seen, true) for seen, true in pairs if seen and true]
        if len(complete) < LEAST_SUBJECTS:
            continue
        seen, true = np.array(complete).T
        additive = name == "atrium"
        factor = 1.0 if additive else float(np.exp(np.mean(np.log(true / seen))))
        offset_mm = float(np.mean(true - seen)) if additive else 0.0
        error = float(np.std(np.log(true / (factor * seen + offset_mm)), ddof=1))
        # Of few subjects neither mean nor deviation is well known: a prediction interval.
        count = len(complete)
        wider = stats.t.ppf(0.95, count - 1) / stats.norm.ppf(0.95) * np.sqrt(1 + 1 / count)
        sizes[name] = (round(factor, 4), round(offset_mm, 3), round(error * wider, 4))
    return sizes


def heads_of(pictures: list[dict[str, Any]], min_confidence: float) -> dict[str, dict[str, float]]:
    """Fit the probability of a head for planes, and print how it does.

    Of a volume nothing is fitted: its pose is uncertain where there is no head, which is printed.
    """
    volumes = [p for p in pictures if p.get("dimensions") == 3 and not p["head"]]
    uncertain = sum(p["evidence"]["pose"] < min_confidence for p in volumes)
    print(f"volume: {uncertain} of {len(volumes)} others have an uncertain pose")
    seen = [p for p in pictures if p.get("dimensions") == 2 and (p["head"] or not wrong_size(p))]
    half = np.arange(len(seen)) % 2 == 0
    x = np.array([[p["evidence"][name] for name in FITTED] for p in seen])
    y = np.array([bool(p["head"]) for p in seen])
    judged = fit(x[half], y[half])
    right = [
        (head_probability(seen[i]["evidence"], judged) >= 0.5) == y[i]
        for i in np.flatnonzero(~half)
    ]
    print(f"plane: {sum(right)} of {len(right)} right that were not fitted")
    return {"plane": fit(x, y)}


def wrong_size(picture: dict[str, Any]) -> bool:
    """Whether size alone refuses a picture."""
    ratio = picture["found_hc_mm"] / picture["expected_hc_mm"]
    return not 1 / MOST_SIZE_RATIO <= ratio <= MOST_SIZE_RATIO


def fit(x: NDArray[np.float64], y: NDArray[np.bool_]) -> dict[str, float]:
    """Fit a logistic regression in which both kinds count alike."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    unit = np.column_stack([np.ones(len(x)), (x - mean) / deviation])
    sign = np.where(y, 1.0, -1.0)
    share = np.where(y, 0.5 / max(y.sum(), 1), 0.5 / max((~y).sum(), 1))

    def cost(weights: NDArray[np.float64]) -> float:
        loss = -(special.log_expit(sign * (unit @ weights)) * share).sum()
        return float(loss + PENALTY * (weights[1:] @ weights[1:]))

    weights = optimize.minimize(cost, np.zeros(unit.shape[1])).x
    slopes = weights[1:] / deviation
    values = {"offset": float(weights[0] - slopes @ mean)}
    values |= dict.fromkeys(NAMES, 0.0) | dict(zip(FITTED, slopes.tolist(), strict=True))
    return {name: round(value, 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
