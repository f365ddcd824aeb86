"""Training on MR matched to ultrasound: which runs do, and what they see of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import CONFIG
from phantom_learn import batch, settings, some_slices, write_cohort
from phantom_train import train

from ssus2mri import plan, slices
from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.infer.synthesize import run_synthesize
from ssus2mri.learn.data.augment import move
from ssus2mri.learn.data.batches import Batches, draw_epoch
from ssus2mri.learn.data.dataset import Data, load
from ssus2mri.learn.data.pool import pool
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.manifest import Manifest, Row

ALONE = World(torch.device("cpu"))


def cohort(folder: Path) -> tuple[list[Path], Path]:
    """Slice files, and a folder of MR matched to the ultrasound among them."""
    paths, matched = write_cohort(folder), folder / "match"
    for path in paths:
        us = slices.read(path)
        if us.header.modality == "us":
            slices.write(replace(us, image=us.image / 2), matched / path.name)
    return paths, matched


def test_training_data_come_with_their_match(tmp_path):
    paths, matched = cohort(tmp_path)
    data = load(paths, matched=matched)
    for us in (data.us, data.val_us):
        torch.testing.assert_close(us.matched, us.image / 2)
    assert data.mr.matched is None
    assert load(paths).us.matched is None


def test_a_match_of_other_slices_is_refused(tmp_path):
    paths, matched = cohort(tmp_path)
    slices.write(some_slices("us-b", count=3), matched / "us-b.h5")
    with pytest.raises(InputError, match=r"us-b.h5: expected the 4 slices .* found 3 others"):
        load(paths, matched=matched)
    (matched / "us-b.h5").unlink()
    with pytest.raises(InputError, match=r"us-b\.h5"):
        load(paths, matched=matched)


def test_the_match_moves_with_its_slice():
    chosen = settings("ours_match", augment={"rotation_deg": 10.0, "shift": 0.1})
    us = some_slices("us-a", count=6)
    us_pool = replace(pool([us]), matched=torch.from_numpy(us.image) / 2)
    data = Data(us_pool, pool([some_slices("mr-a", modality="mr")]), us_pool, pool([]), ())
    batches = Batches(data, chosen, ALONE.device, ALONE, truth=False)
    draws = draw_epoch(data, 3, 2, torch.Generator().manual_seed(0))
    augmented, rows = batches.augmented(draws, 2), draws.us[2]
    plane, images = us_pool.plane[rows], us_pool.images(rows)
    expected = move(images / 2, plane, draws.us_draws[2], chosen.augment)
    torch.testing.assert_close(augmented.matched, expected, atol=1e-3, rtol=0)
    plain = batches.plain(batches.us, rows, batches.mr, draws.mr[2]).matched
    torch.testing.assert_close(plain, images / 2, atol=1e-3, rtol=0)


def test_the_term_pulls_the_synthesis_to_the_match():
    objective, inputs = make_objective(settings("ours_match")), batch()
    term = objective.generator_terms(inputs)[0]["match"]
    synthetic = objective.generator.translate(inputs.us, reconstruct=True).mr
    assert term.item() == pytest.approx((synthetic - inputs.matched).abs().mean().item())
    term.backward()
    assert objective.generator.decoder_c.blocks[-1][2].weight.grad.abs().sum() > 0
    assert objective.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0


def test_without_the_term_nothing_changes():
    """Ours is the source's: it does not see the match."""
    objective = make_objective(settings())
    other = make_objective(settings())
    outcome = objective.generator_terms(batch())
    torch.testing.assert_close(
        outcome, other.generator_terms(replace(batch(), matched=None)), atol=0, rtol=0
    )


def test_a_run_says_that_it_needs_the_match(tmp_path):
    paths, _ = cohort(tmp_path)
    with pytest.raises(InputError, match=r"run ours_match: expected the folder of matched MR"):
        train(tmp_path / "out", paths, "ours_match")


def test_a_run_trains_on_the_match_and_on_others_anew(tmp_path):
    paths, matched = cohort(tmp_path)
    first = train(tmp_path / "a", paths, "ours_match", matched=matched)
    for path in matched.glob("*.h5"):
        us = slices.read(path)
        slices.write(replace(us, image=us.image * 0), path)
    second = train(tmp_path / "b", paths, "ours_match", matched=matched)
    assert first[1] != second[1]
    assert b"val_match" in first[1]
    assert b"val_anatomy" in first[1]


def test_matched_offers_the_match_itself(tmp_path):
    paths, matched = cohort(tmp_path)
    train(tmp_path / "out", paths, "matched")
    test = some_slices("us-t", split="test")
    slices.write(test, tmp_path / "us-t.h5")
    slices.write(replace(test, image=test.image / 4), matched / "us-t.h5")
    options = {
        "run": "matched",
        "out": tmp_path / "made",
        "settings": SynthesizeSettings(
            batch_size=2,
            gpu_batch_size=2,
            mixed_precision=True,
            fuse=True,
            allow_seen_subjects=False,
        ),
        "threads": 1,
    }
    model = tmp_path / "out" / "model.safetensors"
    run_synthesize(model, [tmp_path / "us-t.h5"], **options, matched=matched)
    image = slices.read(tmp_path / "made" / "us-t.h5").image
    np.testing.assert_array_equal(image, (test.image / 4) * test.head)
    with pytest.raises(InputError, match="folder of matched MR"):
        run_synthesize(model, [tmp_path / "us-t.h5"], **options)


def test_only_runs_that_need_the_match_wait_for_it():
    values = load_yaml(CONFIG)
    assert plan.needs_match(values, "ours_match", "train", "val")
    assert not plan.needs_match(values, "ours_match", "test")
    assert plan.needs_match(values, "matched", "test")
    assert not plan.needs_match(values, "matched", "train")
    assert not plan.needs_match(values, "ours", "train")
    edited = merge(values, {"match": {"window_mm": 9.0}})
    row = Row(volume="m", subject="m", modality="mr", image="m.mha", ga_weeks=23, split="train")
    table = Manifest({"m": row})

    def inputs(config: dict, run: str) -> str:
        return plan.training_inputs(config, plan.project.load(config)[0], table, run)

    assert inputs(values, "ours") == inputs(edited, "ours")
    assert inputs(values, "ours_match") != inputs(edited, "ours_match")


def test_runs_that_need_the_match_need_mr_volumes():
    values = load_yaml(CONFIG)
    plane = Row(
        **{"volume": "p", "subject": "p", "modality": "mr", "image": "p.png", "ga_weeks": 23},
        **{"split": "train", "plane": "axial", "pixel_mm": 0.5},
    )
    table = Manifest({"p": plane})
    values["enabled_runs"] = ["ours", "ours_match", "matched"]
    messages = plan.unmatchable(values, table)
    assert [message.split(":")[0] for message in messages] == [
        "enabled_runs, run ours_match",
        "enabled_runs, run matched",
    ]
    assert "expected a 3D MR volume of split train" in messages[0]
