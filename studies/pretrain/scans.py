"""Simulate the scans that the network of `predict` learns from: ultrasound, true MR and labels.

One ``.npz`` a scan, all arrays uint8 ``[z, y, x]`` on one grid: ``us``, ``mr`` (255 is 1),
``labels`` (`Tissue`); ``to_index (3, 4)``, atlas points x, y, z, 1 (mm) -> index x, y, z;
``ga_weeks`` and ``pathology``. The true placement of the head is laid over that of the atlas.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.config.pathology import (
    AbsentCavum,
    AbsentCorpusCallosum,
    LargeCisternaMagna,
    Lesion,
    Pathology,
    Ventriculomegaly,
)
from ssus2mri.config.project import Project
from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import geometry
from ssus2mri.pose.placement import Placement, placement_of, transform_between
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.intensity import scaled
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import generator

AGES = (17.5, 31.0)  # weeks
PATHOLOGY_SHARE = 1 / 2
KINDS = ("ventricles", "cavum", "callosum", "cisterna", "cyst", "bleed")
# Cysts and bleeds fill few slices, and how wide a ventricle is has to be learned well.
KIND_SHARES = (0.4, 0.05, 0.1, 0.05, 0.2, 0.2)
_TRIES = 6  # a lesion may lie outside the head, a ventricle be as wide already


def make_scan(
    number: int, *, folder: Path, settings: Project, atlas: Placement, labels: Path | None = None
) -> Path:
    """Simulate a scan and write it, unless it is there.

    Args:
        number: of the scan; seeds all that is random.
        folder: to write into.
        settings: config.yaml with pretrain.yaml over it.
        atlas: how the head of the atlas lies.
        labels: label atlas as anatomy; None: the built-in one.

    Returns:
        The file.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    out = folder / f"{number:05d}.npz"
    if out.exists():
        return out
    name = f"pretrain-{number}"
    rng = generator(settings.simulate.seed, "pretrain", name)
    ga_weeks = float(rng.uniform(*AGES))
    size = head_circumference_mm(ga_weeks) / head_circumference_mm(settings.atlas.ga_weeks)
    own = settings_of(name, settings.simulate)
    own = own.model_copy(update={"spacing_mm": own.spacing_mm * size})
    anatomy = anatomy_of(ga_weeks, labels, own)
    upright = upright_rotation(anatomy.labels)
    kind = "none"
    if rng.random() < PATHOLOGY_SHARE:
        anatomy, kind = with_pathology(anatomy, size, rng, KIND_SHARES)
    scan = simulate(
        name, subject=name, modality="us", ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    truth = sitk.GetArrayFromImage(scan.truth)
    mr = scaled(truth, truth > 0, settings.extract.mr_percentiles)[0]
    head = placement_of(head_of(scan.labels, "us"), upright @ geometry.rotation(scan.pose))
    with whole(out) as partial:
        np.savez_compressed(
            partial,
            us=sitk.GetArrayFromImage(scan.image),
            mr=np.rint(255 * mr).astype(np.uint8),
            labels=sitk.GetArrayFromImage(scan.labels),
            to_index=to_index(transform_between(head, atlas, scaled=True), scan.image),
            ga_weeks=ga_weeks,
            pathology=kind,
        )
    return out


def with_pathology(
    anatomy: Anatomy,
    size: float,
    rng: np.random.Generator,
    kind_shares: tuple[float, ...] | None = None,
) -> tuple[Anatomy, str]:
    """Add a pathology of random kind and size where the anatomy can have it.

    Args:
        anatomy: healthy.
        size: of its head against that of 23 weeks.
        rng: source of randomness.
        kind_shares: probability of each of `KINDS`; None: all alike.

    Returns:
        The anatomy and the kind; ``none`` if no drawn one suits it.
    """
    for _ in range(_TRIES):
        kind = str(rng.choice(KINDS, p=kind_shares))
        try:
            return add_pathology(anatomy, draw_pathology(kind, size, rng)), kind
        except InputError:
            continue
    return anatomy, "none"


def draw_pathology(kind: str, size: float, rng: np.random.Generator) -> Pathology:
    """Draw the size of a pathology; lengths grow with the head."""
    reach_mm = float(rng.uniform(4, 9))
    match kind:
        case "ventricles":
            # In the small heads of young fetuses too, ventricles fill half of the brain.
            atrium_mm = min(float(rng.uniform(9.5, 22)) * min(max(size, 0.9), 1.2), 24.0)
            return Ventriculomegaly(kind="ventriculomegaly", atrium_mm=atrium_mm, reach_mm=reach_mm)
        case "cavum":
            return AbsentCavum(kind="absent_cavum")
        case "callosum":
            return AbsentCorpusCallosum(
                kind="absent_corpus_callosum",
                atrium_mm=float(rng.uniform(9, 15)) * min(size, 1.2),
                reach_mm=reach_mm,
                apart_mm=float(rng.uniform(1.5, 4)),
                fissure_mm=float(rng.uniform(0.8, 1.5)),
                cortex_mm=float(rng.uniform(2.0, 3.2)),
                ventricle_mm=float(rng.uniform(1.5, 3.0)),
            )
        case "cisterna":
            return LargeCisternaMagna(
                kind="large_cisterna_magna",
                depth_mm=min(float(rng.uniform(8, 15)) * size, 20.0),
                reach_mm=float(rng.uniform(9, 15)),
            )
    x, y, z = rng.uniform([-22, -26, -4], [22, 26, 24]) * size
    diameter_mm = float(rng.uniform(4, 15)) * size
    return Lesion(
        kind="cyst" if kind == "cyst" else "bleed",
        centre_mm=(float(x), float(y), float(z)),
        diameter_mm=diameter_mm,
    )


def to_index(to_atlas: sitk.Transform, image: sitk.Image) -> NDArray[np.float32]:
    """Return the affine map, ``(3, 4)``, from atlas points (mm) to indices x, y, z of an image."""
    back = to_atlas.GetInverse()
    columns = [
        image.TransformPhysicalPointToContinuousIndex(back.TransformPoint(tuple(point)))
        for point in np.vstack([np.zeros(3), np.eye(3)])
    ]
    zero = np.array(columns[0])
    linear = [np.array(column) - zero for column in columns[1:]]
    return np.stack([*linear, zero], axis=1).astype(np.float32)
