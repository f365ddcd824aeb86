"""Settings of the stages that prepare slices: atlas, crop, align, extract."""

from typing import Literal

from pydantic import Field

from ssus2mri.config.base import Section


class AtlasSettings(Section):
    """Section ``atlas``: the space that every scan is brought to."""

    volume: str = Field(
        description="`auto`, `built-in`, or a manifest volume with `labels` that defines the space"
    )
    ga_weeks: float = Field(ge=14, le=42, description="gestational age of the atlas, weeks")
    size: int = Field(ge=32, le=512, multiple_of=32, description="edge of the grid, voxels")
    spacing_mm: float = Field(gt=0, le=5, description="edge of a voxel, mm")


class CropSettings(Section):
    """Section ``crop``."""

    margin_mm: float = Field(ge=0, description="kept around the head, mm")


class AlignSettings(Section):
    """Section ``align``."""

    transform: Literal["rigid", "similarity"] = Field(description="degrees of freedom")


class ExtractSettings(Section):
    """Section ``extract``."""

    planes: list[Literal["axial", "coronal", "sagittal"]] = Field(
        min_length=1, description="planes to slice a volume along"
    )
    index_range: list[float] = Field(
        min_length=2,
        max_length=2,
        description="first and last slice taken, as fractions of the atlas grid's edge",
    )
    min_head_fraction: float = Field(
        ge=0, lt=1, description="share of a slice that the head must cover"
    )
    us_percentiles: list[float] = Field(
        min_length=2, max_length=2, description="percentiles within the head shown as 0 and 1, US"
    )
    mr_percentiles: list[float] = Field(
        min_length=2, max_length=2, description="percentiles within the head shown as 0 and 1, MR"
    )
