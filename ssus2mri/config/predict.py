"""Section ``predict``: how `predict` turns a single scan into MR, tissues, trust and sizes."""

from typing import Annotated

from pydantic import Field

from ssus2mri.config.base import Section
from ssus2mri.config.deform import FfdSettings
from ssus2mri.config.values import Percentiles

Weeks = Annotated[float, Field(ge=10, le=45)]


class BlendSettings(Section):
    """Section ``predict.blend``: the network and the average head of an age."""

    ffd: FfdSettings = Field(description="of the average head to what the network sees")
    mr_weight: float = Field(ge=0, le=1, description="of the average head's MR")
    tissue_power: float = Field(ge=0, le=5, description="of the average head's tissues")
    least_share: float = Field(gt=0, le=1, description="added to the shares of its tissues")
    kept_share: float = Field(
        gt=0, le=1, description="least share of ventricles and lesions, of the largest one's"
    )


class PredictSettings(Section):
    """Section ``predict``; what differs for training and prediction would be silently wrong."""

    ages_weeks: tuple[Weeks, Weeks] = Field(description="ages that are not refused, weeks")
    min_head: float = Field(ge=0, le=1, description="least probability that it is a fetal head")
    max_mr_likeness: float = Field(
        ge=-1, le=1, description="greatest correlation of a volume with the MR of an average head"
    )
    brain_mm: float = Field(
        gt=0, le=20, description="from the skull's inside to where grey values count"
    )
    us_percentiles: Percentiles = Field(description="of the brain, mapped to 0 and 1")
    tolerance: float = Field(gt=0, lt=1, description="trust: probability of an error below this")
    interval: float = Field(gt=0, lt=1, description="probability that a size lies in its interval")
    lesion_odds: float = Field(
        gt=0, le=1, description="factor on what the network says of cysts and bleeds"
    )
    blend: BlendSettings
    batch_size: int = Field(ge=1, le=1024, description="slices at a time")
