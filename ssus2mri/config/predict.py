"""Section ``predict``: how `predict` turns a single scan into MR, tissues, trust and sizes."""

from typing import Annotated

from pydantic import Field

from ssus2mri.config.base import Percentiles, Section

Weeks = Annotated[float, Field(ge=10, le=45)]


class PredictSettings(Section):
    """Section ``predict``; what differs for training and prediction would be silently wrong."""

    ages_weeks: tuple[Weeks, Weeks] = Field(description="ages that are not refused, weeks")
    min_head: float = Field(ge=0, le=1, description="least probability that it is a fetal head")
    brain_mm: float = Field(
        gt=0, le=20, description="from the skull's inside to where grey values count"
    )
    us_percentiles: Percentiles = Field(description="of the brain, mapped to 0 and 1")
    tolerance: float = Field(gt=0, lt=1, description="trust: probability of an error below this")
    interval: float = Field(gt=0, lt=1, description="probability that a size lies in its interval")
    batch_size: int = Field(ge=1, le=1024, description="slices at a time")
