"""Compare registration of pairs of MR slices by us, SimpleITK and NiftyReg: accuracy and speed.

    SSUS2MRI_DATA=... python benchmarks/register.py [--pairs 96] [--results FOLDER]

Pairs of real MR: slices of two atlases at one place, some slices apart, noisy, or blurred; with
`--results`, also the slices of all runs of a project with the real MR that stage `register` takes.
Ours and SimpleITK have the same meshes, resolutions and number of iterations, NiftyReg its own
settings with the same finest mesh. Rates are pairs per second of CPU time of one core: a pair needs
no other, so two cores do twice as many. On a GPU, ours does them all at once.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch
from measure import synchronize
from real_mr import SPACING_MM, Pair, abs_log_det, brains, pairs
from scipy.stats import spearmanr
from simpleitk_ffd import simpleitk

from ssus2mri.config.base import load_section
from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.evaluate import RegisterSettings
from ssus2mri.evaluate.pairs import mr_entries, synthetic_entries
from ssus2mri.evaluate.register import tasks
from ssus2mri.ffd.pyramid import register
from ssus2mri.ffd.slice_pairs import Registration, correlation, register_slices

CONFIG = str(Path(__file__).parents[1] / "config" / "config.yaml")
GPU_PAIRS = 2048

Engine = Callable[[list[Pair], float], list[Registration | None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--results", type=Path, help="results/ of a project")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_section(RegisterSettings, CONFIG, "register")
    shown = brains(Path(os.environ["SSUS2MRI_DATA"]) / "mr_atlases")
    real = list(pairs(shown, arguments.pairs, np.random.default_rng(0)))
    report("real MR", real, SPACING_MM, settings.ffd)
    if arguments.results:
        synthetic, spacing_mm = of_project(arguments.results, settings)
        report("synthetic MR", synthetic, spacing_mm, settings.ffd)
    print(f"ours on a GPU: {on_gpu(real, settings.ffd)}")


def engines(settings: FfdSettings) -> dict[str, Engine]:
    def ours(chosen: list[Pair], spacing_mm: float) -> list[Registration | None]:
        return register_slices(*columns(chosen), spacing_mm=spacing_mm, settings=settings)

    def reference(chosen: list[Pair], spacing_mm: float) -> list[Registration | None]:
        return [simpleitk(*pair[:3], spacing_mm=spacing_mm, settings=settings) for pair in chosen]

    def nifty(chosen: list[Pair], spacing_mm: float) -> list[Registration | None]:
        return [niftyreg(pair, spacing_mm, settings) for pair in chosen]

    available: dict[str, Engine] = {"SimpleITK": reference, "ours": ours}
    if shutil.which("reg_f3d"):
        available["NiftyReg"] = nifty
    return available


def columns(chosen: list[Pair]) -> tuple[list, list, list]:
    return [p.moving for p in chosen], [p.fixed for p in chosen], [p.mask for p in chosen]


def report(title: str, chosen: list[Pair], spacing_mm: float, settings: FfdSettings) -> None:
    """Print a table of all engines by kind of pair, and their rates."""
    edge = chosen[0].fixed.shape[0]
    print(f"{title}: {len(chosen)} pairs, {edge} x {edge}")
    table = pd.DataFrame({"kind": [pair.kind for pair in chosen]})
    before = [correlation(pair.moving, pair.fixed, pair.mask) for pair in chosen]
    available = engines(settings)
    for name, engine in available.items():
        begun = cpu_seconds()
        registrations = engine(chosen, spacing_mm)
        rate = len(chosen) / (cpu_seconds() - begun)
        print(f"{name}: {rate:.1f} pairs/s of a core")
        table[f"{name} similarity"] = [
            before[n] if r is None else r.similarity_after for n, r in enumerate(registrations)
        ]
        table[f"{name} |log det|"] = [
            np.nan if r is None else abs_log_det(r.determinant, pair.mask)
            for r, pair in zip(registrations, chosen, strict=True)
        ]
    table["before"] = before
    rows = [
        summary(part, str(kind), list(available))
        for kind, part in table.groupby("kind", sort=False)
    ]
    rows.append(summary(table, "all", list(available)))
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    if "NiftyReg" not in available:
        print("NiftyReg: not measured, reg_f3d is not installed")


def summary(table: pd.DataFrame, kind: str, names: list[str]) -> dict[str, object]:
    row: dict[str, object] = {"kind": kind, "n": len(table), "before": table["before"].mean()}
    for name in names:
        deformation = table[f"{name} |log det|"]
        row[f"{name}: similarity"] = table[f"{name} similarity"].mean()
        row["|log det| " + name] = deformation.mean()
        reference = table["SimpleITK |log det|"]
        if name != "SimpleITK" and reference.nunique() > 1:
            row["spearman " + name] = spearmanr(reference, deformation, nan_policy="omit")[0]
    return row


def cpu_seconds() -> float:
    """Return the CPU time of this process and of programs that it ran."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def of_project(results: Path, settings: RegisterSettings) -> tuple[list[Pair], float]:
    """Return the pairs that stage `register` compares, of all runs of a project."""
    mrs = [
        mr
        for mr in mr_entries(sorted((results / "extract").glob("mr-*.h5")))
        if mr.header.split == "train"
    ]
    chosen = []
    for run in sorted(path for path in (results / "synthesize").iterdir() if path.is_dir()):
        for scan in synthetic_entries(sorted(run.glob("*.h5"))):
            for task in tasks(scan, mrs, settings):
                real = task.real.astype(np.float32)
                chosen.append(Pair(task.synthetic.astype(np.float32), real, task.head, run.name))
    return chosen, mrs[0].header.spacing_mm


def niftyreg(pair: Pair, spacing_mm: float, settings: FfdSettings) -> Registration:
    """Register a pair by NiftyReg's program, with its own measure and bending penalty."""
    cell = str(settings.mesh_mm[-1])
    with tempfile.TemporaryDirectory() as folder:
        path = {
            name: f"{folder}/{name}.nii"
            for name in ("fixed", "moving", "mask", "out", "cpp", "jac")
        }
        arrays = {"fixed": pair.fixed, "moving": pair.moving, "mask": pair.mask.astype(np.uint8)}
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.SetSpacing([spacing_mm] * 2)
            sitk.WriteImage(image, path[name])
        images = ["-ref", path["fixed"], "-flo", path["moving"], "-rmask", path["mask"]]
        written = ["-res", path["out"], "-cpp", path["cpp"]]
        limits = ["-sx", cell, "-ln", str(len(settings.mesh_mm)), "-omp", "1", "-voff"]
        subprocess.run(["reg_f3d", *images, *written, *limits], check=True, capture_output=True)
        jacobian = ["-trans", path["cpp"], "-ref", path["fixed"], "-jac", path["jac"]]
        subprocess.run(["reg_jacobian", *jacobian], check=True, capture_output=True)
        warped, determinants = (
            np.nan_to_num(sitk.GetArrayFromImage(sitk.ReadImage(path[name])).squeeze())
            for name in ("out", "jac")
        )
    return Registration(
        displacement=np.empty((2, 0, 0)),
        determinant=determinants,
        warped=warped,
        similarity_before=correlation(pair.moving, pair.fixed, pair.mask),
        similarity_after=correlation(warped, pair.fixed, pair.mask),
    )


def on_gpu(chosen: list[Pair], settings: FfdSettings) -> str:
    """Return the rate of ours with thousands of pairs at once, in float32."""
    if not torch.cuda.is_available():
        return "not measured, there is none"
    device = torch.device("cuda")
    moving, fixed, masks = (
        torch.tensor(np.stack([column[n % len(chosen)] for n in range(GPU_PAIRS)])).to(device)
        for column in columns(chosen)
    )
    rates = []
    for _ in range(4):
        synchronize(device)
        begun = time.perf_counter()
        register(fixed, moving, masks, spacing_mm=SPACING_MM, settings=settings)
        synchronize(device)
        rates.append(GPU_PAIRS / (time.perf_counter() - begun))
    return f"{np.median(rates):.0f} pairs/s"


if __name__ == "__main__":
    main()
