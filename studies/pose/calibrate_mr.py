"""Calibrate `align.mr_confidence`: the probability that the search found the right pose of an MR.

    python studies/pose/calibrate_mr.py [--count 120]

Simulated brains in any pose, two of three spoiled: a part hidden, noise. A logistic regression on
what the search says of its result is fitted on every other brain and judged on the rest; the
coefficients of all go into config/config.yaml by hand.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from calibrate import fit, report
from scipy import special
from scipy.spatial.transform import Rotation

from ssus2mri.config import project
from ssus2mri.config.project import Project
from ssus2mri.images import geometry
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.head import find_brain
from ssus2mri.prepare.search import search
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pose import generator
from ssus2mri.simulate.template import template

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
WEEKS = (18.0, 30.0)
RIGHT_DEG = 10.0


class Case(NamedTuple):
    """What the regression sees, whether the pose is right, whether the brain was spoiled."""

    seen: list[float]
    right: bool
    spoiled: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    settings = project.read(CONFIG)
    anatomy = anatomy_of(settings.atlas.ga_weeks, None, settings.simulate)
    atlas = template(anatomy, settings.atlas, settings.simulate, image=None)
    judge = partial(judge_brain, settings=settings, mr=atlas.mr, labels=atlas.labels)
    with ProcessPoolExecutor(arguments.workers) as pool:
        cases = list(pool.map(judge, range(arguments.count)))
    seen = np.array([case.seen for case in cases])
    right = np.array([case.right for case in cases])
    spoiled = np.array([case.spoiled for case in cases])
    half = np.arange(len(cases)) % 2 == 0
    report(special.expit(seen[~half] @ fit(seen[half], right[half])), right[~half], spoiled[~half])
    names = ("offset", "agreeing", "margin", "similarity")
    print(
        {name: round(float(value), 2) for name, value in zip(names, fit(seen, right), strict=True)}
    )


def judge_brain(number: int, *, settings: Project, mr: sitk.Image, labels: sitk.Image) -> Case:
    """Simulate a brain, spoil it, search its pose and compare."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    name = f"mr-confidence-{number}"
    rng = generator(settings.simulate.seed, "calibrate", name)
    ga_weeks = float(rng.uniform(*WEEKS))
    own = settings_of(name, settings.simulate)
    turned = own.mr.model_copy(update={"rotation_deg": 180.0})
    own = own.model_copy(update={"mr": turned, "size": 110, "spacing_mm": 1.0})
    anatomy = anatomy_of(ga_weeks, None, own)
    scan = simulate(
        name, subject=name, modality="mr", ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    image, spoiled = scan.image, number % 3 > 0
    brain = find_brain(image, settings.crop.extracted_zeros)
    if spoiled:
        image, brain = spoil(image, brain, rng)
    result = search(
        sitk.Cast(image, sitk.sitkFloat32),
        brain,
        mr,
        head_of(labels, "mr"),
        modality="mr",
        settings=settings.align,
    )
    turn = geometry.rotation(result.transform.image_to_atlas()) @ geometry.rotation(scan.pose).T
    degrees = np.degrees(Rotation.from_matrix(turn).magnitude())
    seen = [1.0, result.agreeing, result.margin, result.similarity]
    return Case(seen, bool(degrees <= RIGHT_DEG), spoiled)


def spoil(
    image: sitk.Image, brain: sitk.Image, rng: np.random.Generator
) -> tuple[sitk.Image, sitk.Image]:
    """Hide what lies beyond a random plane through the brain, and add noise."""
    array, inside = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(brain) > 0
    centre = np.argwhere(inside).mean(axis=0)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    depth = np.tensordot(normal, np.indices(array.shape) - centre.reshape(3, 1, 1, 1), 1)
    kept = inside & (depth < rng.uniform(-0.4, 1.0) * np.ptp(depth[inside]) / 2)
    noise = rng.normal(0, rng.uniform(0, 1.5) * array[inside].std(), array.shape)
    spoiled = np.where(kept, np.maximum(array + noise, 0), 0).astype(np.float32)
    return geometry.from_array(spoiled, image), geometry.from_array(kept.astype(np.uint8), brain)


if __name__ == "__main__":
    main()
