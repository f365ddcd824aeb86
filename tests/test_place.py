"""Training MR by place, and what a run does with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantom_learn import SIZE, batch, settings, some_slices

from ssus2mri.errors import InputError
from ssus2mri.learn.augment import move
from ssus2mri.learn.dataset import Data, pool
from ssus2mri.learn.feed import Feed, plan
from ssus2mri.learn.losses import place_loss
from ssus2mri.learn.methods import objective
from ssus2mri.learn.parallel import World
from ssus2mri.learn.place import mr_by_place

ALONE = World(torch.device("cpu"))


def volume(name: str, places: list[tuple[int, int]], grey: float, modality: str = "mr"):
    """Give slices of one grey at (plane, index)."""
    made = some_slices(name, modality=modality, count=len(places))
    plane, index = np.array(places).T
    image = np.full_like(made.image, grey)
    return replace(made, image=image, plane=plane.astype(np.uint8), index=index.astype(np.int16))


def test_a_place_has_the_mean_of_its_slices_or_the_nearest():
    mr = pool([volume("a", [(0, 10), (0, 20)], 0.25), volume("b", [(0, 20), (1, 5)], 0.75)])
    us = pool([volume("us", [(0, 1), (1, 60)], 0.5, "us")])
    found = mr_by_place(mr, us)
    assert found.shape == (3, SIZE, SIZE, SIZE)
    grey = found[:, :, 7, 9]
    assert grey[0, [0, 10, 14, 15, 16, 20, 63]].tolist() == [
        *(0.25, 0.25, 0.25),  # nearer to the first
        pytest.approx((0.25 + 0.25 + 0.75) / 3, abs=1e-3),  # as far from all three
        *(0.5, 0.5, 0.5),
    ]
    assert (grey[1] == 0.75).all()
    assert (found[2] == 0).all()


def test_a_plane_of_the_ultrasound_must_be_in_the_mr():
    mr, us = pool([volume("a", [(0, 10)], 1)]), pool([volume("us", [(2, 10)], 1, "us")])
    with pytest.raises(InputError, match=r"`place`.*none of plane sagittal"):
        mr_by_place(mr, us)


def test_place_loss_by_hand():
    made, atlas = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    made[..., ::2], atlas[..., 1::2] = 1, 1  # fine stripes, shifted: the same from afar
    assert place_loss(made, atlas, 2).item() == 0
    assert place_loss(made, atlas, 4).item() == 1
    assert place_loss(made + 0.5, atlas, 2).item() == 0.5


def test_the_atlas_is_of_the_slices_place_and_moves_with_it():
    known = settings("ours_place", augment={"rotation_deg": 10.0, "shift": 0.1})
    us, mr = some_slices("us-a", count=6), some_slices("mr-a", modality="mr", count=6)
    data = Data(pool([us]), pool([mr]), pool([us]), pool([]), ())
    feed = Feed(data, known, ALONE.device, ALONE, truth=False)
    drawn = plan(data, 3, 2, torch.Generator().manual_seed(0))
    made = feed.batch(drawn, 2)
    rows = drawn.us[2]  # of the MR too: these are at the same places
    unmoved = data.mr.images(rows)
    expected = move(unmoved, data.us.plane[rows], drawn.us_draws[2], known.augment)
    torch.testing.assert_close(made.atlas, expected)
    given = data.us.images(rows)
    torch.testing.assert_close(
        made.us, move(given, data.us.plane[rows], drawn.us_draws[2], known.augment)
    )
    torch.testing.assert_close(feed.plain(feed.us, rows, feed.mr, rows).atlas, unmoved)
    without = Feed(data, settings(), ALONE.device, ALONE, truth=False)
    assert without.places is None
    assert without.batch(drawn, 2).atlas is None


def test_the_term_pulls_the_synthesis_to_the_atlas():
    made, one = objective(settings("ours_place", place_cells=8)), batch()
    term = made.generator_terms(one)[0]["place"]
    synthetic = made.generator.translate(one.us, reconstruct=True).mr
    assert term.item() == pytest.approx(place_loss(synthetic, one.atlas, 8).item())
    term.backward()
    assert made.generator.decoder_c.blocks[-1][2].weight.grad.abs().sum() > 0
    assert made.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0


def test_without_the_term_nothing_changes():
    """Ours is the source's: it neither sees the atlas nor another batch."""
    made = objective(settings())
    terms, pairs = made.generator_terms(batch())
    again, others = made.generator_terms(replace(batch(), atlas=None))
    assert list(terms) == list(again)
    torch.testing.assert_close((terms, pairs), (again, others), atol=0, rtol=0)
