"""Every shipped configuration against the models, the README and the code that reads it."""

import ast
import re
from pathlib import Path

import pytest
from conftest import CONFIG, ROOT
from pydantic import BaseModel

from ssus2mri.config import base, project
from ssus2mri.config.base import load_section, merge
from ssus2mri.config.learn import SynthesizeSettings, TrainSettings
from ssus2mri.config.prepare import CropSettings
from ssus2mri.config.project import Project, load, load_files, run_settings
from ssus2mri.errors import InputError
from ssus2mri.methods import METHODS

SMALL, DEMO, PLANES = (ROOT / "config" / f"{name}.yaml" for name in ("small", "demo", "planes"))
COHORT, CPU, GPU = (
    ROOT / "studies" / "cohort" / f"{name}.yaml" for name in ("cohort", "cpu", "gpu")
)
ABLATIONS = ROOT / "studies" / "ablations" / "ablations.yaml"
SMOKE = ROOT / "tests" / "config" / "smoke.yaml"
CHAINS = [
    [CONFIG, SMALL],
    [CONFIG, SMALL, DEMO],
    [CONFIG, SMALL, PLANES],
    [CONFIG, COHORT],
    [CONFIG, SMALL, COHORT, CPU],
    [CONFIG, COHORT, GPU],
    [CONFIG, SMALL, ABLATIONS],
]
"""Every shipped configuration, each laid over those before it."""


@pytest.fixture
def values() -> dict:
    return base.load_yaml(CONFIG)


def leaves(values: object, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    if not isinstance(values, dict):
        return {at: values}
    return {k: v for key, value in values.items() for k, v in leaves(value, (*at, key)).items()}


def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    inner = [field.annotation for field in model.model_fields.values()]
    nested = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {model}.union(*(sections(kind) for kind in nested))


@pytest.mark.parametrize(
    "files",
    [[CONFIG], *CHAINS, [CONFIG, SMALL, DEMO, SMOKE]],
    ids=lambda files: files[-1].stem,
)
def test_shipped_configuration_is_valid(files: list[Path]):
    assert load_files(files)[1] == []


@pytest.mark.parametrize("files", CHAINS, ids=lambda files: files[-1].stem)
def test_overlay_holds_only_what_differs(files: list[Path]):
    below = leaves(load_files(files[:-1])[0])
    own = leaves(base.load_yaml(files[-1]))
    assert [key for key, value in own.items() if below.get(key) == value] == []


def test_config_yaml_is_the_only_home_of_numbers():
    defaults = [
        f"{model.__name__}.{name}"
        for model in sections(Project)
        for name, field in model.model_fields.items()
        if not field.is_required()
    ]
    assert defaults == []


def test_the_peers_have_the_numbers_of_their_papers(values):
    """CycleGAN: Zhu et al., ICCV 2017, Sec. 4 and 7; CUT: Park et al., ECCV 2020, Sec. 3."""
    cyclegan, cut = (run_settings(values, run) for run in ("cyclegan", "cut"))
    assert cyclegan.adversarial == cut.adversarial == "lsgan"
    assert cyclegan.terms == {"app": 1, "back_app": 1, "cycle": 10, "identity": 0.5 * 10}
    assert cut.terms == {"app": 1, "nce": 1, "nce_identity": 1}
    resnet, nce = cyclegan.network.resnet, cut.network.nce
    assert cut.network.resnet == resnet
    assert (resnet.blocks, resnet.channels, resnet.patch_channels) == (9, 64, 64)
    assert (resnet.image_pool, resnet.initial_std) == (50, 0.02)
    assert (nce.patches, nce.features, nce.temperature) == (256, 256, 0.07)


def test_no_code_knows_a_run_by_its_name(values):
    """Names of methods, which some runs share, are no names of runs there."""
    names = set(values["runs"]) - set(METHODS)
    assert {"ours", "gan", "ae", "ours_match", "no_att"} <= names
    for path in (ROOT / "ssus2mri").rglob("*.py"):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        constants = {node.value for node in tree if isinstance(node, ast.Constant)}
        assert not names & constants, path
    for path in (ROOT / "workflow").rglob("*.smk"):
        assert not names & set(re.findall(r"[\"']([\w-]+)[\"']", path.read_text())), path


def test_every_run_gives_whole_settings(values):
    for run in values["runs"]:
        assert isinstance(run_settings(values, run), TrainSettings)


def test_a_run_holds_only_its_differences(values):
    train = leaves(values["train"])
    for run, differences in values["runs"].items():
        assert not [k for k, v in leaves(differences).items() if k and train.get(k) == v], run


def test_unknown_key_is_refused_by_name_at_every_depth(values):
    for changes in ({"corp": 1}, {"crop": {"margin": 1}}, {"train": {"network": {"norms": "x"}}}):
        _, messages = load(merge(values, changes))
        key = ".".join(next(iter(leaves(changes))))
        assert any(message.startswith(f"{key}: ") for message in messages), (key, messages)


def test_missing_key_is_named(values):
    del values["crop"]["margin_mm"]
    assert [m.split(":")[0] for m in load(values)[1]] == ["crop.margin_mm"]


def test_wrong_type_is_named_with_what_was_found(values):
    _, messages = load(merge(values, {"train": {"learning_rate": "fast"}}))
    assert any(m.startswith("train.learning_rate: ") and '"fast"' in m for m in messages)


def test_wrong_key_of_a_run_is_named(values):
    _, messages = load(merge(values, {"runs": {"gan": {"weights": {"stru": -1}}}}))
    assert any(message.startswith("runs.gan.weights.stru: ") for message in messages)


def test_unknown_enabled_run_is_refused(values):
    _, messages = load(merge(values, {"enabled_runs": ["theirs"]}))
    assert any("'theirs'" in message for message in messages)


def test_an_observer_must_see_every_run(values):
    runs = len(values["enabled_runs"])
    assert load(merge(values, {"rate": {"images": runs + 1 + 8}}))[1] == []
    (message,) = load(merge(values, {"rate": {"images": runs + 8}}))[1]
    assert message.startswith(f"rate.images: expected at least {runs + 9}")


def test_all_problems_come_at_once(values):
    _, messages = load(merge(values, {"corp": 1, "crop": {"margin_mm": -1}, "split": {"val": 2}}))
    assert len(messages) == 3


def test_section_comes_from_json_or_from_a_file(values):
    settings = project.parse(SynthesizeSettings, values["synthesize"], "synthesize")
    assert load_section(SynthesizeSettings, settings.model_dump_json(), "synthesize") == settings
    assert load_section(SynthesizeSettings, str(CONFIG), "synthesize") == settings


@pytest.mark.parametrize("text", ["{not json", "no/such/file.yaml"])
def test_section_from_neither_is_one_message(text):
    with pytest.raises(InputError, match="expected"):
        load_section(CropSettings, text, "crop")
