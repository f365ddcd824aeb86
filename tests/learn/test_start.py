"""Starting from trained weights: what fits is taken, what cannot fit is said."""

import pytest
import torch
from phantom_learn import settings

from ssus2mri.errors import InputError
from ssus2mri.learn.model_file import write_model
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.learn.start import fit_weights, start_from
from ssus2mri.weights import PACKAGED, file_digest, start_file

PLAIN = {"network": {"attention": False, "neighbours": 0, "atlas_channels": 2}}


def written(tmp_path, run: str = "simulated"):
    own = settings(run, seed=5, **PLAIN)
    state = make_objective(own).generator.state_dict()
    path = tmp_path / "model.safetensors"
    write_model(path, state, run=run, settings=own, subjects=("s1",))
    return path, state


def test_a_run_starts_from_the_network_that_knows_tissues(tmp_path):
    path, state = written(tmp_path)
    generator = make_objective(settings("ours", **PLAIN)).generator
    drawn = {name: value.clone() for name, value in generator.state_dict().items()}
    assert start_from(generator, path) == ("s1",)
    for name, value in generator.state_dict().items():
        if name.startswith(("atlas.", "encoder_a.", "decoder_c.")):
            assert torch.equal(value, state[name][: len(value)] if value.ndim else state[name])
        if name.startswith("encoder_d."):
            assert torch.equal(value, drawn[name])
    us = torch.rand(1, 1, 64, 64)
    place = torch.zeros(1, dtype=torch.long)
    start = make_objective(settings("simulated", **PLAIN)).generator
    start.load_state_dict(state)
    mr = start.eval()(us, place, place, torch.ones(1)).mr
    assert torch.allclose(generator.eval()(us, place, place, torch.ones(1)).mr, mr, atol=1e-6)


@pytest.mark.parametrize(
    ("run", "network"),
    [
        ("ours", {"encoder_channels": 5}),
        ("ours", {"neighbours": 1}),
        ("ours", {"atlas_channels": 0}),
        ("cyclegan", {}),
    ],
)
def test_another_network_is_refused(tmp_path, run, network):
    path, _ = written(tmp_path)
    changes = {"network": {**PLAIN["network"], **network}}
    with pytest.raises(InputError, match=r"ours_adapted"):
        start_from(make_objective(settings(run, **changes)).generator, path)


def test_only_tensors_of_a_fitting_shape_are_taken():
    trained = {"a": torch.ones(2, 3), "decoder_c.b": torch.arange(4.0), "c": torch.ones(4)}
    wanted = {"a": torch.zeros(2, 2), "decoder_c.b": torch.zeros(2), "c": torch.zeros(2)}
    fitted = fit_weights(trained, wanted)
    assert list(fitted) == ["decoder_c.b"]
    assert fitted["decoder_c.b"].tolist() == [0.0, 1.0]


def test_the_file_to_start_from(tmp_path):
    assert start_file("none") is None
    assert file_digest(None) == ""
    assert start_file("shipped") == PACKAGED
    with pytest.raises(InputError, match=r"train\.start .*expected `none`, `shipped`"):
        start_file(str(tmp_path / "gone.safetensors"))
    path, _ = written(tmp_path)
    assert start_file(str(path)) == path
    assert len(file_digest(path)) == 64
