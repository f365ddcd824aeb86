"""Real images through the whole flow, at the smallest size: 2D planes, and 3D volumes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from conftest import ROOT
from phantom_simulate import small_settings

from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.mri import contrast
from ssus2mri.tissues import Tissue

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SSUS2MRI_DATA" not in os.environ, reason="SSUS2MRI_DATA is not set"),
]
DATA = Path(os.environ.get("SSUS2MRI_DATA", "."))
PATHS = ("image", "mask", "labels")
RUNS = ["ours", "ours_match", "copy", "atlas", "matched"]


def manifest_rows() -> dict[str, dict[str, str]]:
    """The rows of the real data's own manifest, with absolute paths."""
    with (DATA / "data_manifest.csv").open(encoding="utf-8") as file:
        rows = {row["volume"]: row for row in csv.DictReader(file)}
    for row in rows.values():
        row.update({name: str(DATA / row[name]) for name in PATHS if row.get(name)})
    return rows


def run(folder: Path, rows: list[dict[str, str]], *configs: Path) -> None:
    """Run the workflow on some rows in a folder of its own."""
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "tiny.yaml").write_text(f"enabled_runs: [{', '.join(RUNS)}]\n")
    smoke = ROOT / "tests" / "config" / "smoke.yaml"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", "--directory", str(folder)),
            *("--configfile", *map(str, configs), str(smoke), str(folder / "tiny.yaml")),
            *("--config", f"manifest={folder / 'manifest.csv'}"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert run.returncode == 0, run.stdout[-6000:]


def test_planes(tmp_path: Path) -> None:
    rows = manifest_rows()
    planes = [row for row in rows.values() if row["plane"]]
    chosen = [
        *({**row, "split": "train"} for row in planes[:2]),
        *({**row, "split": "test", "mask": ""} for row in planes[60:62]),
        rows["crl-23w"],
        rows["wu-23w"],
    ]
    config = ROOT / "config"
    run(tmp_path, chosen, config / "small.yaml", config / "planes.yaml")
    for row in chosen[:4]:
        with h5py.File(tmp_path / "results" / "extract" / f"{row['volume']}.h5") as file:
            assert file["image"].shape == (1, 64, 64)
            assert file["head"][0].mean() > 0.2
    table = pd.read_csv(tmp_path / "results" / "score" / "deformation.csv")
    assert table["run"].tolist() == RUNS
    assert table.set_index("run").loc["atlas", "deformation_mean"] == 0
    assert (tmp_path / "results" / "render" / "report.html").stat().st_size > 10_000


def test_volumes(tmp_path: Path) -> None:
    rows = manifest_rows()

    def simulated(source: str, split: str) -> dict[str, str]:
        row = {key: value for key, value in rows[source].items() if key not in ("image", "mask")}
        image = f"results/simulate/us-{source}.nii.gz"
        return {**row, "volume": f"us-{source}", "modality": "us", "image": image, "split": split}

    chosen = [
        {**rows["crl-23w"], "mask": ""},
        rows["wu-23w"],
        simulated("crl-22w", "train"),
        simulated("wu-24w", "train"),
        rows["crl-24w"],
        simulated("crl-24w", "test"),
    ]
    run(tmp_path, chosen, ROOT / "config" / "small.yaml")
    with h5py.File(tmp_path / "results" / "extract" / "us-crl-24w.h5") as file:
        assert set(file["plane"][:]) == {0, 1, 2}
        assert file["truth"].shape == file["image"].shape
    compared = pd.read_csv(tmp_path / "results" / "compare" / "copy.csv")
    assert set(compared["kind"]) == {"truth", "pair"}
    assert set(compared.loc[compared["kind"] == "pair", "reference"]) == {"crl-24w"}


def test_simulated_mr_of_real_labels_has_the_real_contrast() -> None:
    """Tissue means within 10 % of those of the real volume, in the same order.

    The intensities of ``config.yaml`` are in the scale of this volume: no factor is fitted here.
    """
    row, settings = manifest_rows()["crl-23w"], small_settings()
    anatomy = from_labels(Path(row["labels"]), settings.anatomy)
    real, labels = (
        sitk.GetArrayFromImage(
            sitk.Resample(
                sitk.ReadImage(row[name]),
                anatomy.labels,
                sitk.Transform(),
                sitk.sitkNearestNeighbor,
            )
        )
        for name in ("image", "labels")
    )
    image = contrast(anatomy, settings.mr, ga_weeks=float(row["ga_weeks"]), rng=None)
    means = {
        Tissue(label).name.lower(): (real[labels == label].mean(), image[labels == label].mean())
        for label in range(1, 9)
    }
    for name, (expected, simulated) in means.items():
        print(
            f"{name:16s} real {expected:5.0f}  simulated {simulated:5.0f}"
            f"  {simulated / expected:.3f}"
        )
    for name, (expected, simulated) in means.items():
        assert simulated == pytest.approx(expected, rel=0.1), name
    by_real, by_simulated = (sorted(means, key=lambda name: means[name][k]) for k in (0, 1))
    assert by_real == by_simulated
    brain = labels > 0
    assert np.corrcoef(real[brain], image[brain])[0, 1] > 0.8
