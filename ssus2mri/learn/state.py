"""All that a training is at a step, so that another process ends with the same weights."""

from typing import Any

from ssus2mri.learn.loop import Loop


def state(loop: Loop) -> dict[str, Any]:
    """Take everything that another loop needs to go on; all processes must take it together.

    Args:
        loop: between two steps.

    Returns:
        Tensors, numbers, strings, lists and dicts of these. Random numbers are those at the start
        of the epoch: it is planned again, and gone on with from its step.
    """
    loop.look()
    memory = {name: one.cpu() for name, one in loop.objective.memory.state_dict().items()}
    return {
        "generator": loop.objective.generator.state_dict(),
        "helpers": loop.objective.helpers.state_dict(),
        "discriminators": loop.objective.discriminators.state_dict(),
        "memory": loop.world.gather(memory),
        "average": loop.average.state_dict(),
        "optimisers": [optimiser.state_dict()["state"] for optimiser in loop.optimisers],
        "random": loop.at_start,
        "epoch": loop.epoch,
        "step": loop.step,
        "sums": loop.sums,
        "history": loop.history,
        "best": loop.best,
        "seconds": loop.seconds,
        "spent": loop.spent,
    }


def restore(loop: Loop, known: dict[str, Any]) -> None:
    """Go on from what `state` gave.

    Args:
        loop: new, of the same settings and data; of another number of processes, each remembers
            what one of the earlier ones did.
        known: what `state` gave.
    """
    objective, memory = loop.objective, known["memory"]
    objective.generator.load_state_dict(known["generator"])
    objective.helpers.load_state_dict(known["helpers"])
    objective.discriminators.load_state_dict(known["discriminators"])
    objective.memory.load_state_dict(memory[loop.world.rank % len(memory)])
    loop.average.load_state_dict(known["average"])
    for optimiser, saved in zip(loop.optimisers, known["optimisers"], strict=True):
        optimiser.load_state_dict({**optimiser.state_dict(), "state": saved})
    loop.random.set_state(known["random"])
    loop.at_start = known["random"]
    loop.epoch, loop.step, loop.sums = known["epoch"], known["step"], known["sums"]
    loop.history, loop.best = known["history"], known["best"]
    loop.seconds, loop.spent = known["seconds"], known["spent"]
