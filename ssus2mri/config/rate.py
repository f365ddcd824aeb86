"""Settings of the opinion study: rate."""

from typing import Annotated

from pydantic import Field

from ssus2mri.config.base import Section
from ssus2mri.config.values import FileName, once


class RateSettings(Section):
    """Section ``rate``."""

    title: str = Field(description="heading of the page; must not tell what is compared")
    images: int = Field(ge=2, le=500, description="images that an observer rates")
    repeats: int = Field(ge=0, description="least number of images that are shown twice")
    apart: int = Field(ge=1, description="fewest images from one showing to the other")
    min_head_share: float = Field(
        ge=0, le=1, description="least area of a head, share of the largest of its volume and plane"
    )
    groups: Annotated[list[FileName], once("group")] = Field(
        min_length=1, description="groups of observers"
    )
    ratings: str = Field(
        min_length=1,
        description="folder of the observers' files, relative to the working directory",
    )
    seed: int = Field(ge=0, description="seed of the choice, the order and the names of images")
