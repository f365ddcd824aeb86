"""A project's own run reads ultrasound scaled as it was trained on."""

import pytest
from phantom_learn import settings

from ssus2mri.errors import InputError
from ssus2mri.learn.generators import make_generator
from ssus2mri.learn.model_file import write_model
from ssus2mri.prediction.network import load_network
from ssus2mri.slices import Scaling


def written(tmp_path, scaling: Scaling | None):
    path = tmp_path / "results" / "train" / "ours" / "model.safetensors"
    own = settings("ours")
    state = make_generator(own).state_dict()
    write_model(path, state, run="ours", settings=own, subjects=("s1",), us_scaling=scaling)
    return path


def test_an_own_run_scales_as_it_was_trained(tmp_path):
    network = load_network(written(tmp_path, Scaling((5.0, 90.0), 6.0)))
    extract = network.sections["extract"]
    assert (extract.us_percentiles, extract.us_depth_mm) == ([5.0, 90.0], 6.0)
    assert not network.whole_field
    packaged = load_network()
    assert packaged.blends
    assert not network.blends
    assert packaged.sections["extract"].us_percentiles != [5.0, 90.0]


def test_a_run_that_does_not_say_how_is_refused(tmp_path):
    with pytest.raises(InputError, match="how its ultrasound was scaled"):
        load_network(written(tmp_path, None))
