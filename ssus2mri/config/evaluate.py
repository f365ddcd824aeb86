"""Settings of the evaluation stages: register, compare, score, illustrate, browse, render."""

from typing import Annotated

from pydantic import Field, field_validator

from ssus2mri.config.base import Section
from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.values import FileName, Interval

Weight = Annotated[float, Field(gt=0, le=1)]

PAPER_MEASURES = ("deformation", "psnr_db", "ssim_registered", "index_right")
OPINION = "mos_"
"""Begins the name of the mean opinion score of a group, among the measures of the paper."""
PATTERNS = ("single", "multiple")
"""Of squares that are stamped on ultrasound, by how many there are (Fig. 7)."""


class RegisterSettings(Section):
    """Section ``register``: the definition of the deformation score."""

    slices_per_volume: int = Field(ge=1, description="slices registered per test volume")
    index_tolerance_mm: float = Field(
        ge=0, description="farthest real slice used where the exact index is missing, mm"
    )
    deformation_scale: float = Field(
        gt=0, description="mean |log det J| at which the score is 1 - 1/e"
    )
    min_determinant: float = Field(
        gt=0, lt=1, description="smallest determinant counted, also for folded points"
    )
    min_similarity: float = Field(
        ge=-1, lt=1, description="correlation after registration above which the slices match"
    )
    ffd: FfdSettings


class SsimSettings(Section):
    """Section ``compare.ssim``."""

    sigma_px: float = Field(gt=0, description="Gaussian window, pixels")
    k1: float = Field(gt=0, description="constant of the luminance term")
    k2: float = Field(gt=0, description="constant of the contrast term")


class CompareSettings(Section):
    """Section ``compare``."""

    slices_per_volume: int = Field(
        ge=1, description="slices registered to the pseudo-pair per test volume"
    )
    index_tolerance_mm: float = Field(
        ge=0, description="farthest real slice used where the exact index is missing, mm"
    )
    psnr_cap_db: float = Field(gt=0, description="largest PSNR, that of identical images, dB")
    position_tolerance: float = Field(
        ge=0, lt=1, description="largest error of an index that counts as right, share of the range"
    )
    ssim: SsimSettings
    ms_ssim_weights: list[Weight] = Field(
        min_length=1,
        max_length=5,
        description="exponents of the scales of MS-SSIM, finest first",
    )
    nmi_bins: int = Field(ge=2, le=256, description="bins of each axis of the joint histogram")
    ffd: FfdSettings


class AtriumSettings(Section):
    """Section ``segment.atrium``: where the atria lie, from the middle of the deep grey matter."""

    behind_mm: Interval = Field(description="behind it, mm")
    above_mm: Interval = Field(description="above it, mm; negative: below")
    aside_mm: float = Field(ge=0, description="least distance from the midline, mm")


class ContrastSettings(Section):
    """Section ``segment.contrast``: the scan's local contrast, which tissues have to explain."""

    fine_mm: float = Field(gt=0, description="std of the blur that takes out speckle, mm")
    coarse_mm: float = Field(gt=0, description="std of the blur that is subtracted, mm")
    rim_mm: float = Field(gt=0, description="left out within the head's border: skull, mm")
    least_mm2: float = Field(ge=0, description="slices with less inside are left out, mm2")


class SegmentSettings(Section):
    """Section ``segment``."""

    atrium: AtriumSettings
    contrast: ContrastSettings
    typical_dice: float = Field(
        gt=0, le=1, description="mean Dice of tissues of different subjects in atlas space"
    )


class ProbeSettings(Section):
    """Section ``probe``: squares stamped into ultrasound."""

    slices_per_volume: int = Field(ge=1, description="slices stamped per test volume")
    size_mm: Interval = Field(description="edge of a square, mm")
    most_squares: int = Field(ge=2, le=9, description="squares of `multiple`: from 2 up to this")
    margin_mm: float = Field(ge=0, description="least distance from the head's border, mm")
    apart_mm: float = Field(ge=0, description="least distance between squares, mm")
    intensity: float = Field(ge=0, le=1, description="of the squares, in ultrasound in [0, 1]")
    threshold: float = Field(
        gt=0, lt=1, description="change of the synthetic MR, in [0, 1], that counts as preserved"
    )
    psnr_cap_db: float = Field(gt=0, description="PSNR of a pattern recovered exactly, dB")
    seed: int = Field(ge=0, description="seed of places and sizes")


class ScoreSettings(Section):
    """Section ``score``."""

    confidence: float = Field(gt=0, lt=1, description="confidence level of the intervals")
    bootstrap_samples: int = Field(
        ge=100, le=100_000, description="number of resamples of the volumes"
    )
    seed: int = Field(ge=0, description="seed of the resampling")
    paper: dict[FileName, dict[FileName, list[float]]] = Field(
        description="run (`real`: real MR) -> measure -> mean and, if stated, std in the paper"
    )

    @field_validator("paper")
    @classmethod
    def _measures(
        cls, value: dict[str, dict[str, list[float]]]
    ) -> dict[str, dict[str, list[float]]]:
        for name, numbers in (item for row in value.values() for item in row.items()):
            if name not in PAPER_MEASURES and not name.startswith(OPINION):
                raise ValueError(f"measures out of {', '.join(PAPER_MEASURES)}, {OPINION}GROUP")
            if not 1 <= len(numbers) <= 2:
                raise ValueError(f"a mean, or a mean and a standard deviation, of {name}")
        return value

    @property
    def groups_of_the_paper(self) -> list[str]:
        """The groups of observers that the paper has opinions of, in its order."""
        names = dict.fromkeys(name for row in self.paper.values() for name in row)
        return [name.removeprefix(OPINION) for name in names if name.startswith(OPINION)]


class BrowseSettings(Section):
    """Section ``browse``."""

    slices_per_plane: int = Field(
        ge=1, description="most slices of a plane on a page; of more, so many are taken evenly"
    )
    tolerance: float = Field(gt=0, lt=1, description="trust: probability of an error below this")


class IllustrateSettings(Section):
    """Section ``illustrate``: Figures 6, 8 and 9; the others need no settings."""

    scans: int = Field(ge=1, description="test scans shown, the first of the manifest")
    figure6: list[str] = Field(description="runs in Figure 6, of which the enabled ones are shown")
    figure8: list[str] = Field(description="the same of Figure 8")
    figure9: list[str] = Field(min_length=1, description="of Figure 9, the base model first")


class RenderSettings(Section):
    """Section ``render``."""

    title: str = Field(description="heading of the report")
    recommended: str = Field(description="run to recommend where no true MR is known")
    scan_rows: int = Field(
        ge=1, description="scans in a table of the report, the worst first; scans.html has all"
    )
    examples_per_plane: int = Field(ge=1, description="slices shown per test volume and plane")
    example_rows: int = Field(
        ge=1, description="maximum rows of pictures; volumes are left out to keep to it"
    )
    edge_sigma_px: float = Field(gt=0, description="smoothing before outlines are drawn, pixels")
    alignment_pictures: int = Field(
        ge=0, description="number of alignment pictures, the least similar first"
    )
    alignment_px: int = Field(ge=64, description="longest edge of an alignment picture, pixels")
    figure_px: int = Field(ge=64, description="longest edge of a figure, pixels")
