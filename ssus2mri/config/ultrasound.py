"""Settings of the simulated ultrasound: tissues, probe, propagation and display."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ssus2mri.config.base import Section
from ssus2mri.config.values import Range
from ssus2mri.tissues import Tissue

SIDES = ("right", "left", "front", "back", "top")
"""Of the head: where the probe can stand."""


def _every_side(value: dict[str, float]) -> dict[str, float]:
    if set(value) != set(SIDES) or min(value.values()) < 0 or sum(value.values()) <= 0:
        raise ValueError(f"one share >= 0 for each of {list(SIDES)}, not all 0")
    return value


SideShares = Annotated[dict[str, float], AfterValidator(_every_side)]
"""Share of scans from each side of the head."""


class TissueAcoustics(Section):
    """What sound meets in one tissue; sources in `ssus2mri.simulate.sound.echo`."""

    impedance_mrayl: float = Field(ge=1, le=8, description="acoustic impedance, MRayl")
    attenuation_db_cm_mhz: float = Field(ge=0, le=30, description="one way, dB/cm/MHz")
    scatterers_mm3: float = Field(gt=0, description="scatterers in a cubic millimetre")
    echogenicity_db: float = Field(
        ge=-120, le=20, description="mean-square echo of its scatterers, dB; 0 is white"
    )


class TransducerSettings(Section):
    """Section ``simulate.ultrasound.probe``: a curved array, swept mechanically."""

    sides: SideShares = Field(description="share of scans from each side of the head")
    tilt_deg: float = Field(ge=0, le=90, description="std of each of three turns, degrees")
    distance_mm: Range = Field(description="array surface to centre of the head, mm")
    offset_mm: float = Field(ge=0, description="head beside the fan's axis, std, mm")
    radius_mm: float = Field(gt=0, description="radius of the array; its centre is the fan's apex")
    pivot_mm: float = Field(gt=0, description="axis of the sweep behind the array's surface, mm")
    lateral_deg: float = Field(gt=0, lt=90, description="half opening of the fan, in plane")
    elevation_deg: float = Field(gt=0, lt=90, description="half opening of the sweep")
    aperture_mm: float = Field(ge=0, description="width over which a shadow's edge is blurred, mm")
    depth_mm: Range = Field(description="depth shown, mm")
    hidden_mm: float = Field(ge=0, description="depth below the array that is not shown, mm")
    frequency_mhz: Range = Field(description="centre frequency, MHz")
    axial_psf: float = Field(gt=0, description="point spread along the beam, std, wavelengths")
    lateral_psf: float = Field(gt=0, description="in plane, at the focus, std, wavelengths")
    elevation_psf: float = Field(gt=0, description="across planes, at the focus, std, wavelengths")
    focus_mm: float = Field(gt=0, description="depth of the transmit focus, mm")
    elevation_focus_mm: float = Field(gt=0, description="depth of the lens's focus, mm")
    spread: float = Field(ge=0, description="lateral std gained a mm away from the focus")
    elevation_spread: float = Field(ge=0, description="the same across planes")

    @property
    def used_sides(self) -> list[str]:
        """Sides that scans are taken from."""
        return [side for side in SIDES if self.sides[side] > 0]

    @model_validator(mode="after")
    def _sweep_turns_behind_the_array(self) -> Self:
        # A chord's height is less than its half opening squared: no need of trigonometry here.
        if self.pivot_mm <= self.radius_mm * (self.lateral_deg * 3.1416 / 180) ** 2 / 2:
            raise ValueError("pivot_mm must lie behind the outermost elements of the array")
        return self


class UltrasoundSettings(Section):
    """Section ``simulate.ultrasound``: a 3D scan by a transabdominal probe."""

    probe: TransducerSettings
    tissues: dict[str, TissueAcoustics] = Field(description="acoustics of each tissue by its name")
    border_mm: float = Field(ge=0, description="softness of the borders between tissues, std, mm")
    border_voxels: float = Field(
        ge=0, description="added to it, std, voxels of the simulated volume"
    )
    specular_db: float = Field(description="echo of a perfect mirror hit at right angles, dB")
    normal_mm: float = Field(
        ge=0, description="neighbourhood that the direction of a border is taken from, mm"
    )
    specular_exponent: float = Field(ge=0, description="of soft borders: echo ~ |n.beam| to this")
    specular_floor: float = Field(ge=0, le=1, description="share that does not depend on angle")
    bone_exponent: float = Field(ge=0, description="the same of bone")
    bone_floor: float = Field(ge=0, le=1, description="the same of bone")
    roughness: float = Field(ge=0, description="std of the log echo of a border")
    roughness_mm: float = Field(gt=0, description="its correlation length, mm")
    grazing_loss: float = Field(
        ge=0, description="attenuation of bone hit at a grazing angle: 1 + this, times"
    )
    reverberation_db: float = Field(description="clutter just behind bone against its echo, dB")
    reverberation_mm: float = Field(gt=0, description="depth over which clutter falls to 1/e, mm")
    streaks: float = Field(
        ge=0, le=1, description="share of clutter that repeats the bone's echo in even streaks"
    )
    haze_db: float = Field(description="clutter at the array's surface, dB")
    haze_mm: float = Field(gt=0, description="depth over which it falls to 1/e, mm")
    texture_db: float = Field(ge=0, description="variation of a tissue's echo, std, dB")
    texture_mm: float = Field(gt=0, description="its correlation length, mm")
    layers_db: float = Field(ge=0, description="layers of maternal tissue, std, dB")
    layers_mm: float = Field(gt=0, description="correlation length across the layers, mm")
    patches_db: float = Field(ge=0, description="patches of maternal tissue, std, dB")
    patches_mm: float = Field(gt=0, description="their correlation length, mm")
    tgc_error: float = Field(ge=0, description="compensated share of mean attenuation, std")
    tgc_slider_db: float = Field(ge=0, description="error of one slider, std, dB")
    tgc_sliders: int = Field(ge=2, le=20, description="sliders of the gain compensation")
    noise_db: float = Field(description="thermal noise before gain compensation, dB")
    gain_db: float = Field(description="overall gain, mean, dB")
    gain_std_db: float = Field(ge=0, description="std of the overall gain, dB")
    dynamic_range_db: Range = Field(description="range shown between 0 and 255, dB")
    grey_exponent: float = Field(gt=0, le=4, description="grey map: grey ~ level to this power")
    smoothing_mm: float = Field(ge=0, description="speckle reduction of the shown image, std, mm")
    persistence: float = Field(ge=0, lt=1, description="share of a plane that is the one before it")

    @field_validator("tissues")
    @classmethod
    def _every_tissue(cls, value: dict[str, TissueAcoustics]) -> dict[str, TissueAcoustics]:
        wanted = {tissue.name.lower() for tissue in Tissue if tissue != Tissue.BACKGROUND}
        if set(value) != wanted:
            different = sorted(set(value) ^ wanted)
            raise ValueError(f"one entry for each tissue; missing or unknown {different}")
        return value
