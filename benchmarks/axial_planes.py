"""Axial planes of real and of simulated heads, aligned by the same code.

Real planes come with the sonographer's ellipse (where that is no filled region, `crop` finds the
head, as in the workflow), and with the probe at the top of the image. Simulated ones are cut from
3D scans at the level of the thalami up to that of the ventricles, a little tilted, turned so that
their probe is at the top too, with the ellipse of their true head. Both are then cropped and
aligned by the same code, `prepare.crop` and `prepare.plane`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import SimpleITK as sitk
from likeness import Plane
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import AlignSettings, AtlasSettings, CropSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.images import geometry, volume
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.crop import crop
from ssus2mri.prepare.ellipsoid import draw, of_mask, solidity
from ssus2mri.prepare.head import find_mask
from ssus2mri.prepare.plane import align_plane, axial_grid, thalamic_level
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pose import generator, random_pose
from ssus2mri.simulate.sound.beam import random_fan
from ssus2mri.simulate.template import template
from ssus2mri.tissues import HEAD

CONFIG = str(Path(__file__).parent.parent / "config/config.yaml")
PIXEL_MM, WIDTH, HEIGHT = 0.15, 800, 700
"""Of a simulated plane: about a real one's pixel, and all of the simulated volume's plane."""
LEVEL_MM = (-2.0, 8.0)
"""Above the middle of the thalami: transthalamic to transventricular."""
TILT_DEG = 4.0
"""Standard deviation of a plane's tilt about either axis."""
BLACK_MM = 1.0
"""Zeros this far from all echoes, reaching the image's border, are no echo at all."""


class Scan(NamedTuple):
    """A 2D plane, the probe at its top, with its head."""

    image: sitk.Image
    head: sitk.Image
    ga_weeks: float


class Aligner(NamedTuple):
    """What brings planes to atlas space."""

    template: sitk.Image
    labels: sitk.Image
    crop: CropSettings
    align: AlignSettings


def make_aligner(settings: SimulateSettings) -> Aligner:
    """Make the built-in atlas that planes are aligned to."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    section = load_section(AtlasSettings, CONFIG, "atlas")
    atlas = template(anatomy_of(section.ga_weeks, None, settings), section, settings, image=None)
    return Aligner(
        sitk.Cast(atlas.us, sitk.sitkFloat32),
        atlas.labels,
        load_section(CropSettings, CONFIG, "crop"),
        load_section(AlignSettings, CONFIG, "align"),
    )


def real_scans(folder: Path, settings: CropSettings, *, every: int = 1) -> list[Scan]:
    """Read the axial planes of a manifest, or every so many of them."""
    table = pd.read_csv(folder / "data_manifest.csv").query("modality == 'us' and plane == 'axial'")
    scans = []
    for row in table[::every].to_dict("records"):
        image = volume.read_plane(folder / row["image"], row["pixel_mm"])
        head = volume.read_mask(folder / row["mask"], image)
        if solidity(head) < settings.min_solidity:
            head = find_mask(image, modality="us", ga_weeks=row["ga_weeks"], settings=settings)
        scans.append(Scan(image, head, row["ga_weeks"]))
    return scans


def simulated_scan(
    number: int, *, ages: list[float], labels: Path | None, settings: SimulateSettings
) -> Scan:
    """Simulate a subject and cut an axial plane.

    Args:
        number: of the subject.
        ages: of the real ones, weeks: any run of numbers takes them evenly (golden ratio).
        labels: label atlas; None: the built-in anatomy.
        settings: section ``simulate``.

    Returns:
        The plane, with the ellipse of its true head.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    name = f"realism-{number}"
    ga_weeks = float(np.quantile(ages, (0.5 + number * (np.sqrt(5) - 1) / 2) % 1))
    anatomy = anatomy_of(ga_weeks, labels, settings_of(name, settings))
    scan = simulate(
        name, subject=name, modality="us", ga_weeks=ga_weeks, anatomy=anatomy, settings=settings
    )
    probe_mm = probe_of(name, settings)
    like = axial_plane(scan.labels, scan.pose, probe_mm, generator(settings.seed, "plane", name))
    image, tissues = (
        sitk.Resample(part, like, sitk.Transform(), order, 0.0, kind)[:, :, 0]
        for part, order, kind in (
            (scan.image, sitk.sitkBSpline, sitk.sitkFloat32),
            (scan.labels, sitk.sitkNearestNeighbor, sitk.sitkUInt8),
        )
    )
    grey = np.rint(np.clip(sitk.GetArrayFromImage(image), 0, 255)).astype(np.float32)
    inside = np.isin(sitk.GetArrayFromImage(tissues), HEAD).astype(np.uint8)
    flat = sitk.GetImageFromArray(grey)
    flat.SetSpacing((PIXEL_MM, PIXEL_MM))
    return Scan(flat, draw(of_mask(geometry.from_array(inside, flat)), flat), ga_weeks)


def probe_of(name: str, settings: SimulateSettings) -> NDArray[np.float64]:
    """Where the fan of a simulated volume starts, world mm, ``(3,)``."""
    rng = generator(settings.seed, "volume", name)
    pose = random_pose(rng, rotation_deg=settings.rotation_deg, shift_mm=settings.shift_mm)
    return random_fan(rng, pose, settings.ultrasound, spacing_mm=settings.spacing_mm).apex_mm


def axial_plane(
    labels: sitk.Image,
    pose: sitk.Transform,
    probe_mm: NDArray[np.float64],
    rng: np.random.Generator,
) -> sitk.Image:
    """Draw an axial plane of a scan: an empty image one voxel thick, y away from the probe."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(head_of(labels, "us"))
    x, y, z = pose.TransformPoint(shape.GetCentroid(1))
    grid = geometry.grid(labels.GetWidth(), labels.GetSpacing()[0], (x, y, z))
    upright = geometry.resample(labels, grid, pose, nearest=True)
    array = sitk.GetArrayViewFromImage(upright)
    level = thalamic_level(array)
    y, x = (float(axis.mean()) for axis in np.nonzero(np.isin(array[level], HEAD)))
    middle = np.array(upright.TransformContinuousIndexToPhysicalPoint((x, y, float(level))))
    middle[2] += rng.uniform(*LEVEL_MM)
    turn = geometry.rotation(pose).T
    for axis in np.eye(3)[:2]:
        tilt = Rotation.from_rotvec(rng.normal(0, TILT_DEG) * axis, degrees=True)
        turn = turn @ tilt.as_matrix()
    normal = turn[:, 2]
    centre = np.array(pose.GetInverse().TransformPoint(middle.tolist()))
    away = centre - probe_mm
    away -= normal * (away @ normal)
    away /= np.linalg.norm(away)
    # Seen from below or from above, as real planes are.
    across = np.cross(away, normal) * rng.choice([-1.0, 1.0])
    plane = sitk.Image([WIDTH, HEIGHT, 1], sitk.sitkUInt8)
    plane.SetSpacing([PIXEL_MM] * 3)
    plane.SetDirection(np.stack([across, away, np.cross(across, away)], axis=1).ravel().tolist())
    corner = centre - PIXEL_MM * ((WIDTH - 1) / 2 * across + (HEIGHT - 1) / 2 * away)
    plane.SetOrigin(corner.tolist())
    return plane


def aligned(scan: Scan, aligner: Aligner) -> Plane:
    """Crop and align a plane as the workflow does."""
    cut, head = crop(scan.image, scan.head, aligner.crop.margin_mm)
    transform, _ = align_plane(
        cut,
        head,
        aligner.template,
        aligner.labels,
        ga_weeks=scan.ga_weeks,
        settings=aligner.align.plane,
    )
    like = axial_grid(aligner.template)
    up = geometry.matrix(transform) @ np.array([0.0, -1.0])
    inside, seen = (
        sitk.GetArrayFromImage(geometry.resample(mask, like, transform, nearest=True)) > 0
        for mask in (head, field_of_view(scan.image))
    )
    return Plane(
        image=sitk.GetArrayFromImage(geometry.resample(cut, like, transform)),
        head=inside,
        seen=seen,
        up=up / np.linalg.norm(up),
        spacing_mm=like.GetSpacing()[0],
    )


def field_of_view(image: sitk.Image) -> sitk.Image:
    """Return a mask of what the scanner shows: without broad zeros that reach the border.

    Fluid can be zero too, but it lies within tissue; what surrounds the fan, and the black boxes
    over burnt-in text, reach the border.
    """
    array, edge = sitk.GetArrayFromImage(image), image.GetSpacing()[0]
    padded = np.pad(array == 0, 1, constant_values=True)
    core = ndimage.distance_transform_edt(padded, edge) > BLACK_MM
    core[[0, -1]] = core[:, [0, -1]] = True
    pieces, _ = ndimage.label(core)
    near = ndimage.distance_transform_edt(pieces != pieces[0, 0], edge) <= BLACK_MM
    return geometry.from_array((~(near & padded))[1:-1, 1:-1].astype(np.uint8), image)
