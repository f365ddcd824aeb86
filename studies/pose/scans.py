"""Simulate the scans that the pose network learns from.

    python studies/pose/scans.py FOLDER --count 740 [--first 0] [--labels ATLAS_LABELS ...]

One ``.npz`` a scan: ``image`` uint8 ``[z, y, x]`` centred at 0, ``head`` (packed bits), and where
the head lies: ``rotation (3, 3)`` from the image's axes to the upright frame, ``centre_mm (3,)``,
``radius_mm``. Scans that exist are kept, so an interrupted run goes on. Label atlases, if given,
take turns as anatomies; the shipped weights never saw any.
"""

import argparse
import dataclasses
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config import project
from ssus2mri.config.project import Project
from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.images import geometry
from ssus2mri.pose.placement import placement_of
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import generator

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
OVERLAY = Path(__file__).with_name("pose.yaml")
AGES = (17.5, 31.0)  # weeks
PATHOLOGY_SHARE = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=740)
    parser.add_argument("--first", type=int, default=0, help="number of the first scan")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label atlases")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--config", type=Path, nargs="*", default=[], help="laid over pose.yaml")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    numbers = range(arguments.first, arguments.first + arguments.count)
    make = partial(
        make_scan,
        folder=arguments.folder,
        labels=arguments.labels,
        settings=project.read(CONFIG, OVERLAY, *arguments.config),
    )
    with ProcessPoolExecutor(arguments.workers) as pool:
        for done, _ in enumerate(pool.map(make, numbers), start=1):
            if done % 50 == 0:
                print(f"{done} of {len(numbers)} scans", flush=True)


def make_scan(number: int, *, folder: Path, labels: list[Path], settings: Project) -> None:
    """Simulate a scan and write it, unless it is there."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    out = folder / f"{number:05d}.npz"
    if out.exists():
        return
    name = f"pose-{number}"
    rng = generator(settings.simulate.seed, "pose network", name)
    ga_weeks = float(rng.uniform(*AGES))
    own = settings_of(name, settings.simulate)
    anatomy = anatomy_of(ga_weeks, labels[number % len(labels)] if labels else None, own)
    upright = upright_rotation(anatomy.labels)
    if rng.random() < PATHOLOGY_SHARE:
        kinds = sorted(settings.pathologies)
        anatomy = with_pathology(anatomy, settings, kinds[int(rng.integers(len(kinds)))])
    scan = simulate(
        name, subject=name, modality="us", ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    head = head_of(scan.labels, "us")
    placement = placement_of(head, upright @ geometry.rotation(scan.pose))
    with whole(out) as partial:
        np.savez_compressed(
            partial,
            image=sitk.GetArrayFromImage(scan.image),
            head=np.packbits(sitk.GetArrayViewFromImage(head)),
            **dataclasses.asdict(placement),
            ga_weeks=ga_weeks,
        )


def with_pathology(anatomy: Anatomy, settings: Project, kind: str) -> Anatomy:
    """Add a pathology where the anatomy can have it."""
    try:
        return add_pathology(anatomy, settings.pathologies[kind])
    except InputError:
        return anatomy


if __name__ == "__main__":
    main()
