import json

import pytest
from conftest import CONFIG, ROOT

from ssus2mri import plan
from ssus2mri.config.base import load_yaml, merge, parse
from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.errors import InputError
from ssus2mri.manifest import Manifest, Row

NEEDED = [
    Row(volume="u1", subject="a", modality="us", image="u1.mha", ga_weeks=23, split="train"),
    Row(volume="u2", subject="b", modality="us", image="u2.mha", ga_weeks=23, split="test"),
]


def mr(volume: str, ga_weeks: float, split: str = "train", labels: str = "l.nii") -> Row:
    image = f"{volume}.nii.gz" if volume[0] == "m" else f"results/simulate/{volume}.nii.gz"
    return Row(
        volume=volume,
        subject=volume,
        modality="mr",
        image=image,
        ga_weeks=ga_weeks,
        split=split,
        labels=labels,
    )


def table(*rows: Row) -> Manifest:
    return Manifest({row.volume: row for row in [*NEEDED, *rows]})


def atlas(volume: str, *rows: Row) -> str | None:
    values = {"volume": volume, "ga_weeks": 23, "size": 64, "spacing_mm": 1.5}
    row = plan.choose_atlas(parse(AtlasSettings, values, "atlas"), table(*rows))
    return row and row.volume


def test_auto_takes_the_training_mr_with_labels_nearest_in_age():
    assert atlas("auto", mr("m1", 21), mr("m2", 24), mr("m3", 24)) == "m2"
    assert atlas("auto", mr("m1", 21), mr("m2", 23, split="test")) == "m1"
    assert atlas("auto", mr("m1", 21), mr("m2", 23, labels="")) == "m1"


def test_auto_without_real_labels_is_the_built_in_anatomy():
    assert atlas("auto") is None
    assert atlas("auto", mr("m1", 23, labels=""), mr("s1", 23)) is None


def test_a_name_or_the_built_in_anatomy_can_be_asked_for():
    assert atlas("m1", mr("m1", 30, split="test"), mr("m2", 23)) == "m1"
    assert atlas("built-in", mr("m1", 23)) is None


@pytest.mark.parametrize("name", ["m9", "u1", "s1", "mtest", "bare"])
def test_a_volume_that_cannot_define_the_space_is_refused(name):
    """One of the subject of a test ultrasound neither: training would be brought to its shape."""
    tested = next(row for row in NEEDED if row.split == "test").subject
    of_test = mr("mtest", 23, split="test").model_copy(update={"subject": tested})
    rows = mr("m1", 23), mr("s1", 23), mr("mbare", 23, labels=""), of_test
    with pytest.raises(InputError, match=r"^atlas\.volume: expected"):
        atlas("mbare" if name == "bare" else name, *rows)


@pytest.fixture
def values() -> dict:
    return load_yaml(CONFIG)


def test_renaming_a_run_trains_nothing_again(values):
    renamed = merge(values, {"runs": {"gan": {"label": "Another"}}})
    assert plan.run_json(values, "gan") == plan.run_json(renamed, "gan")
    assert json.loads(plan.setting_by_run(renamed, "label"))["gan"] == "Another"


def test_labels_keep_the_order_of_the_runs(values):
    values["enabled_runs"] = ["gan", "ours"]
    assert list(json.loads(plan.setting_by_run(values, "label"))) == ["gan", "ours"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"crop": {"margin_mm": 9.0}}, False),
        ({"train": {"seed": 5}}, False),
        ({"train": {"compile": True}}, False),
        ({"train": {"checkpoint_minutes": 3, "device_share": 0.1, "tensorboard": True}}, True),
        ({"runs": {"gan": {"label": "Another"}}}, True),
        ({"runs": {"gan": {"weights": {"app": 3.0}}}}, False),
        ({"runs": {"ae": {"seed": 3}}}, True),
        ({"register": {"slices_per_volume": 3}}, True),
        ({"render": {"title": "Another"}}, True),
    ],
)
def test_checkpoints_are_resumed_with_the_same_inputs_only(values, changes, same):
    def inputs(values: dict, *rows: Row) -> str:
        settings, messages = plan.project.load(values)
        assert settings is not None, messages
        return plan.training_inputs(values, settings, table(*rows), "gan")

    before = inputs(values, mr("m1", 23))
    assert (inputs(merge(values, changes), mr("m1", 23)) == before) is same
    assert inputs(values, mr("m1", 23), mr("m2", 23)) != before
    assert inputs(values, mr("m1", 23), mr("m2", 23, split="test")) == before


def test_whole_project_is_checked(values, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings, rows, chosen = plan.load(values)
    assert settings.manifest == "data_manifest.csv"
    assert chosen is None
    assert len(rows.where(modality="us", split="train")) == 8


def test_everything_wrong_with_the_configuration_comes_at_once(values):
    with pytest.raises(InputError) as error:
        plan.load(merge(values, {"corp": 1, "crop": {"margin_mm": -1}}))
    assert len(str(error.value).splitlines()) == 2


def test_demo_cohort_is_the_one_described():
    rows = plan.manifest.read(ROOT / "data_manifest.csv", val=0.1, test=0.2)
    count = {
        (modality, split): len(rows.where(modality=modality, split=split))
        for modality in ("us", "mr")
        for split in ("train", "val", "test")
    }
    assert count == {
        ("us", "train"): 8,
        ("us", "val"): 1,
        ("us", "test"): 4,
        ("mr", "train"): 2,
        ("mr", "val"): 0,
        ("mr", "test"): 4,
    }
    pairs = [{row.subject for row in rows.where(modality=m, split="test")} for m in ("us", "mr")]
    assert pairs[0] == pairs[1]
    assert all(row.simulated for row in rows.rows.values())
    pathologies = {row.volume: row.pathology for row in rows.rows.values() if row.pathology}
    assert pathologies == dict.fromkeys(("us-15", "mr-15"), "severe_ventriculomegaly")


def sick(pathology: str) -> Row:
    return mr("s9", 23, "test").model_copy(update={"pathology": pathology})


def test_simulate_is_told_only_the_own_pathology(values):
    settings = plan.project.load(values)[0]
    told = json.loads(plan.pathology_json(settings, sick("cyst")))
    assert told == values["pathologies"]["cyst"]
    assert plan.pathology_json(settings, sick("")) == ""
    edited = merge(values, {"pathologies": {"bleed": {"diameter_mm": 9.0}}})
    again = plan.project.load(edited)[0]
    for name in values["pathologies"]:
        same = plan.pathology_json(settings, sick(name)) == plan.pathology_json(again, sick(name))
        assert same is (name != "bleed")


def test_unknown_pathology_is_named_with_the_known_ones(values):
    settings = plan.project.load(values)[0]
    messages = plan.unknown_pathologies(settings, table(sick("flu")))
    assert len(messages) == 1
    assert "volume s9, column pathology: expected one of absent_cavum, " in messages[0]
    assert "found 'flu'" in messages[0]
    assert plan.unknown_pathologies(settings, table(sick("cyst"))) == []


def test_pathology_of_a_wrong_kind_is_refused(values):
    wrong = merge(values, {"pathologies": {"flu": {"kind": "flu"}, "cyst": {"diameter_mm": -1}}})
    messages = plan.project.load(wrong)[1]
    assert len(messages) == 2
    assert messages[0].startswith("pathologies.")
