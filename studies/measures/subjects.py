"""Simulated subjects placed in atlas space directly, so that no alignment error is measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.config.base import load_section
from ssus2mri.config.pathology import Pathology
from ssus2mri.config.prepare import ExtractSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.images import geometry
from ssus2mri.prepare.extract import choose, extract
from ssus2mri.prepare.intensity import scaled
from ssus2mri.segment.classes import class_of
from ssus2mri.simulate.anatomy import head_mask
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.slices import Header, Slices

CONFIG = str(Path(__file__).parents[2] / "config" / "config.yaml")
SIZE, SPACING_MM = 64, 1.5  # as config/small.yaml
EVERY = 3  # slices kept: every third of each plane

Volume = NDArray[np.floating]


@dataclass(frozen=True)
class Subject:
    """Slices of a simulated scan, its true MR and classes ``[z, y, x]``; see `simulate`."""

    slices: Slices
    truth: Volume
    classes: NDArray[np.uint8]


def subject(
    name: str, ga_weeks: float, modality: str, pathology: Pathology | None = None
) -> Subject:
    """Simulate a scan in atlas space, neither turned nor shifted.

    Args:
        name: of the subject; seeds all that is random.
        ga_weeks: gestational age, weeks.
        modality: ``us`` or ``mr``.
        pathology: what is wrong with the brain; None: nothing. All else is that of the healthy twin
            of the same name.

    Returns:
        Every third slice of each plane, with truth and labels.
    """
    settings = load_section(SimulateSettings, CONFIG, "simulate")
    still = {"rotation_deg": 0.0, "shift_mm": 0.0}
    settings = settings.model_copy(
        update={
            **still,
            "size": SIZE,
            "spacing_mm": SPACING_MM,
            "mr": settings.mr.model_copy(update={**still, "stacked_share": 0.0}),
        }
    )
    own = settings_of(name, settings)
    anatomy = anatomy_of(ga_weeks, None, own)
    if pathology is not None:
        anatomy = add_pathology(anatomy, pathology)
    scan = simulate(
        name, subject=name, modality=modality, ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    rules = load_section(ExtractSettings, CONFIG, "extract")
    labels = sitk.GetArrayFromImage(scan.labels)
    head = head_mask(labels)
    header = Header(
        volume=name,
        subject=name,
        modality=modality,
        ga_weeks=ga_weeks,
        split="test" if modality == "us" else "train",
        spacing_mm=SPACING_MM,
        size=SIZE,
        low=0.0,
        high=0.0,
    )
    slices = extract(
        scan.image,
        geometry.from_array(head.astype(np.uint8), scan.labels),
        header=header,
        pairs=choose(head, rules)[::EVERY],
        percentiles=rules.us_percentiles if modality == "us" else rules.mr_percentiles,
        depth_mm=rules.us_depth_mm if modality == "us" else 0.0,
        labels=scan.labels,
        truth=scan.truth,
        truth_percentiles=rules.mr_percentiles,
    )
    truth = sitk.GetArrayFromImage(scan.truth)
    unit, _, _ = scaled(truth, truth > 0, rules.mr_percentiles)
    return Subject(slices, unit, class_of(labels))
