"""Check whether real 3D ultrasound lies within the variety of the randomised scanner.

    python benchmarks/realism_volumes.py DATA/us_volumes [--scans 120] [--picture PATH]

Real volumes (their third array axis runs away from the probe) are cropped and aligned as in the
workflow; simulated ones, of the same ages and of scanners drawn from `simulate.randomise`, by their
true pose. Of each an axial plane at the level of the thalami is measured as in `likeness`. For each
real volume: the share of bins that lie between the 5th and 95th percentile of the simulated planes.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from align import make_template
from align_cases import Template, aligned, through_upright
from likeness import MEASURES, Plane
from realism import draw_rows

from ssus2mri.config import project
from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.project import Project
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.head import find_mask
from ssus2mri.prepare.plane import thalamic_level
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pose import generator, random_pose
from ssus2mri.simulate.randomise import draw_scanner
from ssus2mri.simulate.sound.beam import random_fan

ROOT = Path(__file__).parents[1]
WEEKS = (21.0, 24.0)
LATERAL = 0.6  # of the beam's direction: probes beside the head only, as of the real scans
CLOSE_MM = 1.5  # zeros within the field of view that are narrower are speckle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path, help="folder of volumes named NAME-WEEKSw.nii.gz")
    parser.add_argument("--scans", type=int, default=120, help="simulated")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="simulated planes, PNG")
    arguments = parser.parse_args()
    simulated = {"size": 192, "spacing_mm": 0.5, "randomise": {"share": 1.0}}  # voxels of the real
    values = merge(load_yaml(ROOT / "config" / "config.yaml"), {"simulate": simulated})
    settings = project.validated(values)
    folder = Path("/tmp/align-built-in")
    template = make_template(settings, None, folder)
    with ProcessPoolExecutor(arguments.workers) as pool:
        run = partial(simulated_plane, template=template, settings=settings)
        planes = [plane for plane in pool.map(run, range(arguments.scans)) if plane is not None]
    real = {
        path.name: real_plane(path, template, settings)
        for path in sorted(arguments.real.glob("*.nii.gz"))
    }
    print(f"{len(planes)} simulated planes of probes beside the head")
    for measure in MEASURES:
        low, high = np.nanpercentile([measure.compute(plane) for plane in planes], [5, 95], axis=0)
        for name, plane in real.items():
            values = measure.compute(plane)
            finite = np.isfinite(values)
            within = (values >= low) & (values <= high)
            outside = [
                f"{measure.bins[k]} {values[k]:.1f} ({low[k]:.1f} to {high[k]:.1f})"
                for k in np.flatnonzero(finite & ~within)
            ]
            print(
                f"{measure.name:22}{name:16}{within[finite].sum():>4} of {finite.sum():>3} bins"
                f"   {'; '.join(outside[:4])}"
            )
    if arguments.picture:
        draw_rows([("simulated", [plane.image for plane in planes[:8]])], arguments.picture)


def real_plane(path: Path, template: Template, settings: Project) -> Plane:
    """Crop and align a real volume; cut it at the level of the thalami."""
    image = volume.read(path)
    ga_weeks = float(path.name.split("-")[1][:2])
    transform, *_ = aligned(image, "us", ga_weeks, template, settings)
    head = find_mask(image, modality="us", ga_weeks=ga_weeks, settings=settings.crop)
    beam = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    return cut(image, head, transform, -beam, template)


def simulated_plane(number: int, *, template: Template, settings: Project) -> Plane | None:
    """Simulate a scan by a random scanner and cut it; None if the probe was not beside the head."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    name = f"realism-volume-{number}"
    ga_weeks = float(generator(settings.simulate.seed, "age", name).uniform(*WEEKS))
    own = settings_of(name, settings.simulate)
    rng = generator(own.seed, "volume", name)
    pose = random_pose(rng, rotation_deg=own.rotation_deg, shift_mm=own.shift_mm)
    scanner = generator(own.seed, "scanner", name)
    scanner.random()
    sound = draw_scanner(
        own.ultrasound, own.randomise, hc_mm=head_circumference_mm(ga_weeks), rng=scanner
    )
    fan = random_fan(rng, pose, sound, spacing_mm=own.spacing_mm)
    if abs((pose.rotation @ fan.axes[0])[0]) < LATERAL:
        return None
    anatomy = anatomy_of(ga_weeks, None, own)
    scan = simulate(
        name, subject=name, modality="us", ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    labels = template.labels
    to_atlas = through_upright(scan.pose, anatomy.labels, labels)
    return cut(scan.image, head_of(scan.labels, "us"), to_atlas, -fan.axes[0], template)


def cut(
    image: sitk.Image,
    head: sitk.Image,
    to_atlas: sitk.Transform,
    to_probe: np.ndarray,
    template: Template,
) -> Plane:
    """Cut an axial plane at the level of the thalami.

    Args:
        image: 3D ultrasound.
        head: its head's mask.
        to_atlas: image -> atlas.
        to_probe: direction against the beam, image world.
        template: whose grid and thalami are used.
    """
    level = thalamic_level(sitk.GetArrayViewFromImage(template.labels))
    grey = geometry.resample(sitk.Cast(image, sitk.sitkFloat32), template.us, to_atlas)
    seen = geometry.resample(
        sitk.Cast(image > 0, sitk.sitkUInt8), template.us, to_atlas, nearest=True
    )
    radius = round(CLOSE_MM / template.us.GetSpacing()[0])
    seen = sitk.BinaryMorphologicalClosing(seen, [radius] * 3)
    inside = geometry.resample(head, template.us, to_atlas, nearest=True)
    up = (geometry.matrix(to_atlas) @ to_probe)[:2]
    return Plane(
        sitk.GetArrayFromImage(grey)[level],
        sitk.GetArrayFromImage(inside)[level] > 0,
        sitk.GetArrayFromImage(seen)[level] > 0,
        up / np.linalg.norm(up),
        template.us.GetSpacing()[0],
    )


if __name__ == "__main__":
    main()
