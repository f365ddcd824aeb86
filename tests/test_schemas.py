import json

import pytest
from conftest import ROOT

from ssus2mri.schemas import FOLDER, schemas


@pytest.mark.parametrize("name", sorted(schemas()))
def test_committed_schema_is_that_of_the_models(name):
    committed = (ROOT / FOLDER / name).read_text(encoding="utf-8")
    assert committed == schemas()[name], "run `python -m ssus2mri.schemas`"


def test_every_object_of_the_configuration_refuses_unknown_keys():
    schema = json.loads(schemas()["config.schema.json"])
    objects = [schema, *schema["$defs"].values()]
    assert all(each["additionalProperties"] is False for each in objects)


@pytest.mark.parametrize("name", sorted(schemas()))
def test_every_key_is_described_or_is_a_section_of_its_own(name):
    schema = json.loads(schemas()[name])
    undescribed = [
        f"{title}.{key}"
        for title, model in [(name, schema), *schema.get("$defs", {}).items()]
        for key, leaf in model["properties"].items()
        if not ({"description", "$ref"} & set(leaf))
    ]
    assert undescribed == []
