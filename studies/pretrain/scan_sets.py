"""The scans of measure.yaml: which subjects there are, and how each is simulated."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pretrain import ROOT
from pydantic import TypeAdapter
from scans import AGES, with_pathology

from ssus2mri.config import project
from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.pathology import Pathology
from ssus2mri.config.project import Project
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import geometry, volume
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import generator

HERE = Path(__file__).parent
REFERENCE_WEEKS = 23.0


@dataclass(frozen=True)
class Subject:
    """A subject to simulate; ``random``: as those trained on, but never one of them."""

    name: str
    set_name: str
    ga_weeks: float
    settings: Project
    random: bool
    labels: Path | None
    pathology: Pathology | None


def subjects(data: Path | None) -> list[Subject]:
    """List the subjects of measure.yaml; without ``data`` those of label atlases are left out."""
    plan = load_yaml(HERE / "measure.yaml")
    base = merge(load_yaml(ROOT / "config" / "config.yaml"), plan["common"])
    listed = []
    for set_name, entry in plan["sets"].items():
        random = bool(entry.get("random"))
        values = merge(base, entry.get("changes", {}))
        if random:
            trained = load_yaml(HERE / "pretrain.yaml")["simulate"]
            kept = {key: trained[key] for key in ("anatomy", "mr", "randomise")}
            values = merge(values, {"simulate": kept})
        settings = project.validated(values)
        if entry.get("labels") and data is None:
            continue
        pathology = entry.get("pathology")
        for number in range(entry["count"]):
            name = f"{set_name}-{number}"
            rng = generator(settings.simulate.seed, "measure", name)
            age = entry["ages"][number] if "ages" in entry else float(rng.uniform(*AGES))
            listed.append(
                Subject(
                    name,
                    set_name,
                    float(np.clip(age, 18.0, 30.0)),
                    settings,
                    random,
                    data / entry["labels"][number] if entry.get("labels") and data else None,
                    TypeAdapter(Pathology).validate_python(pathology) if pathology else None,
                )
            )
    return listed


def simulate_subject(subject: Subject, work: Path) -> None:
    """Simulate a subject and write image, labels and truth, unless they are there."""
    out = work / f"{subject.name}.nii.gz"
    if out.exists():
        return
    own = settings_of(subject.name, subject.settings.simulate)
    size = head_circumference_mm(subject.ga_weeks) / head_circumference_mm(REFERENCE_WEEKS)
    own = own.model_copy(update={"spacing_mm": own.spacing_mm * size})
    anatomy = anatomy_of(subject.ga_weeks, subject.labels, own)
    if subject.pathology is not None:
        anatomy = add_pathology(anatomy, subject.pathology)
    elif subject.random:
        rng = generator(own.seed, "measure pathology", subject.name)
        if rng.random() < 1 / 3:
            anatomy, _ = with_pathology(anatomy, size, rng)
    scan = simulate(
        subject.name,
        subject=subject.name,
        modality="us",
        ga_weeks=subject.ga_weeks,
        anatomy=anatomy,
        settings=own,
    )
    volume.write(scan.labels, work / f"{subject.name}_labels.nii.gz")
    volume.write(scan.truth, work / f"{subject.name}_truth.nii.gz")
    geometry.write_transform(scan.pose, work / f"{subject.name}_pose.tfm")
    volume.write(scan.image, out)
