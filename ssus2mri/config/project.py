"""The whole configuration, and the runs in it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from ssus2mri.config.base import MISSING, Section, load_yaml, merge, parse, problems
from ssus2mri.config.evaluate import (
    BrowseSettings,
    CompareSettings,
    IllustrateSettings,
    ProbeSettings,
    RegisterSettings,
    RenderSettings,
    ScoreSettings,
    SegmentSettings,
)
from ssus2mri.config.learn import SynthesizeSettings, TrainSettings
from ssus2mri.config.pathology import Pathology
from ssus2mri.config.predict import PredictSettings
from ssus2mri.config.prepare import (
    AlignSettings,
    AtlasSettings,
    CropSettings,
    ExtractSettings,
    MatchSettings,
    ViewSettings,
)
from ssus2mri.config.rate import RateSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.config.values import FileName, once
from ssus2mri.errors import InputError

_MOST_LACKING = 4  # keys of a complete file that are missing by mistake, and told one by one


class SplitSettings(Section):
    """Section ``split``: where subjects go whose row says ``auto``."""

    val: float = Field(ge=0, lt=1, description="share of the subjects to validate on")
    test: float = Field(ge=0, lt=1, description="share of the subjects to test on")

    @model_validator(mode="after")
    def _leaves_some_to_train_on(self) -> "SplitSettings":
        if self.val + self.test >= 1:
            raise ValueError(
                "`val` and `test` that leave subjects to train on: less than 1 together"
            )
        return self


class Project(Section):
    """Every key of config/config.yaml."""

    manifest: str = Field(description="table of the images, relative to the working directory")
    split: SplitSettings
    atlas: AtlasSettings
    simulate: SimulateSettings
    pathologies: dict[FileName, Pathology] = Field(
        description="what simulated test subjects can have, by the names of the manifest's column"
    )
    crop: CropSettings
    align: AlignSettings
    extract: ExtractSettings
    view: ViewSettings
    match: MatchSettings
    train: TrainSettings
    runs: dict[FileName, dict[str, Any]] = Field(
        description="a run is an entry with only its differences from `train`"
    )
    enabled_runs: Annotated[list[str], once("run")] = Field(
        min_length=1, description="runs to train and compare"
    )
    synthesize: SynthesizeSettings
    probe: ProbeSettings
    predict: PredictSettings
    register_: RegisterSettings = Field(alias="register")
    compare: CompareSettings
    segment: SegmentSettings
    rate: RateSettings
    score: ScoreSettings
    illustrate: IllustrateSettings
    browse: BrowseSettings
    render: RenderSettings


def load(values: dict[str, Any]) -> tuple[Project | None, list[str]]:
    """Check a whole configuration.

    Returns:
        The project, or None, and every message about what is wrong.
    """
    messages: list[str] = []
    project = None
    try:
        project = Project.model_validate(values)
    except ValidationError as error:
        messages += _joined(problems(error, ""))
    else:
        messages += _too_few_images(project)
    runs, train = values.get("runs"), values.get("train")
    if isinstance(runs, dict) and isinstance(train, dict):
        for name in runs:
            try:
                TrainSettings.model_validate(run_values(values, name))
            except ValidationError as error:
                messages += [
                    str(InputError(place, **parts))
                    for place, parts in problems(error, f"runs.{name}")
                    if project is not None
                    or place.removeprefix(f"runs.{name}.") in _leaves(runs[name])
                ]
        for key, names in _lists_of_runs(values).items():
            for name in names:
                if name in runs:
                    continue
                messages.append(
                    str(
                        InputError(
                            key,
                            expected=f"runs out of {', '.join(sorted(map(str, runs)))}",
                            found=repr(name),
                            do="Correct the name or add the run under `runs`.",
                        )
                    )
                )
    return project, messages


def _joined(wrong: list[tuple[str, dict[str, str]]]) -> list[str]:
    """Return a message for each problem, and one for all keys of a file that is not complete."""
    lacking = [place for place, parts in wrong if parts["found"] == MISSING]
    messages = [
        str(InputError(place, **parts))
        for place, parts in wrong
        if len(lacking) <= _MOST_LACKING or place not in lacking
    ]
    if len(lacking) > _MOST_LACKING:
        named = ", ".join(f"`{place}`" for place in lacking[:_MOST_LACKING])
        messages.append(
            str(
                InputError(
                    "configuration",
                    expected="every key of config/config.yaml",
                    found=f"{len(lacking)} missing: {named} and others",
                    do="Name config/config.yaml first; other files lie over it.",
                )
            )
        )
    return messages


def validated(values: dict[str, Any]) -> Project:
    """Return a whole configuration.

    Raises:
        InputError: every message about what is wrong.
    """
    project, messages = load(values)
    if project is None or messages:
        raise InputError.several(messages)
    return project


def read(*paths: Path) -> Project:
    """Read configuration files, later ones over earlier ones; see `validated`."""
    return validated(_merged(paths))


def _lists_of_runs(values: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lists of runs in a configuration, by their key, as far as they are lists."""
    figures = values.get("illustrate")
    lists = {"enabled_runs": values.get("enabled_runs")}
    if isinstance(figures, dict):
        lists |= {f"illustrate.{key}": names for key, names in figures.items()}
    return {
        key: [name for name in names if isinstance(name, str)]
        for key, names in lists.items()
        if isinstance(names, list)
    }


def _too_few_images(project: Project) -> list[str]:
    """Return a message where an observer cannot see every run, real MR and the repeats."""
    least = len(project.enabled_runs) + 1 + project.rate.repeats
    if project.rate.images >= least:
        return []
    expected = f"at least {least}: each run and real MR once, and {project.rate.repeats} repeats"
    found = f"{project.rate.images} images of {len(project.enabled_runs)} runs"
    return [str(InputError("rate.images", expected=expected, found=found, do="Show more images."))]


def load_files(paths: list[Path], **changes: Any) -> tuple[dict[str, Any], list[str]]:
    """Read configuration files, later ones over earlier ones, and check the whole.

    Args:
        paths: YAML files; the first is complete.
        changes: top-level keys over all of them.

    Returns:
        The values and every message about what is wrong with them.

    Raises:
        InputError: a file cannot be read at all.
    """
    values = merge(_merged(paths), changes)
    return values, load(values)[1]


def _merged(paths: Iterable[Path]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path in paths:
        values = merge(values, load_yaml(path))
    return values


def run_values(values: dict[str, Any], run: str) -> dict[str, Any]:
    """Lay a run's differences over ``train``.

    Returns:
        Values for `TrainSettings`.
    """
    differences = values["runs"][run]
    return merge(values["train"], differences if isinstance(differences, dict) else {})


def run_settings(values: dict[str, Any], run: str) -> TrainSettings:
    """Check and give a run's settings; see `run_values`."""
    return parse(TrainSettings, run_values(values, run), f"runs.{run}")


def _leaves(values: Any, prefix: str = "") -> set[str]:
    if not isinstance(values, dict):
        return {prefix.rstrip(".")}
    return set().union(*(_leaves(v, f"{prefix}{k}.") for k, v in values.items()), set())
