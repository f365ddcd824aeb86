"""Write the report of many faked test scans, and print its size and what it costs.

    python benchmarks/report.py [2000] [--keep FOLDER]
    python benchmarks/report.py --open results/render/report.html

Prints a row: test scans, MB of the report and of the page of all scans, CPU seconds and peak memory
of `ssus2mri render`. With ``--open``, opens a report in a headless Chromium and prints the seconds
until it, and the page of all scans beside it, are loaded.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.score import run_score
from ssus2mri.slices import PLANES, Header, Slices

ROOT = Path(__file__).parent.parent
CONFIG = str(ROOT / "config/config.yaml")
METHODS = {"ours": "synthesis", "cut": "cut", "copy": "copy", "atlas": "atlas"}
SIZE, SCORED = 160, 12


def scan(name: str, modality: str, split: str, rng: np.random.Generator) -> Slices:
    """Return three slices of a ball of noise, one of each plane."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    head = np.repeat((((y**2 + x**2) < (0.4 * SIZE) ** 2)[None]), 3, axis=0)
    header = Header(
        volume=name,
        subject=name,
        modality=modality,
        ga_weeks=22.0,
        split=split,
        spacing_mm=96 / SIZE,
        size=SIZE,
        low=0.0,
        high=255.0,
        origin_mm=(0.0, 0.0, 0.0),
    )
    image = (rng.random(head.shape) * head).astype(np.float16)
    middle = np.full(3, SIZE // 2, np.int16)
    return Slices(header, image, np.arange(3, dtype=np.uint8), middle, head, truth=image)


def write_results(root: Path, scans: int) -> list[str]:
    """Write what stages before `score` leave of test scans; return their names."""
    rng = np.random.default_rng(0)
    names = [f"sub-{number:05d}_ses-01_us" for number in range(scans)]
    (root / "align").mkdir(parents=True)
    for name, modality, split in [*((n, "us", "test") for n in names), ("mr", "mr", "train")]:
        written = scan(name, modality, split, rng)
        slices.write(written, root / "extract" / f"{name}.h5")
        for run in METHODS if modality == "us" else ():
            header = replace(written.header, run=run, certificate="0" * 12)
            synthetic = replace(written, header=header, truth=None)
            slices.write(synthetic, root / "synthesize" / run / f"{name}.h5")
        picture = rng.integers(0, 255, (300, 900), np.uint8)
        Image.fromarray(picture).save(root / "align" / f"{name}.png")
        quality = {"method": "network", "confidence": rng.random(), "similarity": rng.random()}
        (root / "align" / f"{name}.json").write_text(json.dumps(quality))
    for run in METHODS:
        write_rows(root, run, names, rng)
    stages = ("register", "compare", "segment")
    run_score(
        **{stage: [root / stage / f"{run}.csv" for run in METHODS] for stage in stages},
        probe=[],
        mos=None,
        ratings=None,
        labels={run: run for run in METHODS},
        methods=METHODS,
        out=root / "score",
        settings=load_section(ScoreSettings, CONFIG, "score"),
    )
    return names


def write_rows(root: Path, run: str, names: list[str], rng: np.random.Generator) -> None:
    """Write the rows of a run's scores, and what its training says."""
    registered, compared, segmented = [], [], []
    for name in names:
        key = {"run": run, "volume": name, "subject": name, "split": "test"}
        key |= {"certificate": "0" * 12}
        for number in range(SCORED):
            place = {"plane": PLANES[number % 3], "index": SIZE // 2, "reference": "mr"}
            likeness = dict(zip(("ssim", "psnr", "mae"), rng.random(3), strict=True))
            compared.append({**key, **place, "kind": "truth", **likeness})
            registered.append({**key, **place, "deformation": rng.random()})
        segmented.append({**key, "measure": "agreement", "value": rng.random()})
    tables.write(registered, tables.REGISTER, root / "register" / f"{run}.csv")
    tables.write(compared, tables.COMPARE, root / "compare" / f"{run}.csv")
    tables.write(segmented, tables.SEGMENT, root / "segment" / f"{run}.csv")
    folder = root / "train" / run
    folder.mkdir(parents=True)
    (folder / "losses.csv").write_text("epoch,step,learning_rate,app\n1,10,0.1,1.0\n2,20,0.1,0.5\n")
    settings = {"label": run, "method": METHODS[run]}
    about = {"run": run, "settings": settings, "subjects": names}
    (folder / "train.json").write_text(json.dumps(about))


def render(root: Path, names: list[str]) -> tuple[float, float]:
    """Write the report by the command of the workflow; CPU seconds and peak memory, MB."""
    (root / "volumes.txt").write_text("\n".join(names))
    labels = json.dumps({run: run for run in METHODS})
    command = [sys.executable, "-m", "ssus2mri", "render", str(root), f"--labels={labels}"]
    command += [f"--volumes=@{root / 'volumes.txt'}", f"--settings={CONFIG}"]
    process = subprocess.Popen([*command, f"--out={root / 'render' / 'report.html'}"])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit("render failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def seconds_to_load(page: Path) -> float:
    """Open a page in Chromium without a window; seconds until all of it is loaded."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get("about:blank")
        begun = time.perf_counter()
        driver.get(page.resolve().as_uri())  # waits for the event `load`
        return time.perf_counter() - begun
    finally:
        driver.quit()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scans", nargs="?", type=int, default=2000)
    parser.add_argument("--open", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.open:
        for page in (options.open, options.open.with_name("scans.html")):
            size_mb = page.stat().st_size / 1e6
            print(f"{page}: {size_mb:.1f} MB, loaded in {seconds_to_load(page):.2f} s")
        return
    print("| test scans | report, MB | all scans, MB | CPU s | peak memory, MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        names = write_results(folder, options.scans)
        cpu_s, peak_mb = render(folder, names)
        report, scans = (folder / "render" / f"{name}.html" for name in ("report", "scans"))
        sizes = [page.stat().st_size / 1e6 for page in (report, scans)]
        print(f"| {len(names)} | {sizes[0]:.1f} | {sizes[1]:.1f} | {cpu_s:.1f} | {peak_mb:.0f} |")


if __name__ == "__main__":
    main()
