"""Section ``pathologies``: the pathologies of simulated test subjects."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ssus2mri.config import strict
from ssus2mri.config.base import Section, problems
from ssus2mri.errors import InputError


class Ventriculomegaly(Section):
    """Enlarged lateral ventricles."""

    kind: Literal["ventriculomegaly"] = Field(description="which pathology")
    atrium_mm: float = Field(gt=0, le=25, description="width of both atria, mm")
    reach_mm: float = Field(
        gt=0, le=20, description="reach of the displacement around it, standard deviation, mm"
    )


class AbsentCavum(Section):
    """No cavum septi pellucidi: the frontal horns are joined."""

    kind: Literal["absent_cavum"] = Field(description="which pathology")


class AbsentCorpusCallosum(Section):
    """No corpus callosum, no cavum, a high third ventricle, parallel lateral ventricles."""

    kind: Literal["absent_corpus_callosum"] = Field(description="which pathology")
    atrium_mm: float = Field(gt=0, le=25, description="width of both atria (colpocephaly), mm")
    reach_mm: float = Field(
        gt=0, le=20, description="reach of the displacement around it, standard deviation, mm"
    )
    apart_mm: float = Field(
        ge=0, le=8, description="extra distance of the ventricles' bodies from the midline, mm"
    )
    fissure_mm: float = Field(ge=0, description="half width of the fissure's fluid, mm")
    cortex_mm: float = Field(
        ge=0, description="distance from the midline at which the fissure's cortex ends, mm"
    )
    ventricle_mm: float = Field(ge=0, description="half width of the high third ventricle, mm")


class LargeCisternaMagna(Section):
    """A deep cisterna magna behind a normal cerebellum."""

    kind: Literal["large_cisterna_magna"] = Field(description="which pathology")
    depth_mm: float = Field(gt=0, le=20, description="vermis to occipital bone, mm")
    reach_mm: float = Field(
        gt=0, le=20, description="reach of the displacement around it, standard deviation, mm"
    )


class Lesion(Section):
    """A ball of fluid or blood that replaces the tissue there."""

    kind: Literal["cyst", "bleed"] = Field(description="which pathology")
    centre_mm: tuple[float, float, float] = Field(
        description="from the head's centre: x right to left, y front to back, z upwards, mm"
    )
    diameter_mm: float = Field(gt=0, le=40, description="mm; clipped at the skull")


Pathology = Annotated[
    Ventriculomegaly | AbsentCavum | AbsentCorpusCallosum | LargeCisternaMagna | Lesion,
    Field(discriminator="kind"),
]


def load_pathology(text: str) -> Pathology:
    """Parse a pathology given on the command line.

    Raises:
        InputError: not JSON, or invalid values.
    """
    adapter: TypeAdapter[Pathology] = TypeAdapter(Pathology)
    try:
        values = strict.json_values(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "--pathology",
            expected="JSON of an entry of `pathologies`",
            found=str(error),
            do='For example --pathology=\'{"kind":"absent_cavum"}\'.',
        ) from error
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        place, parts = problems(error, "--pathology")[0]
        raise InputError(place, **parts) from error
