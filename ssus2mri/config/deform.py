"""Settings of free-form deformation, shared by all sections that use it."""

from itertools import pairwise

from pydantic import Field, model_validator

from ssus2mri.config.base import Section


class FfdSettings(Section):
    """A section ``ffd``: the free-form deformation; lists have an entry per pyramid level."""

    mesh_mm: list[float] = Field(
        min_length=1, description="cell of the B-spline mesh, mm; each a divisor of the one before"
    )
    resolution_mm: list[float] = Field(description="approximate pixel size after shrinking, mm")
    smooth_mm: list[float] = Field(description="standard deviation of the smoothing, mm")
    iterations: int = Field(ge=1, description="maximum L-BFGS iterations per level")
    line_search: int = Field(ge=1, description="maximum evaluations per line search")
    tolerance: float = Field(
        gt=0, description="gradient norm at which a level ends, relative to that of the parameters"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "FfdSettings":
        levels = len(self.mesh_mm)
        if len(self.resolution_mm) != levels or len(self.smooth_mm) != levels:
            raise ValueError(f"{levels} entries in each of mesh_mm, resolution_mm and smooth_mm")
        if min(*self.mesh_mm, *self.resolution_mm) <= 0 or min(self.smooth_mm) < 0:
            raise ValueError("mesh_mm and resolution_mm above 0, smooth_mm at least 0")
        ratios = [before / cell for before, cell in pairwise(self.mesh_mm)]
        if any(abs(ratio - round(ratio)) > 1e-6 or ratio < 0.5 for ratio in ratios):
            raise ValueError("cells in mesh_mm that are divisors of the ones before")
        return self
