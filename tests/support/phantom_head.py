"""Built-in heads that several tests look at: made once."""

from functools import cache

from phantom_simulate import small_settings

from ssus2mri.simulate.anatomy import Anatomy, built_in


@cache
def head(ga_weeks: float, spacing_mm: float = 0.7) -> Anatomy:
    """The built-in head as configured, at full resolution."""
    update = {"spacing_mm": spacing_mm}
    return built_in(ga_weeks, small_settings().anatomy.model_copy(update=update))
