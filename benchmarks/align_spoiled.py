"""Measure whether the confidence of `align` tells right from wrong poses of real scans.

    python benchmarks/align_spoiled.py DATA/us_volumes [--copies 40]

Each volume is turned at random and spoiled, as simulated scans are when the confidence is
calibrated (studies/pose/calibrate.py): all beyond a random plane through the head is hidden, and
noise multiplied. A pose is right within 10 degrees of that of the scan as it is. What `crop`
refuses has no pose.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from align import ROOT, degrees_between, make_template
from align_cases import Template, aligned, turned_copy, weeks_of
from scipy.spatial.transform import Rotation

from ssus2mri.config import project
from ssus2mri.config.project import Project
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.pose.placement import ball_radius_mm, middle
from ssus2mri.prepare.align import head_of

RIGHT_DEG, FAR_DEG = 10.0, 20.0
SPACING_MM = 1.2  # of copies: that of the scans on which the confidence is calibrated
Judged = tuple[float, float] | None  # degrees off, confidence


class Case(NamedTuple):
    """A volume, how its head lies as it is, and the number of the copy."""

    path: Path
    rotation: np.ndarray
    centre_mm: np.ndarray
    radius_mm: float
    number: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volumes", type=Path, help="folder of real volumes, NAME-23w.nii.gz")
    parser.add_argument("--copies", type=int, default=40, help="spoiled copies of each volume")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    settings = project.read(ROOT / "config" / "config.yaml")
    template = make_template(settings, None, Path("/tmp/align-built-in"))
    run = partial(judge, template=template, settings=settings)
    judged: list[Judged] = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for path in sorted(arguments.volumes.glob("*.nii.gz")):
            case = as_it_is(path, template, settings)
            copies = [case._replace(number=number) for number in range(arguments.copies)]
            results = list(pool.map(run, copies))
            judged += results
            print(path.name, end=": ")
            report(results, settings.align.min_confidence)
    print("all", end=": ")
    report(judged, settings.align.min_confidence)


def as_it_is(path: Path, template: Template, settings: Project) -> Case:
    """Align a volume as it is."""
    transform = aligned(volume.read(path), "us", weeks_of(path), template, settings)[0]
    centre, volume_mm3 = middle(head_of(template.labels, "us"))
    scale = float(np.cbrt(np.linalg.det(geometry.matrix(transform))))
    return Case(
        path,
        geometry.rotation(transform),
        np.array(transform.GetInverse().TransformPoint(centre.tolist())),
        ball_radius_mm(volume_mm3) / scale,
    )


def judge(case: Case, *, template: Template, settings: Project) -> Judged:
    """Align a spoiled copy: degrees off, and confidence; None where `crop` refuses it."""
    rng = np.random.default_rng([2, case.number])
    turn = Rotation.random(random_state=rng)
    copy, back = turned_copy(volume.read(case.path), turn, SPACING_MM)
    centre_mm = np.array(back.GetInverse().TransformPoint(case.centre_mm.tolist()))
    try:
        transform, confidence, *_ = aligned(
            spoiled(copy, centre_mm, case.radius_mm, rng),
            "us",
            weeks_of(case.path),
            template,
            settings,
        )
    except InputError:
        return None
    rotation = geometry.rotation(transform) @ turn.as_matrix()
    return float(degrees_between(rotation, case.rotation)), confidence


def spoiled(
    image: sitk.Image, centre_mm: np.ndarray, radius_mm: float, rng: np.random.Generator
) -> sitk.Image:
    """Hide all beyond a random plane through the head, and multiply noise."""
    array = sitk.GetArrayFromImage(image)
    centre = np.array(image.TransformPhysicalPointToContinuousIndex(centre_mm.tolist()))[::-1]
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    place = np.indices(array.shape) - centre.reshape(3, 1, 1, 1)
    depth = np.tensordot(normal, place, 1) * SPACING_MM / radius_mm
    noise = rng.normal(0, rng.uniform(0, 1.2), array.shape)
    return geometry.from_array(array * np.exp(noise) * (depth < rng.uniform(-0.5, 0.8)), image)


def report(results: list[Judged], threshold: float) -> None:
    """Print how many are refused, right and wrong, and how many of these are uncertain."""
    degrees, confidence = np.array([result for result in results if result]).reshape(-1, 2).T
    refused = sum(result is None for result in results)
    unsure, right = confidence < threshold, degrees <= RIGHT_DEG
    print(f"{len(results)} copies, {refused} refused by crop", end="")
    far = degrees > FAR_DEG
    for name, group in (("right", right), ("wrong", ~right), (f"{FAR_DEG:.0f} deg off", far)):
        print(f"; {name} {group.sum()}, of which uncertain {np.sum(group & unsure)}", end="")
    print(flush=True)


if __name__ == "__main__":
    main()
