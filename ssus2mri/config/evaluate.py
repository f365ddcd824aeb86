"""Settings of the stages that evaluate: register, compare, score, render."""

from pydantic import Field

from ssus2mri.config.base import Section


class RegisterSettings(Section):
    """Section ``register``: the definition of the deformation score."""

    slices_per_volume: int = Field(ge=1, description="slices registered per test volume")


class CompareSettings(Section):
    """Section ``compare``."""

    slices_per_volume: int = Field(
        ge=1, description="slices registered to the pseudo-pair per test volume"
    )


class ScoreSettings(Section):
    """Section ``score``."""

    confidence: float = Field(gt=0, lt=1, description="level of the intervals")


class RenderSettings(Section):
    """Section ``render``."""

    title: str = Field(description="heading of the report")
