"""How exactly, and how fast, `crop` and `align` place heads in any pose.

    python benchmarks/align.py --us 200 --chains 30 --mr 60 [--labels ATLAS/*_labels.nii.gz --turned
    10] python benchmarks/align.py --real DATA/us_volumes [--turns 50]

Simulated heads of 18 to 30 weeks, turned by any rotation, against the least-squares similarity fit
of each subject's pose and deformation. `--chains` repeats ultrasound under each acoustic chain of
benchmarks/chains.yaml. `--real` takes volumes that share the reference pose ``common_pose.tfm``
beside them, and turns each by random rotations, field of view and all.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ssus2mri.config import project
from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.project import Project
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import align_3d, head_of
from ssus2mri.prepare.crop import crop
from ssus2mri.prepare.head import find_mask
from ssus2mri.prepare.similarity import ball_radius_mm, middle
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pose import generator
from ssus2mri.simulate.template import run_template
from ssus2mri.tissues import Tissue

ROOT = Path(__file__).parents[1]
WITHIN_DEG, WITHIN_MM = 10.0, 3.0
WEEKS = (18.0, 30.0)


class Result(NamedTuple):
    """Of one volume: errors against the true pose, confidence, CPU seconds of crop and align."""

    degrees: float
    centre_mm: float
    scale: float
    confidence: float
    crop_s: float
    align_s: float


class Template(NamedTuple):
    """What `align` compares with."""

    us: sitk.Image
    mr: sitk.Image
    labels: sitk.Image


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
    settings = load(ROOT / "config" / "config.yaml")
    folder = Path("/tmp") / f"align-{arguments.template.stem if arguments.template else 'built-in'}"
    template = make_template(settings, arguments.template, folder)
    print(
        f"{'':24}{'rotation, deg':>20}{'head centre, mm':>18}{'within 10 deg, 3 mm':>22}"
        f"{'worst':>18}{'uncertain':>10}{'crop s':>8}{'align s':>8}"
    )
    numbers = range(arguments.first, arguments.first + max(arguments.us, arguments.mr))
    with ProcessPoolExecutor(arguments.workers) as pool:

        def show(name: str, judge, cases) -> None:
            results = list(pool.map(judge, cases))
            print_row(name, results, settings.align.min_confidence)
            if arguments.verbose:
                for case, result in zip(cases, results, strict=True):
                    print(f"    {case}", *(f"{value:.2f}" for value in result))

        simulated = partial(simulated_case, template=template)
        if arguments.us:
            us = partial(simulated, modality="us", settings=settings)
            show("us", us, [(n, None) for n in numbers[: arguments.us]])
        if arguments.mr:
            mr = partial(simulated, modality="mr", settings=settings)
            show("mr", mr, [(n, None) for n in numbers[: arguments.mr]])
        for path in arguments.labels:
            for modality in ("us", "mr"):
                cases = [
                    (n, path) for n in range(arguments.first, arguments.first + arguments.turned)
                ]
                run = partial(simulated, modality=modality, settings=settings)
                show(f"{modality} {path.name.split('_')[0]}", run, cases)
        for path in arguments.images:
            run = partial(turned_mr, path, template=template, settings=settings)
            show(f"real mr {path.name.split('_')[0]}", run, list(range(arguments.turned)))
        if arguments.chains:
            for name, chain in load_yaml(ROOT / "benchmarks" / "chains.yaml").items():
                own = load(ROOT / "config" / "config.yaml", {"simulate": {"ultrasound": chain}})
                run = partial(simulated, modality="us", settings=own)
                cases = [
                    (n, None) for n in range(arguments.first, arguments.first + arguments.chains)
                ]
                show(f"us, {name}", run, cases)
        if arguments.real:
            real(arguments, template, settings, pool)


def load(path: Path, changes: dict | None = None) -> Project:
    settings, messages = project.load(merge(load_yaml(path), changes or {}))
    if settings is None or messages:
        raise SystemExit("\n".join(messages))
    return settings


def make_template(settings: Project, labels: Path | None, folder: Path) -> Template:
    folder.mkdir(exist_ok=True)
    image = labels.with_name(labels.name.replace("_labels", "_t2w")) if labels else None
    run_template(settings.atlas, settings.simulate, out=folder, labels=labels, image=image)
    us, mr = (volume.read(folder / f"{name}.nii.gz") for name in ("us", "mr"))
    return Template(us, mr, volume.read_labels(folder / "labels.nii.gz", tuple(Tissue)))


def aligned(
    image: sitk.Image, modality: str, ga_weeks: float, template: Template, settings: Project
) -> tuple[sitk.Transform, float, float, float]:
    """Crop and align a volume: transform, confidence, CPU seconds of both."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    begin = time.process_time()
    mask = find_mask(image, modality=modality, ga_weeks=ga_weeks, settings=settings.crop)
    scan, head = crop(image, mask, settings.crop.margin_mm)
    cropped = time.process_time()
    transform, quality = align_3d(
        sitk.Cast(scan, sitk.sitkFloat32),
        head,
        template.us if modality == "us" else template.mr,
        template.labels,
        modality=modality,
        transform=None,
        settings=settings.align,
    )
    end = time.process_time()
    return transform, quality["confidence"], cropped - begin, end - cropped


def simulated_case(
    case: tuple[int, Path | None], *, modality: str, template: Template, settings: Project
) -> Result:
    """Simulate a head in any pose, align it, and compare."""
    number, labels = case
    name = f"{modality}-{number}"
    rng = generator(settings.simulate.seed, "benchmark", name)
    ga_weeks = float(rng.uniform(*WEEKS))
    if labels is not None:  # an atlas keeps its shape: an age near its own
        ga_weeks = float(labels.name.split("-")[1][:2])
    own = settings_of(name, settings.simulate)
    turned = {"rotation_deg": 180.0}
    own = own.model_copy(
        update={**turned, "shift_mm": 6.0, "size": 128, "spacing_mm": 0.9}
        | {"mr": own.mr.model_copy(update={**turned, "shift_mm": 6.0})}
    )
    anatomy = anatomy_of(ga_weeks, labels, own)
    scan = simulate(
        name, subject=name, modality=modality, ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    transform, *rest = aligned(scan.image, modality, ga_weeks, template, settings)
    template_labels = template.labels
    truth = through_upright(scan.pose, anatomy.labels, template_labels)
    return Result(*errors(transform, truth, head_of(scan.labels, "us")), *rest)


def through_upright(
    pose: sitk.Transform, anatomy: sitk.Image, template: sitk.Image
) -> sitk.Transform:
    """Go on from a subject's anatomy to the template: same upright frame, head over head."""
    (own_centre, own_mm3), (centre, mm3) = (middle(head_of(a, "us")) for a in (anatomy, template))
    scale = ball_radius_mm(mm3) / ball_radius_mm(own_mm3)
    matrix = scale * upright_rotation(template).T @ upright_rotation(anatomy)
    on = sitk.AffineTransform(3)
    whole = matrix @ geometry.matrix(pose)
    on.SetMatrix(whole.ravel().tolist())
    zero = np.array(pose.TransformPoint((0.0, 0.0, 0.0)))
    on.SetTranslation((centre + matrix @ (zero - own_centre)).tolist())
    return on


def errors(
    transform: sitk.Transform, truth: sitk.Transform, head: sitk.Image
) -> tuple[float, float, float]:
    """Angle in degrees, distance in mm at the head's centre in the atlas, ratio of scales."""
    turn = geometry.matrix(transform) @ np.linalg.inv(geometry.matrix(truth))
    scale = float(np.cbrt(np.linalg.det(turn)))
    centre = middle(head)[0].tolist()
    away = np.array(transform.TransformPoint(centre)) - np.array(truth.TransformPoint(centre))
    degrees = np.degrees(Rotation.from_matrix(turn / scale).magnitude())
    return float(degrees), float(np.linalg.norm(away)), scale


def turned_copy(image: sitk.Image, turn: Rotation, spacing_mm: float) -> sitk.Image:
    """Resample an image turned about its middle, on a grid that holds all of it."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(image.GetSize()) - 1)
    world = np.array(
        [image.TransformContinuousIndexToPhysicalPoint(c.astype(float).tolist()) for c in corners]
    )
    centre = world.mean(axis=0)
    reach = np.abs((world - centre) @ turn.as_matrix().T).max()
    grid = geometry.grid(int(2 * reach / spacing_mm) + 2, spacing_mm, (0.0, 0.0, 0.0))
    move = sitk.AffineTransform(3)
    move.SetMatrix(turn.as_matrix().ravel().tolist())
    move.SetTranslation((-turn.as_matrix() @ centre).tolist())
    return geometry.resample(sitk.Cast(image, sitk.sitkFloat32), grid, move)


def turned_mr(path: Path, number: int, *, template: Template, settings: Project) -> Result:
    """Turn a real MR that is upright in its own world by any rotation, and align it."""
    turn = Rotation.random(random_state=number)
    image = volume.read(path)
    labels = volume.read(path.with_name(path.name.replace("_t2w", "_labels")))
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(image.GetSize()) - 1)
    world = [
        image.TransformContinuousIndexToPhysicalPoint(c.astype(float).tolist()) for c in corners
    ]
    centre = np.mean(world, axis=0)
    copy = turned_copy(image, turn, 0.8)
    back = sitk.AffineTransform(3)
    back.SetMatrix(turn.inv().as_matrix().ravel().tolist())
    back.SetTranslation(centre.tolist())
    ga_weeks = float(path.name.split("-")[1][:2])
    transform, *rest = aligned(copy, "mr", ga_weeks, template, settings)
    own = sitk.Cast(labels, sitk.sitkUInt8)
    (own_centre, own_mm3), (centre_t, mm3) = (
        middle(head_of(a, "mr")) for a in (own, template.labels)
    )
    scale = ball_radius_mm(mm3) / ball_radius_mm(own_mm3)
    matrix = scale * upright_rotation(template.labels).T @ upright_rotation(own)
    truth = sitk.AffineTransform(3)
    truth.SetMatrix((matrix @ turn.inv().as_matrix()).ravel().tolist())
    truth.SetTranslation((centre_t + matrix @ (centre - own_centre)).tolist())
    brain = geometry.resample(
        sitk.Cast(own > 0, sitk.sitkUInt8), copy, back.GetInverse(), nearest=True
    )
    return Result(*errors(transform, truth, brain), *rest)


def real_case(
    case: tuple[Path, int], *, template: Template, settings: Project
) -> tuple[np.ndarray, float, float, float]:
    """Align a real volume after a turn; the rotation that `align` gives to the unturned image."""
    path, number = case
    image = volume.read(path)
    turn = Rotation.identity() if number == 0 else Rotation.random(random_state=number)
    # The unturned scan goes as it is.
    scan = image if number == 0 else turned_copy(image, turn, 0.6)
    ga_weeks = float(path.name.split("-")[1][:2])
    transform, *rest = aligned(scan, "us", ga_weeks, template, settings)
    whole = geometry.matrix(transform) @ turn.as_matrix()
    return whole / np.cbrt(np.linalg.det(whole)), *rest


def real(
    arguments: argparse.Namespace, template: Template, settings: Project, pool: ProcessPoolExecutor
) -> None:
    """Print angles to the reference pose, and of turned copies to the unturned scan."""
    reference = geometry.matrix(geometry.read_transform(arguments.real / "common_pose.tfm"))
    reference /= np.cbrt(np.linalg.det(reference))
    run = partial(real_case, template=template, settings=settings)
    for path in sorted(arguments.real.glob("*.nii.gz")):
        cases = [(path, number) for number in range(arguments.turns + 1)]
        results = list(pool.map(run, cases))
        rotations = np.array([rotation for rotation, *_ in results])
        to_reference = degrees_between(rotations, reference)
        confidence, crop_s, align_s = np.array([rest for _, *rest in results]).T
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
