"""Settings of the randomised scanner: ranges of everything that differs between scanners."""

from pydantic import Field

from ssus2mri.config.base import Section
from ssus2mri.config.ultrasound import SideShares
from ssus2mri.config.values import Amounts, Interval, Range, Shares


class RandomiseSettings(Section):
    """Section ``simulate.randomise``: each range is drawn from uniformly, once a scan.

    A drawn value replaces the setting of ``simulate.ultrasound`` of the same name; what has no
    setting there is described below.
    """

    share: float = Field(ge=0, le=1, description="of ultrasound scans, by a random scanner")
    # The probe.
    sides: SideShares = Field(description="share of scans from each side of the head")
    tilt_deg: Amounts = Field(description="std of each of three turns, degrees")
    gap_mm: Amounts = Field(description="array surface to skull, mm")
    offset_mm: Amounts = Field(description="head beside the fan's axis, std, mm")
    radius_mm: Range = Field(description="radius of the array, mm")
    lateral_deg: Range = Field(description="half opening of the fan, degrees")
    elevation_deg: Range = Field(description="half opening of the sweep, degrees")
    behind_mm: Amounts = Field(description="depth shown beyond the far side of the head, mm")
    hidden_mm: Amounts = Field(description="depth below the array that is not shown, mm")
    frequency_mhz: Range = Field(description="centre frequency, MHz")
    axial_psf: Range = Field(description="point spread along the beam, std, wavelengths")
    lateral_psf: Range = Field(description="in plane, at the focus, std, wavelengths")
    elevation_psf: Range = Field(description="across planes, at the focus, std, wavelengths")
    # Sound on its way.
    specular_db: Interval = Field(description="echo of a perfect mirror hit at right angles, dB")
    bone_exponent: Amounts = Field(description="echo of bone ~ |n.beam| to this")
    bone_floor: Shares = Field(description="share of bone's echo that does not depend on angle")
    grazing_loss: Amounts = Field(description="attenuation of bone hit at a grazing angle")
    reverberation_db: Interval = Field(description="clutter just behind bone against its echo, dB")
    reverberation_mm: Range = Field(description="depth over which clutter falls to 1/e, mm")
    streaks: Shares = Field(description="share of clutter in even streaks")
    haze_db: Interval = Field(description="clutter at the array's surface, dB")
    haze_mm: Range = Field(description="depth over which it falls to 1/e, mm")
    noise_db: Interval = Field(description="thermal noise before gain compensation, dB")
    echo_db: float = Field(ge=0, description="std of a tissue's echo about its setting, dB")
    # The console.
    gain_db: Interval = Field(description="overall gain, dB")
    tgc_error: Amounts = Field(description="compensated share of mean attenuation, std")
    tgc_slider_db: Amounts = Field(description="error of a slider, std, dB")
    dynamic_range_db: Range = Field(description="range shown between 0 and 255, dB")
    grey_exponent: Range = Field(description="grey map: grey ~ level to this power")
    smoothing_mm: Amounts = Field(description="speckle reduction of the shown image, std, mm")
    persistence: Shares = Field(description="share of a plane that is the plane before it")
    boxes: int = Field(ge=0, le=10, description="most black boxes burnt into the image")
    box_mm: Range = Field(description="edge of a box, mm")
