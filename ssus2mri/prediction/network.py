"""The network that predicts: the one in the package, or that of a project's own run."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ssus2mri.config.base import Section, parse
from ssus2mri.config.predict import PredictSettings
from ssus2mri.config.prepare import AlignSettings, CropSettings, ExtractSettings
from ssus2mri.errors import InputError
from ssus2mri.files import write_text
from ssus2mri.infer.optimize import Infer, optimize_for_inference
from ssus2mri.learn.model_file import Model, read_model
from ssus2mri.prediction.atlas import BUILT_IN, Atlas, load_atlas
from ssus2mri.weights import PACKAGED, file_digest

SECTIONS: dict[str, type[Section]] = {
    "crop": CropSettings,
    "align": AlignSettings,
    "extract": ExtractSettings,
    "predict": PredictSettings,
}
"""Sections of the configuration that lie beside the packaged weights."""
_SETTINGS = PACKAGED.with_suffix(".json")


@dataclass(frozen=True)
class Calibration:
    """What was measured on simulated scans that the network never saw.

    ``spread``: factor on the network's expected error, of a ``plane`` and of a ``volume``, so that
    intervals of the MR hold what they say; ``sizes``: of both, name -> factor, offset in mm and
    standard deviation of log (true / given) of given = factor measured + offset; ``head``: of
    both, offset and slopes of a logistic regression on `ssus2mri.prediction.evidence.NAMES`.
    """

    spread: dict[str, float]
    sizes: dict[str, dict[str, tuple[float, float, float]]]
    head: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Network:
    """A network ready to predict, and all that it must be used with.

    ``whole_field``: whether it reads what lies around the head too, scaled within the brain; else
    the head alone, scaled within the head, as `extract` gives it. ``blends``: whether volumes are
    blended with average heads, which lie as in the packaged atlas. ``sha256`` is of its file;
    ``subjects`` are the people that it was trained or validated on.
    """

    infer: Infer
    neighbours: int
    tissues: bool
    whole_field: bool
    blends: bool
    atlas: Atlas
    sections: dict[str, Any]
    calibration: Calibration
    run: str
    path: Path
    sha256: str
    subjects: tuple[str, ...] = ()


@cache
def load_network(path: Path | None = None) -> Network:
    """Read a network; a second call gives the same one.

    Args:
        path: ``model.safetensors`` of a project's run, whose atlas is in the project's
            ``results/template``; None: the network in the package.

    Returns:
        The network, on the CPU.

    Raises:
        InputError: a file is missing or unfit.
    """
    own = path is not None
    file = path if path is not None else PACKAGED
    model = read_model(file)
    torch_device = torch.device("cpu")
    packaged = _read_settings()
    sections = {
        name: parse(section, packaged["settings"][name], name) for name, section in SECTIONS.items()
    }
    if own:
        sections["extract"] = _as_trained(file, model, sections["extract"])
    folder = file.resolve().parents[2] / "template" if own else BUILT_IN
    return Network(
        infer=optimize_for_inference(
            model.network, torch_device, bfloat16=model.settings.traits.learns
        ),
        neighbours=model.settings.network.neighbours,
        tissues=model.settings.traits.needs_labels,
        whole_field=not own,
        blends=not own,
        atlas=load_atlas(folder if folder.is_dir() else BUILT_IN),
        sections=sections,
        calibration=Calibration(**packaged["calibration"]),
        run=model.run,
        path=file,
        sha256=file_digest(file),
        subjects=model.subjects,
    )


def write_settings(sections: dict[str, Any], calibration: Calibration) -> None:
    """Write the file beside the packaged weights that says how they must be used.

    Args:
        sections: by the names of `SECTIONS`.
        calibration: measured with these weights.
    """
    values = {
        "weights_sha256": file_digest(PACKAGED),
        "settings": {name: sections[name].model_dump() for name in SECTIONS},
        "calibration": vars(calibration),
    }
    write_text(json.dumps(values, indent=1) + "\n", _SETTINGS)


def _as_trained(file: Path, model: Model, section: Section) -> Section:
    """Return section ``extract`` with the scaling of the ultrasound that a model learned from."""
    if model.us_scaling is None:
        raise InputError(
            str(file),
            expected="a model that says how its ultrasound was scaled",
            found="one of an earlier version, or the packaged one",
            do="Correct the path, or run `train` again. Without --model, the packaged one is used.",
        )
    percentiles, depth_mm = model.us_scaling
    return section.model_copy(update={"us_percentiles": list(percentiles), "us_depth_mm": depth_mm})


def _read_settings() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(_SETTINGS.read_text(encoding="utf-8"))
    if values["weights_sha256"] != file_digest(PACKAGED):
        raise InputError(
            str(PACKAGED),
            expected=f"the weights that {_SETTINGS.name} was measured with",
            found="others",
            do="Install the package again, or run studies/pretrain/calibrate.py.",
        )
    return values
