"""The learned atlas: what it gives at a place, and that a generator reads it."""

import pytest
import torch

from ssus2mri.models.encoder_decoder import Shape
from ssus2mri.models.generator import Generator
from ssus2mri.models.learned_atlas import LearnedAtlas, Place

SMALL = Shape(2, 4, (3, 2), norm="none", activation="relu", output="none")


def inputs(plane: int, index: int, ga_weeks: float = 24.0) -> tuple[torch.Tensor, ...]:
    return torch.tensor([plane]), torch.tensor([index]), torch.tensor([ga_weeks])


def place(plane: int, index: int, ga_weeks: float = 24.0) -> Place:
    return Place(*inputs(plane, index, ga_weeks))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_ramp_along_a_plane_is_read_at_its_index(plane: int) -> None:
    """Features equal to their position along an axis: an index reads its own position."""
    atlas = LearnedAtlas(1)
    ramp = (torch.arange(32.0) + 0.5) / 32
    shape = [1, 1, 1]
    shape[plane] = 32
    with torch.no_grad():
        atlas.features[0] = ramp.view(shape)
    for index in (8, 20, 47):
        read = atlas(place(plane, index), 64)
        assert read.shape == (1, 1, 64, 64)
        torch.testing.assert_close(read, torch.full_like(read, (index + 0.5) / 64))


def test_rows_and_columns_are_those_of_the_slice() -> None:
    """A coronal slice has z as rows and x as columns (`ssus2mri.slicing`)."""
    atlas = LearnedAtlas(1)
    with torch.no_grad():
        atlas.features[0, 4, :, 25] = 1.0  # z 4, x 25
    read = atlas(place(1, 10), 32)[0, 0]
    assert torch.nonzero(read == read.max()).tolist() == [[4, 25]]


def test_features_change_linearly_with_age() -> None:
    atlas = LearnedAtlas(1)
    with torch.no_grad():
        atlas.features[0], atlas.features[1] = 2.0, 0.5
    for ga_weeks, value in ((24.0, 2.0), (30.0, 2.5), (18.0, 1.5)):
        assert atlas(place(0, 3, ga_weeks), 32).unique().item() == pytest.approx(value)


def test_a_generator_reads_it_where_the_slice_lies() -> None:
    torch.manual_seed(0)  # some first weights of so small a network give the same grey everywhere
    network = Generator(
        SMALL,
        neighbours=0,
        attention_level=0,
        attention_channels=1,
        locator_channels=(),
        reconstruct=False,
        encode_back=False,
        infer_back=False,
        atlas_channels=3,
    )
    assert network.atlas is not None
    us = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(us, *inputs(0, 3)).mr, network(us, *inputs(0, 50)).mr)  # still 0
    with torch.no_grad():
        network.atlas.features[:3] = torch.rand(
            3, 32, 32, 32, generator=torch.Generator().manual_seed(1)
        )
    assert not torch.equal(network(us, *inputs(0, 3)).mr, network(us, *inputs(0, 50)).mr)
    with pytest.raises(ValueError, match="place"):
        network.translate(us, reconstruct=False)
