"""Calibrate the deformation score on known deformations: what does `register` measure?

    SSUS2MRI_DATA=... python benchmarks/deformation.py [--fields 32] [--simpleitk]
        [--ffd '{"iterations": 20}']

Slices of real MR are warped by smooth fields of rising strength and registered back. Fields of
several smoothness: the smoother, the farther they move at the same strength. Printed for each: the
rank correlation of measured and true mean |log det J|, the slope of measured on true through the
origin up to 0.3, the share of failed registrations; at last the largest |log det J| measured
between slices and themselves, and the scores of noise and of another atlas. `--ffd` tries other
settings than those of the configuration.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from real_mr import (
    SPACING_MM,
    Brains,
    abs_log_det,
    brains,
    central_determinant,
    planted,
    random_slice,
    warp,
)
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from simpleitk_ffd import simpleitk

from ssus2mri.config.base import load_section
from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.evaluate import RegisterSettings
from ssus2mri.evaluate.register import score_slices
from ssus2mri.ffd.slice_pairs import Registration, register_slices

CONFIG = str(Path(__file__).parents[1] / "config" / "config.yaml")
SMOOTH_MM = (6.0, 8.0, 12.0, 18.0)
STRONGEST, UP_TO = 0.4, 0.3
UNLIKE, NOISE_MM = 24, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=32, help="of each smoothness")
    parser.add_argument("--simpleitk", action="store_true", help="measure SimpleITK too")
    parser.add_argument("--ffd", type=json.loads, default={}, help="settings to change, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    configured = load_section(RegisterSettings, CONFIG, "register")
    ffd = FfdSettings.model_validate({**configured.ffd.model_dump(), **arguments.ffd})
    settings = configured.model_copy(update={"ffd": ffd})
    shown = brains(Path(os.environ["SSUS2MRI_DATA"]) / "mr_atlases")
    rng = np.random.default_rng(0)
    table = pd.concat(
        measured(rng, shown, smooth, arguments.fields, settings, simpleitk_too=arguments.simpleitk)
        for smooth in SMOOTH_MM
    )
    for engine in table["engine"].unique():
        of_engine = table[table["engine"] == engine]
        rows = [summary(part, smooth) for smooth, part in of_engine.groupby("smooth_mm")]
        print(engine)
        print(pd.DataFrame([*rows, summary(of_engine, "all")]).round(3).to_string(index=False))
    print(f"slices and themselves: at most {itself(rng, shown, settings):g}")
    for kind, scores in unlike(np.random.default_rng(0), shown, settings).items():
        values, failed = np.array(scores), sum(score == 1 for score in scores)
        spread = f"{values.min():.2f} to {values.max():.2f}"
        print(f"{kind}: score {values.mean():.2f} ({spread}), {failed} of {len(scores)} unmatched")


def measured(
    rng: np.random.Generator,
    shown: Brains,
    smooth_mm: float,
    count: int,
    settings: RegisterSettings,
    *,
    simpleitk_too: bool,
) -> pd.DataFrame:
    """Return a row per field and engine: what was planted and what was measured."""
    moving, fixed, masks, truths = [], [], [], []
    for number in range(count):
        name = rng.choice(sorted(shown))
        axis, index = random_slice(rng, shown, name)
        image, brain = (np.take(array, index, axis) for array in shown[name])
        strength = STRONGEST * (number + 0.5) / count
        field = planted(rng, brain, smooth_mm=smooth_mm, strength=strength)
        mask = warp(brain.astype(float), field) > 0.5
        moving.append(image.astype(np.float32))
        fixed.append((warp(image, field) * mask).astype(np.float32))
        masks.append(mask)
        truths.append(field)
    ways = {"spacing_mm": SPACING_MM, "settings": settings.ffd}
    engines: dict[str, list[Registration | None]] = {
        "ours": register_slices(moving, fixed, masks, **ways)
    }
    if simpleitk_too:
        triples = zip(moving, fixed, masks, strict=True)
        engines["SimpleITK"] = [simpleitk(*triple, **ways) for triple in triples]
    rows = []
    for engine, registrations in engines.items():
        for field, mask, registration in zip(truths, masks, registrations, strict=True):
            row = {"engine": engine, "smooth_mm": smooth_mm}
            row["true"] = abs_log_det(central_determinant(field), mask)
            row["moved_mm"] = np.linalg.norm(field, axis=0)[mask].mean()
            if registration is not None:
                error = registration.displacement - field
                row["error_mm"] = np.linalg.norm(error, axis=0)[mask].mean()
                row["measured"] = abs_log_det(registration.determinant, mask)
                row["similarity"] = registration.similarity_after
            rows.append(row)
    table = pd.DataFrame(rows)
    table["failed"] = ~(table["similarity"] > settings.min_similarity)
    return table


def summary(table: pd.DataFrame, smooth_mm: object) -> dict[str, object]:
    """Compare measured and true values."""
    done = table[~table["failed"]]
    low = done[done["true"] <= UP_TO]
    return {
        "smooth_mm": smooth_mm,
        "n": len(table),
        "spearman": spearmanr(done["true"], done["measured"])[0],
        "slope": (low["true"] * low["measured"]).sum() / (low["true"] ** 2).sum(),
        "failed": table["failed"].mean(),
        "moved_mm": table["moved_mm"].mean(),
        "error_mm": table["error_mm"].mean(),
    }


def itself(rng: np.random.Generator, shown: Brains, settings: RegisterSettings) -> float:
    """Return the largest |log det J| between slices and themselves."""
    images, masks = [], []
    for name in sorted(shown):
        axis, index = random_slice(rng, shown, name)
        images.append(np.take(shown[name][0], index, axis))
        masks.append(np.take(shown[name][1], index, axis))
    registrations = register_slices(
        images, images, masks, spacing_mm=SPACING_MM, settings=settings.ffd
    )
    return max(float(np.abs(np.log(r.determinant)).max()) for r in registrations if r is not None)


def unlike(
    rng: np.random.Generator, shown: Brains, settings: RegisterSettings
) -> dict[str, list[float | None]]:
    """Return the scores of noise, and of another atlas of the same age, against an atlas."""
    fixed, masks = [], []
    moving: dict[str, list] = {"white noise": [], "smooth noise": [], "another atlas": []}
    for number in range(UNLIKE):
        name = sorted(shown)[number % len(shown)]
        age = name.partition("-")[2]
        other = next(key for key in sorted(shown) if key != name and key.endswith(age))
        axis, index = random_slice(rng, shown, name)
        image, mask = (np.take(array, index, axis) for array in shown[name])
        smooth = gaussian_filter(rng.standard_normal(image.shape), NOISE_MM / SPACING_MM)
        fixed.append(image)
        masks.append(mask)
        moving["white noise"].append(rng.random(image.shape) * mask)
        moving["smooth noise"].append(np.clip(0.5 + 0.25 * smooth / smooth.std(), 0, 1) * mask)
        moving["another atlas"].append(np.take(shown[other][0], index, axis) * mask)
    return {
        kind: [
            score["deformation"]
            for score in score_slices(
                images, fixed, masks, spacing_mm=SPACING_MM, settings=settings
            )
        ]
        for kind, images in moving.items()
    }


if __name__ == "__main__":
    main()
