"""Images of known likeness."""

import pytest
import torch
from phantom_learn import settings

from ssus2mri.learn.criterion import (
    Criterion,
    content_difference,
    nearest_mr,
    pyramid,
    self_similarity,
)
from ssus2mri.learn.data.pool import Pool

COUNT, SIZE = 12, 64


def smooth(seed: int, width: int = 5) -> torch.Tensor:
    """Slices of blobs, ``(COUNT, SIZE, SIZE)`` in [0, 1]."""
    noise = torch.rand(COUNT, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    blobs = torch.nn.functional.avg_pool2d(noise, width, 1, width // 2)[:, 0]
    return (blobs - blobs.amin()) / (blobs.amax() - blobs.amin())


def pool(images: torch.Tensor) -> Pool:
    number = torch.arange(len(images))
    beside = number[:, None].expand(-1, 2)
    return Pool(images.half(), (number % 3).byte(), (number // 3).short(), number.float(), beside)


HEAD = torch.ones(COUNT, SIZE, SIZE, dtype=torch.bool)
REAL = pool(smooth(0))


def criterion(**weights) -> Criterion:
    chosen = settings(criterion=weights).criterion
    return Criterion(chosen, REAL, REAL.plane, REAL.index, HEAD, seed=0)


def test_texture_of_the_same_slices_is_zero():
    assert criterion().texture(REAL.image.float()) == 0


def test_texture_tells_how_far_slices_are_from_mr():
    judge = criterion()
    another = judge.texture(smooth(1))
    blurred = judge.texture(torch.nn.functional.avg_pool2d(smooth(1)[:, None], 9, 1, 4)[:, 0])
    rough = judge.texture(smooth(1, width=3))
    brighter = judge.texture(smooth(1) + 0.2)
    assert another < 0.5 * min(blurred, rough, brighter)


def test_texture_is_in_grey_levels():
    # The mean of |x| of a Gaussian is 0.8 of its deviation, whatever the direction; of the sizes
    # 64, 32 and 16 only the last sees a constant.
    black, bright = torch.zeros(COUNT, SIZE, SIZE), torch.full((COUNT, SIZE, SIZE), 0.3)
    chosen = settings(criterion={"directions": 2000}).criterion
    mr = pool(black)
    texture = Criterion(chosen, mr, mr.plane, mr.index, HEAD, seed=0).texture(bright)
    assert 0.6 * 0.8 * 0.3 / 3 < texture < 0.8 * 0.3 / 3  # less, as patches reach over the border


def test_judging_again_gives_the_same_and_weights_count():
    synthetic, us = smooth(2)[:, None], smooth(3)[:, None]
    parts = criterion(texture=2.0, content=3.0).judge(synthetic, us, None)
    assert parts == criterion(texture=2.0, content=3.0).judge(synthetic, us, None)
    assert parts["criterion"] == pytest.approx(2 * parts["texture"] + 3 * parts["content"])


def test_anatomy_is_the_difference_to_matched_mr_within_the_head():
    matched = smooth(5)
    judge = criterion(texture=2.0, content=3.0, anatomy=4.0)
    judge.head = HEAD.clone()
    judge.head[:, :, 20:] = False
    synthetic = (matched + 0.125 * judge.head + 0.5 * ~judge.head)[:, None]
    parts, without = (judge.judge(synthetic, smooth(3)[:, None], m) for m in (matched, None))
    assert parts["anatomy"] == pytest.approx(0.125, abs=1e-6)
    assert parts["criterion"] == pytest.approx(without["criterion"] + 4 * 0.125, abs=1e-5)
    assert "anatomy" not in without


def test_content_does_not_depend_on_modality_but_on_structure():
    image = smooth(4)
    assert content_difference(image, image, HEAD) == 0
    assert content_difference(1 - image, image, HEAD) == pytest.approx(0, abs=1e-5)
    scaled = content_difference(0.4 * image + 0.3, image, HEAD)
    shifted = content_difference(image.roll(6, 2), image, HEAD)
    assert scaled < 0.01 < 0.1 < shifted


def test_content_looks_within_the_head_only():
    image, head = smooth(4), HEAD.clone()
    head[:, :, 32:] = False
    changed = torch.where(torch.arange(SIZE) < 40, image, 1 - image.flip(1))
    assert content_difference(changed, image, head) < 0.01
    assert content_difference(changed, image, HEAD) > 0.03


def test_self_similarity_of_an_edge():
    image = torch.zeros(1, SIZE, SIZE)
    image[:, :, SIZE // 2 :] = 1
    up, down, left, right = self_similarity(image)[0, :, 20, SIZE // 2]
    assert up == down == 1  # along the edge all is alike
    assert max(left, right) < 0.3


def test_pyramid_adds_up_and_ends_at_16_pixels():
    levels = pyramid(smooth(5))
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    image = levels[-1][:, None]
    for level in levels[-2::-1]:
        size = level.shape[-2:]
        image = torch.nn.functional.interpolate(image, size, mode="bilinear") + level[:, None]
    torch.testing.assert_close(image[:, 0], smooth(5), atol=1e-5, rtol=0)
    assert [level.shape[-1] for level in pyramid(torch.zeros(1, 160, 160))] == [160, 80, 40, 20]


def test_nearest_is_of_the_same_plane():
    rows = nearest_mr(REAL, torch.tensor([0, 1, 2]), torch.tensor([1, 90, 0]))
    assert rows.tolist() == [3, 10, 2]
