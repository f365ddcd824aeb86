"""Checkpoints of a training: its state at a step, from which it resumes bit by bit.

No pickled code is ever loaded.
"""

from pathlib import Path
from typing import Any

import torch

from ssus2mri.errors import InputError
from ssus2mri.learn.loop import Loop
from ssus2mri.learn.model_file import SEAL, content_hash, writing

LATEST = "latest.pt"


def get_state(loop: Loop) -> dict[str, Any]:
    """Return all that another loop needs to continue; all processes must call it together.

    Returns:
        Tensors, numbers, strings, lists and dicts of these. Random numbers are those at the start
        of the epoch, which is drawn again and continued at its step.
    """
    loop.flush_losses()
    memory = {name: tensor.cpu() for name, tensor in loop.objective.memory.state_dict().items()}
    return {
        "generator": loop.objective.generator.state_dict(),
        "helpers": loop.objective.helpers.state_dict(),
        "discriminators": loop.objective.discriminators.state_dict(),
        "memory": loop.world.gather(memory),
        "average": loop.average.state_dict(),
        "optimisers": [optimiser.state_dict()["state"] for optimiser in loop.optimisers],
        "random": loop.random_at_start,
        "epoch": loop.epoch,
        "step": loop.step,
        "sums": loop.sums,
        "history": loop.history,
        "best": loop.best,
        "seconds": loop.seconds,
        "seconds_before": loop.seconds_before,
    }


def set_state(loop: Loop, state: dict[str, Any]) -> None:
    """Continue from a state of another loop.

    Args:
        loop: new, of the same settings and data. With another number of processes, each continues
            with the memory of one of the earlier ones.
        state: as `get_state` returned it.
    """
    objective, memory = loop.objective, state["memory"]
    objective.generator.load_state_dict(state["generator"])
    objective.helpers.load_state_dict(state["helpers"])
    objective.discriminators.load_state_dict(state["discriminators"])
    objective.memory.load_state_dict(memory[loop.world.rank % len(memory)])
    loop.average.load_state_dict(state["average"])
    for optimiser, moments in zip(loop.optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    loop.generator.set_state(state["random"])
    loop.random_at_start = state["random"]
    loop.epoch, loop.step, loop.sums = state["epoch"], state["step"], state["sums"]
    loop.history, loop.best = state["history"], state["best"]
    loop.seconds, loop.seconds_before = state["seconds"], state["seconds_before"]


def write_checkpoint(folder: Path, state: dict[str, Any], identity: str) -> None:
    """Write the state of a training, whole or not at all, over the previous one.

    Args:
        folder: of this run's checkpoints.
        state: as `get_state` returned it.
        identity: hash of settings and data; another training must not continue from it.

    Raises:
        InputError: it cannot be written, as on a full disk; the previous one is intact.
    """
    with writing(folder / LATEST) as partial, partial.open("wb") as file:
        seal = content_hash([identity, state])
        torch.save({"identity": identity, "state": state, SEAL: seal}, file)


def read_checkpoint(folder: Path, identity: str) -> dict[str, Any] | None:
    """Read the state of a training.

    Returns:
        The state, on the CPU, or None if there is none.

    Raises:
        InputError: damaged, or of another training.
    """
    path = folder / LATEST
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        stored_identity, state, seal = content["identity"], content["state"], content[SEAL]
        intact = seal == content_hash([stored_identity, state])
    except Exception as error:  # torch raises many kinds for a damaged file
        raise _unusable(path, "a damaged file") from error
    if not intact:
        raise _unusable(path, "a damaged file: its content is not as it was written")
    if stored_identity != identity:
        raise _unusable(path, "one of other settings, data or code")
    return state


def _unusable(path: Path, problem: str) -> InputError:
    do = f"Delete {path.parent} to start anew."
    return InputError(str(path), expected="a checkpoint of this training", found=problem, do=do)


def remove_checkpoint(folder: Path) -> None:
    """Remove the state of a training that has ended, and its folder if that is empty then."""
    for path in (folder / LATEST, *folder.glob(f".partial-*-{LATEST}")):  # the latter after a kill
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
