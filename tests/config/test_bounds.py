"""No number of the configuration is without bounds, and the message says which they are."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CONFIG
from pydantic import TypeAdapter, ValidationError

from ssus2mri.config import bounds, project
from ssus2mri.config.base import load_yaml, problems
from ssus2mri.errors import InputError
from ssus2mri.images.grid import LEAST_MM
from ssus2mri.manifest import Row

VALUES = load_yaml(CONFIG)


def numbers(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers."""
    if isinstance(values, dict | list):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            yield from numbers(value, (*path, key))
    elif isinstance(values, int | float) and not isinstance(values, bool):
        yield path


def messages(path: tuple[Any, ...], value: Any) -> str:
    """What is said of a section in which one value is replaced."""
    name = path[0]
    values = copy.deepcopy(VALUES[name])
    place = values
    for key in path[1:-1]:
        place = place[key]
    place[path[-1]] = value
    field = "register_" if name == "register" else name
    try:
        TypeAdapter(project.Project.model_fields[field].annotation).validate_python(values)
    except ValidationError as error:
        return "\n".join(str(InputError(place, **parts)) for place, parts in problems(error, name))
    return ""


SECTIONS = [name for name in VALUES if name != "runs" and any(numbers(VALUES[name]))]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_has_a_most_and_a_least(section: str) -> None:
    for path in numbers(VALUES[section], (section,)):
        for value in (10**12, -(10**12)):
            assert section in messages(path, value), path


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("crop", "margin_mm"), 1e9, "crop.margin_mm: expected a number from -1000 to 1000"),
        (("match", "spacing_mm"), 1e-9, "match.spacing_mm: expected a number from 0.02 to 1000"),
        (("train", "adam_betas", 0), 1.0, "less than 1"),
        (("train", "network", "final_channels", 0), 0, "greater than or equal to 1"),
        (("split", "test"), 0.95, "leave subjects to train on"),
        (("align", "fine_mm"), 50.0, "`fine_mm` not above `coarse_mm`"),
        (("crop", "skull", "fine_3d_mm"), 50.0, "`fine_3d_mm` not above `coarse_3d_mm`"),
        (("train", "network", "edges", "low"), 50.0, "`low` not above `high`"),
        (("simulate", "randomise", "streaks"), [0.5, 2.0], "two shares from 0 to 1"),
        (("simulate", "randomise", "tilt_deg"), [-2.0, 2.0], "at least 0"),
    ],
)
def test_the_message_names_key_and_range(path: tuple[Any, ...], value: Any, expected: str) -> None:
    assert expected in messages(path, value)


def test_bounds_go_by_the_unit() -> None:
    assert bounds.bounds("tilt_deg") == (-360.0, 360.0)
    assert bounds.bounds("fine_3d_mm") == (0.02, 1000.0)
    assert bounds.bounds("epochs") == (-1e6, 1e6)


def test_a_pixel_of_the_manifest_may_be_as_small_as_images_may() -> None:
    row = {"volume": "v", "subject": "s", "modality": "us", "image": "p.png", "ga_weeks": 20,
           "split": "train", "plane": "axial", "pixel_mm": LEAST_MM}  # fmt: skip
    assert Row.model_validate(row).pixel_mm == LEAST_MM
