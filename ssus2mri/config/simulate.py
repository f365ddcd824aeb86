"""Settings of the simulated cohort."""

from pydantic import Field

from ssus2mri.config.base import Section


class SimulateSettings(Section):
    """Section ``simulate``."""

    seed: int = Field(ge=0, description="one seed gives one cohort")
    size: int = Field(ge=32, le=512, description="edge of the simulated volumes, voxels")
    spacing_mm: float = Field(gt=0, le=5, description="edge of a voxel, mm")
    rotation_deg: float = Field(ge=0, le=180, description="largest rotation of a pose, degrees")
    shift_mm: float = Field(ge=0, description="largest shift of a pose, mm")
    deformation_mm: float = Field(ge=0, description="standard deviation of the deformation, mm")
    smoothness_mm: float = Field(gt=0, description="correlation length of the deformation, mm")
