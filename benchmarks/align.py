"""Measure how accurately, and how fast, `crop` and `align` place heads in any pose.

    python benchmarks/align.py --us 200 --chains 30 --mr 60
    python benchmarks/align.py --labels ATLAS/*_labels.nii.gz --turned 10
    python benchmarks/align.py --real DATA/us_volumes [--turns 50]

Simulated heads of 18 to 30 weeks, turned by any rotation, against the least-squares similarity fit
of each subject's pose and deformation. `--chains` repeats ultrasound under each acoustic chain of
benchmarks/chains.yaml. `--real` takes volumes that share the reference pose ``common_pose.tfm``
beside them, and turns each by random rotations, field of view and all.
"""

import argparse
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from align_cases import Result, Template, real_case, simulated_case, turned_mr
from scipy.spatial.transform import Rotation

from ssus2mri.config import project
from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.project import Project
from ssus2mri.images import geometry, volume
from ssus2mri.simulate.template import run_template
from ssus2mri.tissues import Tissue

ROOT = Path(__file__).parents[1]
WITHIN_DEG, WITHIN_MM = 10.0, 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--us", type=int, default=0, help="simulated ultrasound volumes")
    parser.add_argument("--mr", type=int, default=0, help="simulated MR volumes")
    parser.add_argument("--chains", type=int, default=0, help="volumes of each acoustic chain")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label atlases")
    parser.add_argument("--turned", type=int, default=10, help="volumes of each label atlas")
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="real MR, upright")
    parser.add_argument("--real", type=Path, help="folder of real volumes and common_pose.tfm")
    parser.add_argument("--turns", type=int, default=0, help="rotations of each real volume")
    parser.add_argument("--template", type=Path, help="labels of the template; default: built-in")
    parser.add_argument("--first", type=int, default=5000, help="number of the first volume")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="a line for each volume")
    arguments = parser.parse_args()
    values = load_yaml(ROOT / "config" / "config.yaml")
    settings = project.validated(values)
    folder = Path("/tmp") / f"align-{arguments.template.stem if arguments.template else 'built-in'}"
    template = make_template(settings, arguments.template, folder)
    print(
        f"{'':24}{'rotation, deg':>20}{'head centre, mm':>18}{'within 10 deg, 3 mm':>22}"
        f"{'worst':>18}{'uncertain':>10}{'crop s':>8}{'align s':>8}"
    )
    with ProcessPoolExecutor(arguments.workers) as pool:

        def show(name: str, judge: Callable[[Any], Any], cases: Iterable[Any]) -> None:
            results = list(pool.map(judge, cases))
            print_row(name, results, settings.align.min_confidence)
            if arguments.verbose:
                for case, result in zip(cases, results, strict=True):
                    print(f"    {case}", *(f"{value:.2f}" for value in result))

        def numbered(count: int, labels: Path | None = None) -> list[tuple[int, Path | None]]:
            return [(arguments.first + number, labels) for number in range(count)]

        simulated = partial(simulated_case, template=template)
        for modality in ("us", "mr"):
            if count := getattr(arguments, modality):
                run = partial(simulated, modality=modality, settings=settings)
                show(modality, run, numbered(count))
        for path in arguments.labels:
            for modality in ("us", "mr"):
                run = partial(simulated, modality=modality, settings=settings)
                show(f"{modality} {path.name.split('_')[0]}", run, numbered(arguments.turned, path))
        for path in arguments.images:
            run = partial(turned_mr, path, template=template, settings=settings)
            show(f"real mr {path.name.split('_')[0]}", run, list(range(arguments.turned)))
        if arguments.chains:
            for name, chain in load_yaml(ROOT / "benchmarks" / "chains.yaml").items():
                own = project.validated(merge(values, {"simulate": {"ultrasound": chain}}))
                run = partial(simulated, modality="us", settings=own)
                show(f"us, {name}", run, numbered(arguments.chains))
        if arguments.real:
            real(arguments, template, settings, pool)


def make_template(settings: Project, labels: Path | None, folder: Path) -> Template:
    folder.mkdir(exist_ok=True)
    image = labels.with_name(labels.name.replace("_labels", "_t2w")) if labels else None
    run_template(settings.atlas, settings.simulate, out=folder, labels=labels, image=image)
    us, mr = (volume.read(folder / f"{name}.nii.gz") for name in ("us", "mr"))
    return Template(us, mr, volume.read_labels(folder / "labels.nii.gz", tuple(Tissue)))


def real(
    arguments: argparse.Namespace, template: Template, settings: Project, pool: ProcessPoolExecutor
) -> None:
    """Print angles to the reference pose, and of turned copies to the unturned scan."""
    reference = geometry.rotation(geometry.read_transform(arguments.real / "common_pose.tfm"))
    run = partial(real_case, template=template, settings=settings)
    for path in sorted(arguments.real.glob("*.nii.gz")):
        cases = [(path, number) for number in range(arguments.turns + 1)]
        results = list(pool.map(run, cases))
        rotations = np.array([rotation for rotation, *_ in results])
        to_reference = degrees_between(rotations, reference)
        confidence, crop_s, align_s = np.array([numbers for _, *numbers in results]).T
        away = Rotation.from_matrix(rotations[0] @ reference.T).as_rotvec(degrees=True)
        print(
            f"{path.name}: {to_reference[0]:.1f} deg from the reference (x, y, z"
            f" {away.round(1).tolist()}), confidence {confidence[0]:.2f},"
            f" crop {crop_s[0]:.1f} s, align {align_s[0]:.1f} s CPU"
        )
        if arguments.turns:
            apart = degrees_between(rotations[1:], rotations[0])
            print(
                f"    {arguments.turns} turned copies: from the unturned median"
                f" {np.median(apart):.1f},"
                f" worst {apart.max():.1f} deg, within 5: {np.mean(apart <= 5):.0%}; from the"
                f" reference worst {to_reference[1:].max():.1f}, within 15:"
                f" {np.mean(to_reference[1:] <= 15):.0%}; confidence {confidence.min():.2f} to"
                f" {confidence.max():.2f}"
            )
            if arguments.verbose:
                for case, a, r, c in zip(
                    cases[1:], apart, to_reference[1:], confidence[1:], strict=True
                ):
                    print(f"      {case[1]}: {a:.1f} {r:.1f} {c:.2f}")


def degrees_between(rotations: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.degrees(Rotation.from_matrix(rotations @ other.T).magnitude())


def print_row(name: str, results: list[Result], threshold: float) -> None:
    values = np.array(results)
    degrees, mm = values[:, 0], values[:, 1]
    good = (degrees <= WITHIN_DEG) & (mm <= WITHIN_MM)
    sure = values[:, 3] >= threshold
    tail = np.percentile(values[:, :2], 90, axis=0)
    print(
        f"{name:24}{f'{np.median(degrees):.1f} (90%: {tail[0]:.1f})':>20}"
        f"{f'{np.median(mm):.1f} ({tail[1]:.1f})':>18}"
        f"{f'{good.sum()} of {len(good)}':>22}{f'{degrees.max():.0f} deg, {mm.max():.1f} mm':>18}"
        f"{np.sum(~sure):>10}{values[:, 4].mean():>8.1f}{values[:, 5].mean():>8.1f}",
        flush=True,
    )
    wrong = ~good
    if wrong.any():
        print(
            f"    wrong and sure: {np.sum(wrong & sure)};"
            f" right and uncertain: {np.sum(good & ~sure)}"
        )


if __name__ == "__main__":
    main()
