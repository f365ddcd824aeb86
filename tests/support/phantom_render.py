"""A small results folder, made in code in the layout that the stages write."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import phantom_evaluate
from conftest import configured
from numpy.typing import NDArray
from PIL import Image

from ssus2mri import slices
from ssus2mri.config.evaluate import RenderSettings
from ssus2mri.evaluate import tables
from ssus2mri.render.report import run_render
from ssus2mri.slices import Header, Slices

LABELS = {"ours": "Ours", "gan": "GAN <i>", "copy": "Copy of the US", "atlas": "Atlas MR"}
BOUNDED = {**LABELS, "bound": "Paired"}
METHODS = {
    **{"ours": "synthesis", "gan": "synthesis", "copy": "copy", "atlas": "atlas"},
    "bound": "paired",
}
NOISE = {"ours": 0.05, "gan": 0.15, "copy": 0.6, "atlas": 0.3, "bound": 0.01}
VOLUMES = ["us-7", "us-8"]


def head(size: int, seed: int) -> NDArray[np.float64]:
    """An egg ``(Z, Y, X)`` with ventricles and one bright spot at its superior, anterior end."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j, -1 : 1 : size * 1j]
    wide = 0.6 + 0.03 * rng.standard_normal()
    inside = (z / 0.65) ** 2 + (y / 0.8) ** 2 + (x / wide) ** 2
    volume = np.where(inside < 1, 0.45, 0.0)
    volume[(inside < 1) & (inside > 0.75)] = 0.75
    volume[(np.abs(np.abs(x) - 0.15) < 0.06) & (np.abs(z) < 0.2) & (np.abs(y) < 0.4)] = 0.9
    return volume


def cut(volume: NDArray[np.float64], header: Header, each: int, **arrays: object) -> Slices:
    """Some slices of every plane of a volume."""
    size = len(volume)
    index = np.linspace(size * 0.25, size * 0.75, each).astype(int)
    images = [np.moveaxis(volume, axis, 0)[index] for axis in range(3)]
    image = np.concatenate(images).clip(0, 1).astype(np.float16)
    return Slices(
        header=header,
        image=image,
        plane=np.repeat(np.arange(3), each).astype(np.uint8),
        index=np.tile(index, 3).astype(np.int16),
        head=image > 0,
        **arrays,
    )


def header(volume: str, modality: str, split: str, size: int) -> Header:
    about = {"subject": volume.split("-")[1], "modality": modality, "split": split, "high": 1000.0}
    grid = {"spacing_mm": 96 / size, "size": size, "origin_mm": (0.0, 0.0, 0.0)}
    return phantom_evaluate.header(volume, **about, **grid)


def build(
    root: Path,
    *,
    size: int = 32,
    each: int = 8,
    truth: bool = True,
    positions: bool = False,
    pathologies: tuple[str, ...] = (),
    labels: dict[str, str] = LABELS,
) -> Path:
    """Write the folder and return it.

    The volumes ``pathologies`` have a cyst; the runs ``BOUNDED`` include an upper bound.
    """
    rng = np.random.default_rng(1)
    for number, name in enumerate(["mr-1", "mr-2"]):
        mr = cut(head(size, number), header(name, "mr", "train", size), each)
        slices.write(mr, root / "extract" / f"{name}.h5")
    rows = {run: ([], []) for run in labels}
    segmented = {run: [] for run in labels}
    for number, name in enumerate(VOLUMES):
        pathology = "large_cyst" if name in pathologies else ""
        us_header = replace(header(name, "us", "test", size), pathology=pathology)
        true = cut(head(size, 10 + number), us_header, each)
        speckle = rng.gamma(2.0, 0.25, true.image.shape)
        visible = (true.image > 0.6) * speckle + 0.3 * speckle * true.head
        us = replace(true, image=visible.clip(0, 1), truth=true.image if truth else None)
        slices.write(us, root / "extract" / f"{name}.h5")
        for run in labels:
            noise = NOISE[run]
            noisy = true.image + noise * rng.standard_normal(true.image.shape) * true.head
            synthetic = replace(
                true,
                image=us.image if run == "copy" else noisy.clip(0, 1),
                header=replace(true.header, run=run),
            )
            slices.write(synthetic, root / "synthesize" / run / f"{name}.h5")
            segmented[run] += _segment_rows(run, name, pathology, with_truth=truth)
            for plane, index in zip(true.plane, true.index, strict=True):
                key = {
                    "run": run,
                    "volume": name,
                    "subject": true.header.subject,
                    "pathology": pathology,
                    "split": "test",
                    "certificate": "0123456789ab",
                    "seen": "",
                    "plane": slices.PLANES[plane],
                    "index": int(index),
                }
                distance = noise * (1 + 0.1 * rng.random())
                rows[run][0].append(
                    key
                    | {
                        "reference": "mr-1",
                        "similarity_before": 0.5,
                        "similarity_after": 0.8,
                        "abs_log_det": distance,
                        "abs_det_minus_1": distance,
                        "folding_fraction": 0.0,
                        "deformation": 0.0 if run == "atlas" else distance,
                    }
                )
                measures = {
                    "ssim": 0.8 - distance,
                    "psnr": 25 - 10 * distance,
                    "mae": 0.1 + distance / 4,
                }
                if positions and run == "ours":
                    off = {"plane_right": 1.0, "index_right": float(plane < 2)}
                    off |= {"index_right_either_side": 1.0, "index_error": 2.5}
                    at = {"reference": name, "kind": "position", "index_error_mm": 7.5}
                    rows[run][1].append(key | at | off)
                if truth:
                    rows[run][1].append(
                        key
                        | {"reference": name, "kind": "truth"}
                        | measures
                        | {"ssim_registered": np.nan, "mae_cortex": 0.1}
                        | {"mae_cyst": 0.2 + noise if pathology else np.nan}
                    )
    columns = [*tables.COMPARE, "mae_cortex", "mae_cyst"]
    for run, (register, compare) in rows.items():
        _table(pd.DataFrame(register), root / "register" / f"{run}.csv")
        table = pd.DataFrame(compare, columns=columns)
        _table(table, root / "compare" / f"{run}.csv")
        scans = pd.DataFrame(segmented[run], columns=list(tables.SEGMENT))
        _table(scans, root / "segment" / f"{run}.csv")
        _training(root / "train" / run, run)
    _align(root / "align", [*VOLUMES, "mr-1", "mr-2"])
    paths = {
        stage: [root / stage / f"{run}.csv" for run in labels]
        for stage in ("register", "compare", "segment")
    }
    phantom_evaluate.score(root / "score", labels, METHODS, **paths, bootstrap_samples=100)
    return root


def render(root: Path, labels: dict[str, str] = LABELS, **changes: object) -> Path:
    """Write the report of the folder and return it; ``changes`` are settings."""
    out = root.parent / "report.html"
    settings = configured(RenderSettings, "render", **changes)
    run_render(root, labels=labels, volumes=VOLUMES, out=out, settings=settings)
    return out


def _segment_rows(
    run: str, volume: str, pathology: str, *, with_truth: bool
) -> list[dict[str, object]]:
    """What `segment` says of a scan: less true the noisier; ``atlas`` lacks the cerebellum."""
    noise = NOISE[run]
    without_truth = ("agreement", "tissues_scan", "tissues_atlas")
    values = dict.fromkeys(without_truth, ("", 0.4 - noise / 2, 0.4))
    if with_truth:
        lost = np.nan if run == "atlas" else 25.0 - 10 * noise
        values |= {
            "dice_mean": ("", 0.9 - noise, 1.0),
            "dice_ventricles": ("", 0.8 - noise, 1.0),
            "atrium": ("mm", 7.0 + 10 * noise, 7.0),
            "transcerebellar": ("mm", lost, 25.0),
            "biparietal": ("mm", 60.0 + noise, 60.0),
        }
    key = {
        **{"run": run, "volume": volume, "subject": volume.split("-")[1], "pathology": pathology},
        **{"split": "test", "certificate": "0123456789ab", "seen": ""},
    }
    return [
        key
        | {"measure": name, "unit": unit, "value": value}
        | ({"truth": true, "true_mr": true} if with_truth else {})
        for name, (unit, value, true) in values.items()
    ]


def _training(folder: Path, run: str) -> None:
    trained = METHODS[run] not in ("copy", "atlas")
    epoch = np.arange(1, 13 if trained else 1)
    columns = {"epoch": epoch, "step": epoch * 40, "learning_rate": 1e-4}
    terms = ["lat", "app", "stru", "proj", "index"] if run == "ours" else ["app"]
    for number, term in enumerate([*terms, *(f"d_{name}" for name in terms if name != "lat")]):
        columns[term] = (1 + number) * np.exp(-epoch / 6) + 0.2
        columns[f"val_{term}"] = columns[term] * 1.1
    _table(pd.DataFrame(columns), folder / "losses.csv")
    info = {
        "run": run,
        "settings": {
            "label": BOUNDED[run],
            "method": METHODS[run],
            "weights": {"lat": 10.0, "app": 1.0},
            "epochs": 12,
        },
        "version": "0.1.0",
        "subjects": ["1", "2"],
        "slices": {"us": 480, "mr": 48},
        "seconds": 12.345678,
        "seconds_per_epoch": [1.0] * 12,
    }
    (folder / "train.json").write_text(json.dumps(info))


def _align(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        picture = np.zeros((200, 600, 3), np.uint8)
        picture[50:150, 100:500] = 40 * (number % 6 + 1)
        Image.fromarray(picture).save(folder / f"{name}.png")
        quality = {"method": "found", "similarity": 0.9 - 0.1 * number, "shift_mm": 3.25}
        (folder / f"{name}.json").write_text(json.dumps(quality | {"margin": None}))


def _table(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def decoded(uri: str) -> Image.Image:
    """Open a picture that the page holds as a data URI."""
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))
    picture.load()
    return picture
