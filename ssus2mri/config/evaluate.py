"""Settings of the stages that evaluate: register, compare, score, render."""

from pydantic import Field

from ssus2mri.config.base import Section
from ssus2mri.config.deform import FfdSettings


class RegisterSettings(Section):
    """Section ``register``: the definition of the deformation score."""

    slices_per_volume: int = Field(ge=1, description="slices registered per test volume")
    index_tolerance_mm: float = Field(
        ge=0, description="farthest real slice taken where the very index is missing, mm"
    )
    deformation_scale: float = Field(
        gt=0, description="mean |log det J| at which the score is 1 - 1/e"
    )
    min_determinant: float = Field(
        gt=0, lt=1, description="what a folded or collapsed point counts as"
    )
    min_similarity: float = Field(
        ge=-1, lt=1, description="correlation after registration from which there is a match"
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
        ge=0, description="farthest real slice taken where the very index is missing, mm"
    )
    psnr_cap_db: float = Field(gt=0, description="largest PSNR given: that of equal images, dB")
    position_tolerance: float = Field(
        ge=0, lt=1, description="error of a predicted index that is right, of the index range"
    )
    ssim: SsimSettings
    ffd: FfdSettings


class ScoreSettings(Section):
    """Section ``score``."""

    confidence: float = Field(gt=0, lt=1, description="level of the intervals")
    bootstrap_samples: int = Field(ge=100, description="resamples of the volumes")
    seed: int = Field(ge=0, description="of the resampling")


class RenderSettings(Section):
    """Section ``render``."""

    title: str = Field(description="heading of the report")
    examples_per_plane: int = Field(ge=1, description="slices shown per test volume and plane")
    example_rows: int = Field(ge=1, description="rows of pictures; fewer volumes are shown then")
    edge_sigma_px: float = Field(gt=0, description="smoothing before outlines are drawn, pixels")
    alignment_pictures: int = Field(ge=0, description="alignment pictures, the worst first")
    alignment_px: int = Field(ge=64, description="longest edge of an alignment picture, pixels")
