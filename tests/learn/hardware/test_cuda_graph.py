"""A recorded step does what the step does that it was recorded from; needs a GPU."""

from dataclasses import replace

import pytest
import torch
from phantom_learn import batch, settings, some_slices

from ssus2mri.learn.checkpoint import get_state, set_state
from ssus2mri.learn.data.dataset import Data
from ssus2mri.learn.data.pool import pool
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.hardware.cuda_graph import RecordedStep
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.loop import Loop, Request
from ssus2mri.learn.objectives.make import make_objective

MOVED = ("mr", "plane", "index", "truth", "matched")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="only a GPU records")


def prepared(*, recorded=True, **changes):
    chosen = settings(
        "ours", mixed_precision=False, steps_per_epoch=6, halve_every=1, norm_batches=1, **changes
    )
    us, mr = (pool([some_slices(name, modality=name, count=9)]) for name in ("us", "mr"))
    objective = make_objective(chosen)
    objective.replayable = recorded
    nothing = pool([])
    return Loop(objective, Data(us, mr, nothing, nothing, ()), chosen, World(devices.prepare(1)))


def train(loop, stop=10**9):
    loop.run(
        request=lambda: Request.STOP if loop.epoch >= stop else Request.CONTINUE,
        on_step=lambda _: None,
        on_epoch=lambda _: None,
        on_save=lambda _: None,
    )
    return loop


def test_as_many_steps_give_the_same_losses_and_weights():
    # The rate halves at the second epoch, and is large: a recorded step must see that.
    recorded, plain = (
        train(prepared(recorded=wanted, learning_rate=3e-3)) for wanted in (True, False)
    )
    assert isinstance(recorded.update, RecordedStep)
    assert recorded.update.calls == 12
    for row, expected in zip(recorded.history, plain.history, strict=True):
        assert row == pytest.approx(expected, rel=1e-3)
    pairs = zip(
        recorded.average.state_dict().items(), plain.average.state_dict().values(), strict=True
    )
    for (name, value), expected in pairs:
        torch.testing.assert_close(value, expected, rtol=1e-2, atol=1e-3, msg=name)


def test_every_step_gets_its_own_batch_and_keeps_its_own_terms():
    total = torch.zeros((), device="cuda")

    def update(batch):
        total.add_(batch.us.sum())
        return {"total": total, "twice": 2 * total}

    step = RecordedStep(update)
    rows = []
    for number in range(8):
        inputs = batch(8)
        us = torch.full_like(inputs.us, number / inputs.us.numel())
        on_gpu = {name: getattr(inputs, name).cuda() for name in MOVED}
        rows.append(step(replace(inputs, us=us.cuda(), **on_gpu)))
    sums = [float(number * (number + 1) / 2) for number in range(8)]
    assert [float(row["twice"]) for row in rows] == pytest.approx([2 * total for total in sums])
    assert [float(row["total"]) for row in rows[3:]] == pytest.approx(sums[3:])


def test_a_training_resumes_from_a_recorded_one():
    whole, half = train(prepared()), train(prepared(), stop=1)
    resumed = prepared()
    set_state(resumed, get_state(half))
    train(resumed)
    assert resumed.history[1] == pytest.approx(whole.history[1], rel=1e-3)
