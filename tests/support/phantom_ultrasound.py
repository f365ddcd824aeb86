"""Simple media for the tests of the ultrasound: parallel beams, even tissue, plates."""

import numpy as np
from phantom_simulate import small_settings

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.sound.beam import Fan
from ssus2mri.simulate.sound.display import Console
from ssus2mri.simulate.sound.echo import BeamMaps, decibel, table
from ssus2mri.tissues import Tissue

_FAR = 1e6
ULTRASOUND = small_settings().ultrasound


def quiet(**changes: object) -> UltrasoundSettings:
    """The configured ultrasound without texture, noise or error; ``changes`` on top."""
    silence = {
        "roughness": 0.0,
        "texture_db": 0.0,
        "layers_db": 0.0,
        "patches_db": 0.0,
        "tgc_error": 0.0,
        "tgc_slider_db": 0.0,
        "noise_db": -200.0,
        "reverberation_db": -200.0,
        "smoothing_mm": 0.0,
    }
    return ULTRASOUND.model_copy(update=silence | changes)


def probe(**changes: object) -> dict[str, object]:
    """A change of settings: the probe with other numbers."""
    return {"probe": ULTRASOUND.probe.model_copy(update=changes)}


def tissue(name: str, **changes: float) -> dict[str, object]:
    """A change of settings: one tissue with other numbers."""
    changed = ULTRASOUND.tissues[name].model_copy(update=changes)
    return {"tissues": ULTRASOUND.tissues | {name: changed}}


def parallel(shape: tuple[int, int, int], *, step_mm: float, across_mm: float) -> Fan:
    """A fan so far from its apex that its beams are parallel: along x, y and z."""
    return Fan(
        surface_mm=np.zeros(3),
        axes=np.eye(3),
        radius_mm=_FAR,
        pivot_mm=_FAR,
        step_mm=step_mm,
        lateral_rad=across_mm / _FAR,
        elevation_rad=across_mm / _FAR,
        shape=shape,
    )


def console(**changes: object) -> Console:
    """A scanner set up exactly right."""
    exact = {
        "frequency_mhz": 4.0,
        "gain_db": 0.0,
        "dynamic_range_db": 60.0,
        "tgc_share": 1.0,
        "sliders_db": np.zeros(5),
    }
    return Console(**(exact | changes))


def even(tissue: Tissue, fan: Fan, settings: UltrasoundSettings) -> BeamMaps:
    """One tissue everywhere."""
    labels = np.full(fan.shape, tissue, np.uint8)
    return BeamMaps(
        echo=decibel(table(settings, "echogenicity_db"))[labels],
        impedance=np.log(table(settings, "impedance_mrayl"))[labels] / 2,
        bone=np.zeros(fan.shape, np.float32),
        tissue=labels,
    )


def plate(bone: np.ndarray, settings: UltrasoundSettings) -> BeamMaps:
    """White matter with bone where ``bone`` is 1; its borders may be smooth."""
    white, hard = (np.log(table(settings, "impedance_mrayl"))[[1, Tissue.SKULL]] / 2).tolist()
    labels = np.where(bone > 0.5, Tissue.SKULL, Tissue.WHITE_MATTER).astype(np.uint8)
    return BeamMaps(
        echo=decibel(table(settings, "echogenicity_db"))[labels],
        impedance=(white + (hard - white) * bone).astype(np.float32),
        bone=bone.astype(np.float32),
        tissue=labels,
    )
