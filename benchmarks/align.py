"""How exactly, and how fast, `align` finds known poses, beside plain SimpleITK registration.

Simulates a cohort, runs `crop` and `align` on it as the workflow does, and compares with the true
poses (the least-squares similarity fit of each subject's pose and known deformation). The peer gets
the same cropped image and mask: one start at the heads' centres, Mattes mutual information, a
similarity transform, three levels.

    python benchmarks/align.py [--us 20] [--mr 4] [--keep FOLDER]
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ssus2mri.config.base import load_yaml
from ssus2mri.config.prepare import AlignSettings, AtlasSettings, CropSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import align_3d, head_of
from ssus2mri.prepare.crop import run_crop
from ssus2mri.simulate.cohort import run_simulate
from ssus2mri.simulate.template import run_template
from ssus2mri.tissues import Tissue

WITHIN_DEG, WITHIN_MM = 5.0, 3.0
AGES = (22.0, 23.0, 24.0)  # the built-in head grows in proportion: `to_template_age`
METHODS = ("align", "SimpleITK")


class Error(NamedTuple):
    """Of one found transform: rotation; at the head's centre; mean over the head; CPU time."""

    degrees: float
    center_mm: float
    mean_mm: float
    seconds: float


class Case(NamedTuple):
    """What a method sees."""

    scan: sitk.Image
    head: sitk.Image
    template: sitk.Image
    labels: sitk.Image
    modality: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--us", type=int, default=20, help="ultrasound volumes")
    parser.add_argument("--mr", type=int, default=4, help="MR volumes, posed as widely")
    parser.add_argument("--first", type=int, default=0, help="number of the first volume")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--keep", type=Path, help="keep simulations here and use them again")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="a line for each volume")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run(arguments, arguments.keep or Path(scratch))


def run(arguments: argparse.Namespace, folder: Path) -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    config = load_yaml(arguments.config)
    simulation = config["simulate"]
    for pose in ("rotation_deg", "shift_mm"):
        simulation["mr"][pose] = simulation[pose]
    settings = SimulateSettings(**simulation)
    state = repr((settings, config["atlas"], config["crop"])) + code_of(run_simulate, run_crop)
    folder = folder / hashlib.sha256(state.encode()).hexdigest()[:12]
    if not (folder / "mr.nii.gz").exists():
        run_template(
            AtlasSettings(**config["atlas"]), settings, out=folder, labels=None, image=None
        )
    labels = volume.read_labels(folder / "labels.nii.gz", tuple(Tissue))
    aligning = AlignSettings(**config["align"])
    methods: dict[str, Callable[[Case], sitk.Transform]] = {
        METHODS[0]: lambda case: align_3d(
            *case[:4], modality=case.modality, given=None, settings=aligning
        )[0],
        METHODS[1]: peer,
    }
    if arguments.no_peer:
        methods.pop(METHODS[1])
    print(f"{'':14}{'rotation, deg':>19}{'head centre, mm':>19}{'head mean, mm':>19}", end="")
    print(f"{'within 5 deg, 3 mm':>20}{'CPU s':>7}{'worst':>22}")
    for modality, count in (("us", arguments.us), ("mr", arguments.mr)):
        template = volume.read(folder / f"{modality}.nii.gz")
        errors: dict[str, list[Error]] = {method: [] for method in methods}
        for number in range(arguments.first, arguments.first + count):
            scan, head, truth = prepared(
                folder, modality, number, settings, config["crop"], config["atlas"]["ga_weeks"]
            )
            for method, find in methods.items():
                begin = time.process_time()
                found = find(Case(scan, head, template, labels, modality))
                errors[method].append(error(found, truth, folder / f"{modality}{number}", begin))
                if arguments.verbose:
                    print(
                        f"  {modality}{number} {method}", *(f"{v:.2f}" for v in errors[method][-1])
                    )
        for method, rows in errors.items():
            if rows:
                print_row(f"{modality} {method}", rows)


def code_of(*functions: Callable) -> str:
    """Name the code of the stages, so that kept simulations are never stale."""
    from ssus2mri.provenance import fingerprint

    return "".join(fingerprint(function.__module__) for function in functions)


def prepared(
    folder: Path,
    modality: str,
    number: int,
    settings: SimulateSettings,
    crop: dict,
    atlas_weeks: float,
) -> tuple[sitk.Image, sitk.Image, sitk.Transform]:
    """Simulate and crop a volume: cropped image, its mask, true pose."""
    name = f"{modality}{number}"
    image, cut, mask = (folder / f"{name}{end}.nii.gz" for end in ("", "_crop", "_mask"))
    ga_weeks = AGES[number % len(AGES)]
    if not mask.exists():
        run_simulate(
            name, subject=f"subject{number}", modality=modality, ga_weeks=ga_weeks,
            labels=None, pathology=None, out=image, settings=settings,
        )  # fmt: skip
        run_crop(
            image, modality=modality, ga_weeks=ga_weeks, mask=None, pixel_mm=None, out=cut,
            out_mask=mask, settings=CropSettings(**crop),
        )  # fmt: skip
    scan = volume.read(cut)
    truth = geometry.read_transform(folder / f"{name}_pose.tfm")
    return scan, volume.read_mask(mask, scan), to_template_age(truth, ga_weeks, atlas_weeks)


def to_template_age(pose: sitk.Transform, ga_weeks: float, atlas_weeks: float) -> sitk.Transform:
    """Go on from the head of a subject's age, centred at 0, to that of the template's."""
    growth = head_circumference_mm(atlas_weeks) / head_circumference_mm(ga_weeks)
    grown = sitk.AffineTransform(3)
    grown.SetMatrix((geometry.matrix(pose) * growth).ravel().tolist())
    grown.SetTranslation([growth * value for value in pose.TransformPoint((0.0, 0.0, 0.0))])
    return grown


def error(found: sitk.Transform, truth: sitk.Transform, stem: Path, begin: float) -> Error:
    """Compare with the true pose over the true head."""
    seconds = time.process_time() - begin
    labels = volume.read_labels(stem.with_name(f"{stem.name}_labels.nii.gz"), tuple(Tissue))
    head = head_of(labels, "us")
    inside = np.argwhere(sitk.GetArrayFromImage(head))[::53, ::-1]
    points = inside * np.array(head.GetSpacing()) + np.array(head.GetOrigin())
    away = moved(found, points) - moved(truth, points)
    turn = geometry.matrix(found) @ np.linalg.inv(geometry.matrix(truth))
    rotation = Rotation.from_matrix(turn / np.cbrt(np.linalg.det(turn)))
    return Error(
        float(np.degrees(rotation.magnitude())),
        float(np.linalg.norm(away.mean(axis=0))),
        float(np.linalg.norm(away, axis=1).mean()),
        seconds,
    )


def moved(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    zero = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    return points @ geometry.matrix(transform).T + zero


def peer(case: Case) -> sitk.Transform:
    """Register as the toolkit's examples do: one start, at the centres of the two heads."""
    template_head = head_of(case.labels, case.modality)
    start = sitk.Similarity3DTransform(
        sitk.CenteredTransformInitializer(
            sitk.Cast(template_head, sitk.sitkFloat32),
            sitk.Cast(case.head, sitk.sitkFloat32),
            sitk.Similarity3DTransform(),
            sitk.CenteredTransformInitializerFilter.MOMENTS,
        )
    )
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMattesMutualInformation(50)
    registration.SetMetricSamplingStrategy(registration.RANDOM)
    registration.SetMetricSamplingPercentage(0.1, 1)
    registration.SetMetricFixedMask(template_head)
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=100
    )
    registration.SetOptimizerScalesFromPhysicalShift()
    registration.SetShrinkFactorsPerLevel([4, 2, 1])
    registration.SetSmoothingSigmasPerLevel([2.0, 1.0, 0.0])
    registration.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    registration.SetInitialTransform(start, inPlace=True)
    registration.Execute(case.template, case.scan)
    return start.GetInverse()


def print_row(name: str, rows: list[Error]) -> None:
    values = np.array(rows)
    medians, tails = np.median(values, axis=0), np.percentile(values, 90, axis=0)
    good = (values[:, 0] <= WITHIN_DEG) & (values[:, 1] <= WITHIN_MM)
    print(f"{name:14}", end="")
    for k in range(3):
        print(f"{f'{medians[k]:.2f} (90%: {tails[k]:.2f})':>19}", end="")
    print(
        f"{f'{good.sum()} of {len(rows)} = {good.mean():.0%}':>20}{values[:, 3].mean():>7.1f}",
        end="",
    )
    print(f"{f'{values[:, 0].max():.1f} deg, {values[:, 1].max():.1f} mm':>22}")


if __name__ == "__main__":
    main()
