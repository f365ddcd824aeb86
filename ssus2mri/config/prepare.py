"""Settings of the stages that prepare slices: atlas, crop, align, extract, blend and match."""

from typing import Literal

from pydantic import Field, model_validator

from ssus2mri.config.base import Section, require_not_above
from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.values import Fractions, Percentiles


class AtlasSettings(Section):
    """Section ``atlas``: the space that every scan is brought to."""

    volume: str = Field(
        description="`auto`, `built-in`, or a manifest volume with `labels` that defines the space"
    )
    ga_weeks: float = Field(ge=14, le=42, description="gestational age of the atlas, weeks")
    size: int = Field(ge=64, le=512, multiple_of=32, description="edge of the grid, voxels")
    spacing_mm: float = Field(gt=0, le=5, description="edge of a voxel, mm")


class ViewSettings(Section):
    """Section ``view``: the atlas's ultrasound from one side."""

    scans: int = Field(ge=1, description="simulated from each side; their mean is kept")


class SkullSettings(Section):
    """Section ``crop.skull``: how the head of an ultrasound is found when no mask is given."""

    hc_spread: float = Field(gt=0, description="prior: relative spread of the circumference")
    aspect: float = Field(gt=0, le=1, description="prior: width / length of the head")
    height: float = Field(gt=0, le=1.5, description="prior: height / length of the head")
    aspect_spread: float = Field(gt=0, description="prior: relative spread of both ratios")
    ridge_mm: float = Field(gt=0, description="half thickness of the skull's echo, mm")
    contrast_mm: float = Field(gt=0, description="neighbourhood of the local contrast, mm")
    contrast_floor: float = Field(ge=0, description="least contrast, of the mean contrast")
    ridge_strength: float = Field(gt=0, description="response that counts as skull in full")
    coarse_2d_mm: float = Field(gt=0, description="pixel of the search, mm")
    fine_2d_mm: float = Field(gt=0, description="pixel of the refinement, mm")
    coarse_3d_mm: float = Field(gt=0, description="voxel of the search, mm")
    fine_3d_mm: float = Field(gt=0, description="voxel of the refinement, mm")
    angles_2d: int = Field(ge=8, description="directions tried, over the circle")
    angles_3d: int = Field(ge=8, description="directions tried, over the sphere")
    sizes: int = Field(ge=1, description="circumferences tried, within one spread of the prior")
    candidates: int = Field(ge=1, description="best of the search that are refined")
    apart_mm: float = Field(ge=0, description="least difference between these, mm")
    reach_mm: float = Field(gt=0, description="how far the refinement first looks, mm")
    iterations: int = Field(ge=1, description="steps of the refinement")
    observations: float = Field(gt=0, description="weight of the skull against the prior")
    noise_mm: float = Field(gt=0, description="scatter of the skull about the ellipsoid, mm")
    outward_mm: float = Field(description="from the ridge to the skull's outer border, mm")

    @model_validator(mode="after")
    def _in_order(self) -> "SkullSettings":
        require_not_above(self, "fine_2d_mm", "coarse_2d_mm")
        require_not_above(self, "fine_3d_mm", "coarse_3d_mm")
        return self


class CropSettings(Section):
    """Section ``crop``."""

    margin_mm: float = Field(ge=0, description="kept around the head, mm")
    min_solidity: float = Field(
        ge=0, le=1, description="a given mask that fills less of its ellipsoid is not used"
    )
    max_size_ratio: float = Field(
        gt=1, description="a head larger or smaller than that of its age by more is refused"
    )
    extracted_zeros: float = Field(
        ge=0, le=1, description="an MR with more zeros than this share is brain-extracted"
    )
    skull: SkullSettings


class PlaneSettings(Section):
    """Section ``align.plane``: a 2D plane."""

    scale_to: Literal["age", "template"] = Field(description="size that the head is given")
    level_mm: float = Field(ge=0, description="levels compared above and below the thalami, mm")
    blur_mm: float = Field(gt=0, description="blur before the comparison, std, mm")
    rim_mm: float = Field(description="left out of the comparison within the head's border, mm")
    angle_deg: float = Field(gt=0, description="usual error of the ellipse's angle, degrees")
    shift_mm: float = Field(gt=0, description="usual error of its centre, mm")
    penalty: float = Field(ge=0, description="correlation that such an error must win")
    steps: int = Field(ge=1, description="most comparisons of a refinement")


class SkinSettings(Section):
    """A section ``skin_mm``: left out within the head's border; negative: added around it."""

    us: float = Field(ge=-10, le=20, description="head of an ultrasound, mm")
    mr: float = Field(ge=-10, le=20, description="brain of an MR, mm")


class ContrastSettings(Section):
    """Local contrast, in which scans are compared."""

    skin_mm: SkinSettings
    window_mm: float = Field(gt=0, description="Gaussian window of local contrast, std, mm")
    contrast_floor: float = Field(ge=0, description="least deviation, of the mean deviation")
    contrast_clip: float = Field(gt=0, description="largest contrast, deviations")


class ConfidenceSettings(Section):
    """Section ``align.mr_confidence``: logistic regression, see `prepare.search.confidence`."""

    offset: float
    agreeing: float = Field(description="of the share of starts that end at the same pose")
    margin: float = Field(description="of the correlation that the next best pose lacks")
    similarity: float = Field(description="of the correlation")


class AlignSettings(ContrastSettings):
    """Section ``align``."""

    transform: Literal["rigid", "similarity"] = Field(description="degrees of freedom")
    min_confidence: float = Field(
        ge=0, le=1, description="a scan below it is uncertain: not trained on, not scored"
    )
    mr_confidence: ConfidenceSettings
    reach_deg: float = Field(ge=0, le=180, description="largest rotation searched, degrees")
    step_deg: float = Field(ge=1, le=90, description="step of the first rotations, degrees")
    starts: int = Field(ge=1, description="first rotations that are refined")
    steps: int = Field(ge=1, description="most steps of a refinement")
    coarse_mm: float = Field(gt=0, description="grid of the first refinement, mm")
    fine_mm: float = Field(gt=0, description="grid of the last refinement, mm")
    tolerance: float = Field(gt=0, lt=1, description="gain of correlation that ends a refinement")
    scale_cost: float = Field(
        ge=0, description="correlation that a size 1 % off the mask's must win (as the square)"
    )
    plane: PlaneSettings

    @model_validator(mode="after")
    def _in_order(self) -> "AlignSettings":
        require_not_above(self, "fine_mm", "coarse_mm")
        return self


class IndexRange(Section):
    """Section ``extract.index_range``: first and last slice, as fractions of the grid's edge."""

    axial: Fractions
    coronal: Fractions
    sagittal: Fractions


class ExtractSettings(Section):
    """Section ``extract``."""

    planes: list[Literal["axial", "coronal", "sagittal"]] = Field(
        min_length=1, description="planes to slice a volume along"
    )
    index_range: IndexRange
    min_head_fraction: float = Field(
        ge=0, lt=1, description="share of a slice that the head must cover"
    )
    us_percentiles: Percentiles = Field(
        description="percentiles within the head shown as 0 and 1, US"
    )
    us_depth_mm: float = Field(
        ge=0, description="below the head's border, from where grey values count, US; 0: all"
    )
    mr_percentiles: Percentiles = Field(
        description="percentiles within the head shown as 0 and 1, MR"
    )


class MatchSettings(ContrastSettings):
    """Section ``match``, of the stages `blend` and `match`."""

    spacing_mm: float = Field(gt=0, description="grid on which ultrasound is compared, mm")
    ffd: FfdSettings = Field(
        description="from the atlas's ultrasound to a scan, and from training MR to its MR"
    )
    field_smooth_mm: float = Field(
        ge=0, description="standard deviation of the smoothing of the displacements found, mm"
    )
