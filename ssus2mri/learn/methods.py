"""The methods by name: settings in, networks out.

A trained method has an objective to minimise; an untrained one is made from the data as it is.
Both give a model that is called as ``model(us, plane, index, ga_weeks) -> mr``.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ssus2mri.config.learn import NetworkSettings, TrainSettings
from ssus2mri.learn.dataset import Pool
from ssus2mri.learn.losses import ADVERSARIAL_TERMS
from ssus2mri.learn.objectives import (
    AutoencoderObjective,
    Objective,
    SynthesisObjective,
    active,
    needs_back,
)
from ssus2mri.models.baselines import Atlas, Autoencoder, Copy
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator, Shape
from ssus2mri.models.initialise import draw_weights


def synthesis(settings: TrainSettings) -> Objective:
    """Make the networks of the method; ablations are weights of 0 and no attention."""
    network, weights = settings.network, settings.weights.model_dump()
    wanted = active(weights)
    return SynthesisObjective(
        Generator(
            _shape(network),
            attention_level=network.attention_level if network.attention else 0,
            attention_channels=network.attention_channels,
            reconstruct="lat" in wanted,
            infer_back=needs_back(wanted),
        ),
        {name: _discriminator(name, network) for name in wanted if name in ADVERSARIAL_TERMS},
        EdgeNet(**network.edges.model_dump()),
        weights=weights,
        adversarial=settings.adversarial,
    )


def autoencoder(settings: TrainSettings) -> Objective:
    """Make the autoencoder; its one term needs no weight."""
    return AutoencoderObjective(Autoencoder(_shape(settings.network)))


def atlas(mr: Pool) -> nn.Module:
    """Keep the training MR slices."""
    return Atlas(mr.image, mr.plane, mr.index, mr.ga_weeks)


TRAINED: dict[str, Callable[[TrainSettings], Objective]] = {
    "synthesis": synthesis,
    "autoencoder": autoencoder,
}
UNTRAINED: dict[str, Callable[[Pool], nn.Module]] = {
    "copy": lambda mr: Copy(),
    "atlas": atlas,
}
EMPTY: dict[str, Callable[[Mapping[str, Tensor]], nn.Module]] = {
    "copy": lambda tensors: Copy(),
    "atlas": lambda tensors: Atlas.empty(*tensors["images"].shape),
}


def objective(settings: TrainSettings) -> Objective:
    """Make the objective of a trained method, its weights drawn from ``settings.seed``.

    Args:
        settings: of the run.

    Returns:
        Networks on the CPU; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        made = TRAINED[settings.method](settings)
    random = torch.Generator().manual_seed(settings.seed)
    draw_weights(made.generator, random)
    draw_weights(made.discriminators, random)
    return made


def restore(settings: TrainSettings, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Make a model from what `train` wrote.

    Args:
        settings: of the run.
        tensors: its state.

    Returns:
        The model, for inference, on the CPU.
    """
    if settings.method in TRAINED:
        model = TRAINED[settings.method](settings).generator
    else:
        model = EMPTY[settings.method](tensors)
    model.load_state_dict(dict(tensors))
    return model.eval().requires_grad_(False)


def _shape(network: NetworkSettings) -> Shape:
    names = ("encoder_channels", "decoder_channels", "final_channels", "norm", "activation")
    return Shape(output=network.output, **{name: getattr(network, name) for name in names})


def _discriminator(term: str, network: NetworkSettings) -> Discriminator:
    latent = term == "bi"  # as small as 1 x 1, where there is nothing to normalise
    return Discriminator(
        network.encoder_channels if latent else 1,
        network.discriminator_channels,
        norm="none" if latent else network.discriminator_norm,
        activation=network.activation,
    )
