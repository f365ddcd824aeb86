"""Start a training from the weights of another one."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ssus2mri.errors import InputError
from ssus2mri.learn.model_file import read_model

_FORWARD = ("atlas.", "encoder_a.", "decoder_c.")
"""Parts of a generator that make MR: all their weights must come from the file."""


def start_from(generator: nn.Module, path: Path) -> tuple[str, ...]:
    """Give a generator the weights of a trained one; parts that the file lacks stay as drawn.

    Of a last layer that gives tissues too only the MR is taken.

    Returns:
        The subjects that its model was trained or validated on: the new one has seen them, too.

    Raises:
        InputError: unreadable, or of a network of another shape.
    """
    state = generator.state_dict()
    trained = read_model(path)
    fitted = fit_weights(trained.network.state_dict(), state)
    missing = [name for name in state if name.startswith(_FORWARD) and name not in fitted]
    if missing or not any(name.startswith(_FORWARD) for name in state):
        raise InputError(
            f"train.start {path}",
            expected="a model with the `network` settings of the run",
            found=f"nothing that fits {missing[0]}" if missing else "another kind of network",
            do="Give the run the channels, neighbours, norm and attention of that model; those of"
            " the packaged one are in the run `ours_adapted`.",
        )
    generator.load_state_dict({**state, **fitted})
    return trained.subjects


def fit_weights(trained: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Choose the weights that fit.

    Returns:
        Tensors of ``trained`` by name, in the shapes of ``wanted``; of a tensor with more output
        channels the first ones.
    """
    fitted: dict[str, Tensor] = {}
    for name, tensor in wanted.items():
        other = trained.get(name)
        if other is None or other.ndim != tensor.ndim:
            continue
        if other.shape == tensor.shape or (
            tensor.ndim
            and other.shape[1:] == tensor.shape[1:]
            and len(other) > len(tensor)
            and name.startswith("decoder_c.")
        ):
            fitted[name] = torch.as_tensor(other[: len(tensor)] if tensor.ndim else other).clone()
    return fitted
