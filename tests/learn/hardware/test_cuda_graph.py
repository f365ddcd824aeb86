"""A recorded step does what the step does that it was recorded from; needs a GPU."""

from dataclasses import replace

import pytest
import torch
from phantom_learn import batch, settings, some_slices

from ssus2mri.learn.data.dataset import Data, pool
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.hardware.cuda_graph import RecordedStep
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.loop import Loop, Request
from ssus2mri.learn.objectives.make import make_objective

MOVED = ("mr", "plane", "index", "truth", "matched")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="only a GPU records")


def prepared(*, recorded=True, **changes):
    known = settings(
        "ours", mixed_precision=False, steps_per_epoch=6, halve_every=1, norm_batches=1, **changes
    )
    us, mr = (pool([some_slices(name, modality=name, count=9)]) for name in ("us", "mr"))
    made = make_objective(known)
    made.replayable = recorded
    nothing = pool([])
    return Loop(made, Data(us, mr, nothing, nothing, ()), known, World(devices.prepare(1)))


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
    recorded, written = (train(prepared(recorded=one, learning_rate=3e-3)) for one in (True, False))
    assert isinstance(recorded.update, Replay)
    assert recorded.update.calls == 12
    for one, other in zip(recorded.history, written.history, strict=True):
        assert one == pytest.approx(other, rel=1e-3)
    pairs = zip(
        recorded.average.state_dict().items(), written.average.state_dict().values(), strict=True
    )
    for (name, one), other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3, msg=name)


def test_every_step_gets_its_own_batch_and_keeps_its_own_terms():
    total = torch.zeros((), device="cuda")

    def update(batch):
        total.add_(batch.us.sum())
        return {"total": total, "twice": 2 * total}

    step = RecordedStep(update)
    found = []
    for number in range(8):
        one = batch(8)
        value = torch.full_like(one.us, number / one.us.numel())
        one = replace(one, us=value, **{name: getattr(one, name).cuda() for name in MOVED})
        found.append(step(replace(one, us=value.cuda())))
    sums = [float(number * (number + 1) / 2) for number in range(8)]
    assert [float(one["twice"]) for one in found] == pytest.approx([2 * one for one in sums])
    assert [float(one["total"]) for one in found[3:]] == pytest.approx(sums[3:])


def test_a_training_goes_on_from_what_was_kept_of_a_recorded_one():
    whole, half = train(prepared()), train(prepared(), stop=1)
    resumed = prepared()
    restore(resumed, state(half))
    train(resumed)
    assert resumed.history[1] == pytest.approx(whole.history[1], rel=1e-3)
