"""Run drawn 2D planes through the workflow as far as slices, and print the cost of a plane.

    python benchmarks/planes.py [20] [--masks]

Prints CPU seconds (user and system) of the workflow's commands for a plane: by one process, as the
workflow does it, and by a process for each of `crop`, `align` and `extract`. With ``--masks``,
planes come with a mask of the head; without, `crop` finds it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
PIXEL_MM, GA_WEEKS = 0.15, 21.0
SIZE, AXES = (540, 800), (165.0, 215.0)
WAYS = {"one process": ["template", "prepare"], "three": ["template", "crop", "align", "extract"]}
# Stands for the command: starts it, and writes what it cost.
METER = f"""\
#!{sys.executable}
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "ssus2mri", *sys.argv[1:]])
_, status, used = os.wait4(process.pid, 0)
with open(os.environ["COSTS"], "a") as file:
    file.write(f"{{sys.argv[1]}} {{used.ru_utime + used.ru_stime}}\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a plane, uint8 ``(H, W)``: speckle within a bright skull; and its head, 0 or 255."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices(SIZE).T - np.array(SIZE) / 2).T
    turn = rng.uniform(-0.3, 0.3)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    radius = np.hypot(across / AXES[0], along / AXES[1])
    echo = np.where(radius < 0.96, 60.0, np.where(radius < 1.0, 220.0, 40.0))
    echo[np.hypot(across / 40, (along + 60) / 30) < 1] = 30.0
    speckle = rng.rayleigh(0.8, [-(-n // 4) for n in SIZE]).repeat(4, 0).repeat(4, 1)
    picture = np.clip(echo * speckle[: SIZE[0], : SIZE[1]], 1, 255).astype(np.uint8)
    return picture, np.where(radius < 1.0, 255, 0).astype(np.uint8)


def write_project(folder: Path, planes: int, *, masks: bool) -> list[str]:
    """Write planes, their manifest and the command that measures; return the names of slices."""
    (folder / "bin").mkdir()
    (folder / "bin" / "ssus2mri").write_text(METER, encoding="utf-8")
    (folder / "bin" / "ssus2mri").chmod(0o755)
    rows = ["volume,subject,modality,image,mask,plane,pixel_mm,ga_weeks,split"]
    rows.append("mr,mr,mr,results/simulate/mr.nii.gz,,,,23,train")
    for number in range(planes):
        picture, head = draw(number)
        Image.fromarray(picture).save(folder / f"{number}.png")
        Image.fromarray(head).save(folder / f"{number}_head.png")
        mask, split = f"{number}_head.png" if masks else "", "train" if number else "test"
        rows.append(f"p-{number},s-{number},us,{number}.png,{mask},axial,{PIXEL_MM},21,{split}")
    (folder / "data_manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [f"results/extract/p-{number}.h5" for number in range(planes)]


def run(folder: Path, rules: list[str], targets: list[str]) -> tuple[float, float]:
    """Make files by some rules; CPU seconds of their commands, and of Snakemake beside them."""
    costs = folder / "costs.txt"
    costs.unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    command += ["--snakefile", str(ROOT / "workflow" / "Snakefile"), "--directory", str(folder)]
    command += ["--config", f"manifest={folder}/data_manifest.csv", "--forcerun", *rules[1:]]
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COSTS": str(costs)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as they are
    process = subprocess.Popen(
        [*command, "--allowed-rules", *rules, "--", *targets], cwd=ROOT, env=environment
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"snakemake failed ({os.waitstatus_to_exitcode(status)})")
    lines = [line.split() for line in costs.read_text(encoding="utf-8").splitlines()]
    spent = sum(float(cost) for command, cost in lines if command != "template")
    return spent, used.ru_utime + used.ru_stime - sum(float(cost) for _, cost in lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("planes", nargs="?", type=int, default=20)
    parser.add_argument("--masks", action="store_true")
    options = parser.parse_args()
    print("| way | planes | CPU s of commands per plane | CPU s of Snakemake, all planes |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        targets = write_project(Path(name), options.planes, masks=options.masks)
        for way, rules in WAYS.items():
            commands, rest = run(Path(name), rules, targets)
            print(f"| {way} | {len(targets)} | {commands / len(targets):.2f} | {rest:.1f} |")


if __name__ == "__main__":
    main()
