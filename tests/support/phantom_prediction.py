"""A tiny atlas, and a network that says what a test wants, for tests of `predict`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from conftest import CONFIG

from ssus2mri.config.base import load_yaml, parse
from ssus2mri.images import geometry
from ssus2mri.models.generator import Synthesis
from ssus2mri.prediction.atlas import Atlas
from ssus2mri.prediction.evidence import NAMES
from ssus2mri.prediction.network import SECTIONS, Calibration, Network
from ssus2mri.prediction.predict import Prediction, Views
from ssus2mri.prediction.prepare import Prepared
from ssus2mri.prediction.sizes import Size
from ssus2mri.tissues import SHOWN, Tissue

SIZE, SPACING_MM = 32, 2.0
SPREAD = {"plane": 2.0, "volume": 3.0}


def sections() -> dict:
    values = load_yaml(CONFIG)
    return {name: parse(section, values[name], name) for name, section in SECTIONS.items()}


def atlas() -> Atlas:
    """A ball of white matter in a shell of skull, centred at 0."""
    grid = geometry.grid(SIZE, SPACING_MM, (0.0, 0.0, 0.0))
    radius = np.linalg.norm(np.indices((SIZE,) * 3) - (SIZE - 1) / 2, axis=0) * SPACING_MM
    labels = np.where(radius < 24, Tissue.WHITE_MATTER, Tissue.BACKGROUND).astype(np.uint8)
    labels[(radius >= 24) & (radius < 27)] = Tissue.SKULL
    image = geometry.from_array(labels, grid)
    return Atlas(sitk.Cast(image, sitk.sitkFloat32), image)


def network(infer: Callable, *, tissues: bool = True, neighbours: int = 0) -> Network:
    weights = {"offset": 2.0, **dict.fromkeys(NAMES, 0.0)}
    return Network(
        infer=infer,
        neighbours=neighbours,
        tissues=tissues,
        whole_field=True,
        blends=False,
        atlas=atlas(),
        sections=sections(),
        calibration=Calibration(
            SPREAD, {key: {"cavum": (0.0, 0.1)} for key in SPREAD}, dict.fromkeys(SPREAD, weights)
        ),
        run="tiny",
        path=Path("tiny"),
        sha256="0" * 64,
    )


def saying(tissue: Tissue, mr: float = 0.5) -> Callable:
    """Return a network's function that sees one tissue wherever the ultrasound is not black."""

    def infer(us, plane, index, ga_weeks, roi=None) -> Synthesis:
        seen = us[:, us.shape[1] // 2, None] > 0
        logits = torch.zeros(len(us), len(SHOWN), *us.shape[2:])
        logits[:, :1] = torch.where(seen, 0.0, 20.0)
        number = SHOWN.index(tissue)
        logits[:, number : number + 1] = torch.where(seen, 20.0, 0.0)
        return Synthesis(torch.full_like(us[:, :1], mr), None, logits, torch.zeros_like(us[:, :1]))

    return infer


def prepared(us: np.ndarray, to_atlas: sitk.Transform | None = None, **changes) -> Prepared:
    values = {
        "us": us.astype(np.float32),
        "head": us > 0,
        "index": None,
        "to_atlas": to_atlas or sitk.Similarity3DTransform(),
        "mask": geometry.grid(8, 1.0, (0.0, 0.0, 0.0)),
        "pose": {"confidence": 0.9},
        "hc_mm": 210.0,
    }
    return Prepared(**(values | changes))


def prediction(**changes) -> Prediction:
    """A prediction of a cube of 8 voxels of 4 mm."""
    array = np.arange(512, dtype=np.float32).reshape(8, 8, 8) / 512
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((4.0,) * 3)
    labels = np.full((8, 8, 8), Tissue.WHITE_MATTER, np.uint8)
    values = {
        "mr": image,
        "labels": geometry.from_array(labels, image),
        "trust": image,
        "sizes": {"cavum": Size(5.0, 4.0, 6.0, 0.5, 69.1)},
        "pose": {"method": "network", "confidence": 0.9},
        "head_probability": 0.99,
        "refused": (),
        "ga_weeks": 23.0,
        "tolerance": 0.1,
        "network": "tiny",
        "sha256": "0" * 64,
        "views": Views(array, array, labels, array, 1.0),
    }
    return Prediction(**(values | changes))
