"""Settings of the simulated cohort."""

from pydantic import Field, field_validator

from ssus2mri.config.base import Section
from ssus2mri.config.randomise import RandomiseSettings
from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.config.values import Range
from ssus2mri.tissues import INTRACRANIAL, Tissue


def _complete(values: dict[str, float], tissues: tuple[Tissue, ...]) -> dict[str, float]:
    wanted = {tissue.name.lower() for tissue in tissues}
    if set(values) != wanted:
        different = sorted(set(values) ^ wanted)
        raise ValueError(f"one number for each of {sorted(wanted)}; missing or unknown {different}")
    return values


class AnatomySettings(Section):
    """Section ``simulate.anatomy``: one subject's head."""

    spacing_mm: float = Field(gt=0, le=2, description="edge of a voxel of the built-in head, mm")
    skull_mm: float = Field(gt=0, le=5, description="thickness of the skull, mm")
    scalp_mm: float = Field(ge=0, le=8, description="thickness of the scalp, mm")
    deformation_mm: float = Field(ge=0, description="std of the symmetric deformation, mm")
    smoothness_mm: float = Field(gt=0, description="correlation length of the deformation, mm")
    asymmetry_mm: float = Field(ge=0, description="the same of its left-right asymmetric part, mm")
    detail_mm: float = Field(ge=0, description="standard deviation of the finer deformation, mm")
    detail_smoothness_mm: float = Field(ge=4, description="its correlation length, mm")
    size_variation: float = Field(ge=0, le=0.2, description="standard deviation of log size")
    aspect_variation: float = Field(
        ge=0, le=0.2, description="standard deviation of the log size of each axis"
    )
    skull_variation: float = Field(
        ge=0, le=0.5, description="standard deviation of the log thickness of the skull"
    )
    fluid_mm: float = Field(ge=0, description="mean gap between head and uterine wall, mm")
    fluid_variation: float = Field(
        ge=0, description="standard deviation of the gap, share of its mean: of subjects, of places"
    )
    fluid_smoothness_mm: float = Field(gt=0, description="correlation length of the gap, mm")
    margin_mm: float = Field(gt=0, description="fluid and uterine wall around the head's grid, mm")


class LayerSettings(Section):
    """A transient layer of the white matter."""

    contrast: float = Field(ge=0, lt=1, description="at its border at 23 weeks, share of the rest")
    depth_mm: float = Field(gt=0, description="depth over which that decays, Gaussian std, mm")
    until_weeks: float = Field(gt=23, le=45, description="age at which it has vanished, weeks")


class LayersSettings(Section):
    """Transient layers of the white matter: bright below the cortex, dark at the ventricles."""

    subplate: LayerSettings
    germinal: LayerSettings


class StackSettings(Section):
    """One stack of thick slices of random orientation."""

    slice_mm: Range = Field(description="thickness of a slice, least and most, mm")
    pixel_mm: float = Field(gt=0, le=5, description="edge of a pixel within the slice, mm")
    interleaves: int = Field(ge=1, le=8, description="slices are taken in so many passes")
    motion_mm: float = Field(ge=0, description="shift between passes, std of each axis, mm")
    motion_deg: float = Field(ge=0, description="turn between passes, std, degrees")


class MrSettings(Section):
    """Section ``simulate.mr``: a brain-extracted T2-weighted volume."""

    rotation_deg: float = Field(ge=0, le=180, description="largest rotation of a pose, degrees")
    shift_mm: float = Field(ge=0, description="largest shift of a pose, mm")
    intensity: dict[str, float] = Field(description="of each intracranial tissue")
    layers: LayersSettings
    texture: float = Field(ge=0, description="standard deviation within a tissue, share of it")
    texture_mm: float = Field(gt=0, description="correlation length of the texture, mm")
    blur_mm: float = Field(ge=0, description="point spread of the truth, Gaussian std, mm")
    bias: float = Field(ge=0, lt=1, description="standard deviation of the bias field, share")
    bias_mm: float = Field(gt=0, description="correlation length of the bias field, mm")
    snr: Range = Field(description="white matter over Rician noise, least and most of a volume")
    residual_mm: float = Field(
        ge=0, description="point spread that a reconstruction adds, Gaussian std, mm"
    )
    stacked_share: float = Field(
        ge=0, le=1, description="probability that a volume is one stack of thick slices"
    )
    stack: StackSettings

    @field_validator("intensity")
    @classmethod
    def _every_tissue(cls, value: dict[str, float]) -> dict[str, float]:
        return _complete(value, INTRACRANIAL)


class SimulateSettings(Section):
    """Section ``simulate``."""

    seed: int = Field(ge=0, description="one seed gives one cohort")
    size: int = Field(ge=32, le=512, description="edge of the simulated volumes, voxels")
    spacing_mm: float = Field(gt=0, le=5, description="edge of a voxel, mm")
    rotation_deg: float = Field(
        ge=0, le=180, description="largest rotation of a pose (ultrasound), degrees"
    )
    shift_mm: float = Field(ge=0, description="largest shift of a pose (ultrasound), mm")
    anatomy: AnatomySettings
    mr: MrSettings
    ultrasound: UltrasoundSettings
    randomise: RandomiseSettings
