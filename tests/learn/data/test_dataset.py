"""Slices in memory, and the batches drawn from them."""

import os
import weakref
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from phantom_learn import settings, some_slices, write_cohort

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.learn.data import dataset
from ssus2mri.learn.data.augment import move
from ssus2mri.learn.data.batches import Batches, draw_epoch
from ssus2mri.learn.data.pool import Pool, draw, pool, spread
from ssus2mri.learn.hardware.parallel import World

ALONE = World(torch.device("cpu"))


def with_truth(volume: str, **header) -> slices.Slices:
    """Slices whose truth is the slice, upside down."""
    volume_slices = some_slices(volume, **header)
    return replace(volume_slices, truth=volume_slices.image[:, ::-1].copy())


def run_of_slices() -> Pool:
    """Axial 10, 11, 12 out of order, coronal 50 at 11, then another volume's axial 99 at 12."""
    volume = some_slices("us-a", count=4)
    image = np.ones_like(volume.image) * np.array([12, 10, 11, 50], np.float16)[:, None, None]
    first = replace(
        volume,
        image=image,
        plane=np.array([0, 0, 0, 1], np.uint8),
        index=np.array([12, 10, 11, 11], np.int16),
    )
    other = some_slices("us-b", count=1)
    other = replace(other, image=other.image * 0 + 99, index=np.array([12], np.int16))
    return pool([first, other])


def test_neighbours_are_of_the_same_volume_and_plane_and_edges_are_repeated():
    pool = run_of_slices()
    images = pool.images(torch.arange(5), neighbours=1)
    assert images.shape == (5, 3, 64, 64)
    assert images.dtype == torch.float32
    assert images[:, :, 0, 0].tolist() == [
        [11, 12, 12],
        [10, 10, 11],
        [10, 11, 12],
        [50, 50, 50],
        [99, 99, 99],
    ]
    assert pool.images(torch.tensor([2]), neighbours=2)[0, :, 0, 0].tolist() == [10, 10, 11, 12, 12]
    assert pool.images(torch.tensor([2, 0]))[:, :, 0, 0].tolist() == [[11], [12]]


def test_truth_is_kept_where_asked_for_and_for_validation(tmp_path):
    for volume in (
        with_truth("us-a"),
        with_truth("us-v", split="val"),
        some_slices("mr-a", modality="mr"),
    ):
        slices.write(volume, tmp_path / f"{volume.header.volume}.h5")
    paths = sorted(tmp_path.glob("*.h5"))
    data = dataset.load(paths)
    assert data.us.truth is None
    assert data.us.head is None
    assert torch.equal(data.val_us.truth, data.val_us.image.flip(1))
    assert torch.equal(
        data.val_us.head.flatten(1).sum(1), torch.full((4,), data.val_us.head[0].sum())
    )
    chosen = settings("paired", augment={"rotation_deg": 10.0, "gamma": 0.5})
    data = dataset.load(paths, truth=True)
    batches = Batches(data, chosen, torch.device("cpu"), ALONE, truth=True)
    draws = draw_epoch(data, 2, 2, torch.Generator().manual_seed(0))
    batch = batches.augmented(draws, 1)
    rows, us_draws = draws.us[1], draws.us_draws[1]
    unchanged = data.us.truth[rows][:, None].float()
    torch.testing.assert_close(
        batch.truth, move(unchanged, data.us.plane[rows], us_draws, chosen.augment)
    )


def test_a_batch_is_made_of_the_drawn_rows(tmp_path):
    data = dataset.load(write_cohort(tmp_path))
    still = {"mirror": False, "rotation_deg": 0.0, "scale": 0.0, "shift": 0.0}
    chosen = settings("ours_3d_i", augment=still)
    batches = Batches(data, chosen, torch.device("cpu"), ALONE, truth=False)
    draws = draw_epoch(data, 3, 2, torch.Generator().manual_seed(0))
    batch = batches.augmented(draws, 2)
    rows = draws.us[2]
    torch.testing.assert_close(batch.us, data.us.images(rows, 1), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.slice, data.us.images(rows), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.mr, data.mr.images(draws.mr[2]), atol=1e-4, rtol=0)
    assert batch.plane.tolist() == data.us.plane[rows].tolist()
    assert batch.index.tolist() == data.us.index[rows].tolist()
    assert (batch.truth, batch.seed) == (None, int(draws.seeds[2]))
    assert len(set(draws.seeds.tolist())) == 3


def test_slices_that_do_not_fit_stay_outside_and_give_the_same_batches(tmp_path, monkeypatch):
    data = dataset.load(write_cohort(tmp_path))
    chosen, device = settings(augment={"gamma": 0.5}), torch.device("cpu")
    inside = Batches(data, chosen, device, ALONE, truth=False)
    needed = sum(pool.bytes() for pool in (data.us, data.mr, data.val_us, data.val_mr))
    assert needed == 64 * 64 * (2 * (8 + 3 + 4) + 4) + 15 * (1 + 2 + 4 + 16)
    monkeypatch.setattr("ssus2mri.learn.data.batches.free_memory", lambda device: 1.9 * needed)
    outside = Batches(data, chosen, device, ALONE, truth=False)
    assert (inside.resident, outside.resident) == (True, False)
    draws = draw_epoch(data, 2, 2, torch.Generator().manual_seed(0))
    resident, copied = inside.augmented(draws, 1), outside.augmented(draws, 1)
    for name in ("us", "mr", "plane", "index"):
        assert torch.equal(getattr(resident, name), getattr(copied, name))


def test_processes_share_a_batch(tmp_path):
    data = dataset.load(write_cohort(tmp_path))
    draws = draw_epoch(data, 2, 4, torch.Generator().manual_seed(0))
    whole, first, second = (
        Batches(data, settings(), world.device, world, truth=False).augmented(draws, 1)
        for world in (ALONE, World(ALONE.device, 0, 2), World(ALONE.device, 1, 2))
    )
    assert torch.equal(whole.us, torch.cat([first.us, second.us]))
    assert torch.equal(whole.mr, torch.cat([first.mr, second.mr]))
    assert first.seed == second.seed == whole.seed


def test_reading_leaves_no_file_open(tmp_path):
    paths = write_cohort(tmp_path)
    dataset.load(paths)
    before = set(os.listdir("/proc/self/fd"))
    data = dataset.load(paths)
    batches = Batches(data, settings(), torch.device("cpu"), ALONE, truth=False)
    batches.augmented(draw_epoch(data, 1, 2, torch.Generator()), 0)
    assert set(os.listdir("/proc/self/fd")) == before


def test_files_are_read_one_by_one(tmp_path, monkeypatch):
    """While a file is read, the ones before it are gone: only their slices in the pool remain."""
    paths = [tmp_path / f"us-{n}.h5" for n in range(4)] + [tmp_path / "mr-a.h5"]
    for path in paths:
        slices.write(some_slices(path.stem, modality=path.stem[:2]), path)
    alive: list[int] = []
    volumes: list[weakref.ref] = []
    read = slices.read

    def counted(path):
        alive.append(sum(volume() is not None for volume in volumes))
        volume = read(path)
        volumes.append(weakref.ref(volume))
        return volume

    monkeypatch.setattr(slices, "read", counted)
    assert len(dataset.load(paths).us) == 16
    assert len(alive) == 5
    assert max(alive) <= 1


def test_a_pool_of_volumes_of_which_one_has_no_truth_has_none():
    volumes = [with_truth("us-a"), some_slices("us-b"), with_truth("us-c")]
    for order in (volumes, volumes[::-1], volumes[1:]):
        assert pool(order, truth=True).truth is None
    whole = pool(volumes[::2], truth=True)
    assert torch.equal(whole.truth, whole.image.flip(1))
    assert whole.beside.max() < 8


def test_an_empty_pool_has_the_same_parts():
    empty, full = pool([]), pool([some_slices("us-a")])
    for field in fields(Pool):
        assert (getattr(empty, field.name) is None) == (getattr(full, field.name) is None)


def test_draw_shows_every_slice_once_before_any_twice():
    drawn = draw(5, 13, torch.Generator().manual_seed(0)).tolist()
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert len(drawn) == 13
    assert drawn == draw(5, 13, torch.Generator().manual_seed(0)).tolist()


def test_spread():
    assert spread(10, 4).tolist() == [0, 2, 5, 7]
    assert spread(2, 4).tolist() == [0, 1]
    assert spread(0, 4).tolist() == []


@pytest.mark.parametrize(
    ("volume", "changes", "message"),
    [
        ("us-a", {"split": "test"}, "Leave test volumes out"),
        ("mr-a", {}, "at least one training slice of modality mr"),
    ],
)
def test_unfit_slice_files(tmp_path, volume, changes, message):
    paths = write_cohort(tmp_path)
    slices.write(some_slices(volume, modality="us", **changes), tmp_path / f"{volume}.h5")
    with pytest.raises(InputError, match=message):
        dataset.load(paths)


def test_volumes_of_uncertain_pose_are_not_trained_on(tmp_path, caplog):
    paths = write_cohort(tmp_path)
    certain = dataset.load(paths)
    slices.write(some_slices("us-b", uncertain=True), tmp_path / "us-b.h5")
    data = dataset.load(paths)
    assert len(data.us) < len(certain.us)
    assert "us-b" in caplog.text
    slices.write(some_slices("us-a", uncertain=True), tmp_path / "us-a.h5")
    with pytest.raises(InputError, match="none; uncertain of their pose: us-a, us-b"):
        dataset.load(paths)


def test_slices_of_two_sizes(tmp_path):
    paths = write_cohort(tmp_path)
    volume = some_slices("us-a")
    small = replace(volume, image=volume.image[:, :32, :32], head=volume.head[:, :32, :32])
    slices.write(small, paths[0])
    with pytest.raises(InputError, match=r"slices of one size.*\(32, 32\) and \(64, 64\)"):
        dataset.load(paths)
