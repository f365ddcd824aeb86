"""Settings of the simulated cohort."""

from pydantic import Field, field_validator

from ssus2mri.config.base import Section
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
    deformation_mm: float = Field(ge=0, description="standard deviation of the deformation, mm")
    smoothness_mm: float = Field(gt=0, description="correlation length of the deformation, mm")
    size_variation: float = Field(ge=0, le=0.2, description="standard deviation of log size")
    aspect_variation: float = Field(
        ge=0, le=0.2, description="standard deviation of the log size of each axis"
    )


class MrSettings(Section):
    """Section ``simulate.mr``: a super-resolved, brain-extracted T2-weighted volume."""

    rotation_deg: float = Field(ge=0, le=180, description="largest rotation of a pose, degrees")
    shift_mm: float = Field(ge=0, description="largest shift of a pose, mm")
    intensity: dict[str, float] = Field(description="mean of each intracranial tissue")
    subplate: float = Field(ge=0, description="white matter just below the cortex, share brighter")
    subplate_mm: float = Field(gt=0, description="depth over which that decays, mm")
    germinal: float = Field(ge=0, lt=1, description="white matter at the ventricles, share darker")
    germinal_mm: float = Field(gt=0, description="distance over which that decays, mm")
    texture: float = Field(ge=0, description="standard deviation within a tissue, share of it")
    texture_mm: float = Field(gt=0, description="correlation length of the texture, mm")
    blur_mm: float = Field(ge=0, description="standard deviation of the point spread, mm")
    bias: float = Field(ge=0, lt=1, description="standard deviation of the bias field, share")
    bias_mm: float = Field(gt=0, description="correlation length of the bias field, mm")
    noise: float = Field(ge=0, description="Rician noise, share of the white matter's intensity")

    @field_validator("intensity")
    @classmethod
    def _every_tissue(cls, value: dict[str, float]) -> dict[str, float]:
        return _complete(value, INTRACRANIAL)


class UltrasoundSettings(Section):
    """Section ``simulate.ultrasound``: a 3D scan by a transabdominal curved array."""

    probe_tilt_deg: float = Field(ge=0, le=90, description="deviation from lateral, std, degrees")
    probe_distance_mm: float = Field(gt=0, description="array surface to centre of the head, mm")
    probe_distance_std_mm: float = Field(ge=0, description="its standard deviation, mm")
    probe_radius_mm: float = Field(gt=0, description="radius of the curved array, mm")
    lateral_deg: float = Field(gt=0, lt=90, description="half opening of the fan, in plane")
    elevation_deg: float = Field(gt=0, lt=90, description="half opening of the sweep")
    axial_psf_mm: float = Field(gt=0, description="point spread along the beam, std, mm")
    lateral_psf_mm: float = Field(gt=0, description="point spread across the beam, std, mm")
    echogenicity_db: dict[str, float] = Field(description="mean echo of each tissue, dB")
    impedance: dict[str, float] = Field(description="reflectivity of each tissue's borders")
    wall_db: float = Field(description="echo of a border of unit impedance step, dB")
    skull_db: float = Field(description="echo of skull hit at right angles, dB")
    skull_floor: float = Field(ge=0, le=1, description="share of it left at grazing angles")
    skull_exponent: float = Field(gt=0, description="power of |n.beam| that it falls with")
    attenuation_db_mm: float = Field(ge=0, description="net of gain compensation, dB/mm")
    skull_loss_db_mm: float = Field(ge=0, description="loss in bone hit at right angles, dB/mm")
    grazing_loss: float = Field(ge=0, description="times as much more at grazing angles")
    reverberation_db: float = Field(description="haze behind bone against the bone's echo, dB")
    reverberation_mm: float = Field(gt=0, description="depth over which the haze decays, mm")
    fluid_mm: float = Field(ge=0, description="mean gap of amniotic fluid around the head, mm")
    noise_db: float = Field(description="electronic noise, dB")
    dynamic_range_db: float = Field(gt=0, description="range shown between 0 and 255, dB")
    gain_std_db: float = Field(ge=0, description="standard deviation of the gain, dB")

    @field_validator("echogenicity_db", "impedance")
    @classmethod
    def _every_tissue(cls, value: dict[str, float]) -> dict[str, float]:
        return _complete(value, tuple(t for t in Tissue if t != Tissue.BACKGROUND))


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
