"""Export predictions as an nnU-Net data set: synthetic MR or ultrasound, with tissue labels.

The layout (``imagesTr/{case}_0000.nii.gz``, ``labelsTr/{case}.nii.gz``, ``dataset.json``) is that
of nnU-Net v2 (Isensee et al., Nature Methods 18, 2021), whose labels are 0, 1, 2, ... without gaps.
"""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.files import write_text
from ssus2mri.images import geometry, volume
from ssus2mri.tissues import SHOWN, SHOWN_NUMBERS, Tissue

logger = logging.getLogger(__name__)
Kind = Literal["augment", "annotate"]
CHANNELS: dict[Kind, str] = {"augment": "MRI", "annotate": "ultrasound"}
NUMBERS = {tissue.name.lower(): number for number, tissue in enumerate(SHOWN)}
"""Labels of the data set by their names."""
_MR = "_mr.nii.gz"
_FOLDERS = ("imagesTr", "labelsTr")


@dataclass(frozen=True)
class Case:
    """One image with its labels on the same grid."""

    name: str
    image: Callable[[], sitk.Image]
    labels: Path


def run_export(predicted: Path, *, kind: Kind, ultrasound: dict[str, Path], out: Path) -> int:
    """Write a data set from a folder of predictions.

    Args:
        predicted: folder that `predict` wrote; planes and forced predictions are left out.
        kind: ``augment``: synthetic MR is the image; ``annotate``: the ultrasound.
        ultrasound: path by the name of the scan; only for ``annotate``.
        out: folder of the data set; must not exist, or be empty.

    Returns:
        Number of cases.

    Raises:
        InputError: nothing to export, labels on another grid than the ultrasound, or a data set in
            ``out`` already.
    """
    if out.is_dir() and any(out.iterdir()):
        raise InputError(
            str(out),
            expected="no such folder, or an empty one",
            found="files",
            do="Choose another.",
        )
    cases = _cases(predicted, kind, ultrasound)
    try:
        for case in cases:
            _write(case, kind, out)
        said = json.dumps(description(kind, len(cases)), indent=2) + "\n"
        write_text(said, out / "dataset.json")
    except BaseException:  # of Ctrl-C, too: half a data set would be in the way of the next try
        for folder in _FOLDERS:
            shutil.rmtree(out / folder, ignore_errors=True)
        raise
    logger.info("%s: %d cases", out, len(cases))
    return len(cases)


def _write(case: Case, kind: Kind, out: Path) -> None:
    image = case.image()
    labels = volume.read_labels(case.labels, tuple(Tissue), like=image)
    numbers = np.array(SHOWN_NUMBERS, np.uint8)[sitk.GetArrayFromImage(labels)]
    images_folder, labels_folder = (out / folder for folder in _FOLDERS)
    numbered = geometry.from_array(numbers, image)
    volume.write(
        volume.marked(image) if kind == "augment" else image,
        images_folder / f"{case.name}_0000.nii.gz",
    )
    volume.write(volume.marked(numbered), labels_folder / f"{case.name}.nii.gz")


def description(kind: Kind, count: int) -> dict[str, object]:
    """Return the content of ``dataset.json``."""
    return {
        "channel_names": {"0": CHANNELS[kind]},
        "labels": NUMBERS,
        "numTraining": count,
        "file_ending": ".nii.gz",
        "description": "Predicted by ssus2mri: synthetic, for research only, not for diagnosis.",
    }


def _cases(predicted: Path, kind: Kind, ultrasound: dict[str, Path]) -> list[Case]:
    cases = []
    for path in sorted(predicted.glob(f"*{_MR}")):
        name = path.name.removesuffix(_MR)
        labels = predicted / f"{name}_labels.nii.gz"
        if not labels.is_file() or not _usable(predicted / f"{name}.json"):
            logger.warning("%s: left out: forced, a plane, or without labels", name)
            continue
        if kind == "annotate" and name not in ultrasound:
            logger.warning("%s: left out: its ultrasound was not given", name)
            continue
        source = path if kind == "augment" else ultrasound[name]
        cases.append(Case(name, partial(volume.read, source), labels))
    if not cases:
        raise InputError(
            str(predicted),
            expected="predictions of volumes, with labels, that were not forced",
            found="none" if kind == "augment" else "none whose ultrasound was given",
            do="Give the folder that `predict` wrote (and with --annotate the ultrasound).",
        )
    return cases


def _usable(path: Path) -> bool:
    """Whether a prediction is of a volume and was not forced, as its JSON file says."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return said["forced"] is False and said["dimensions"] == 3
    except (OSError, ValueError, KeyError, TypeError):
        return False
