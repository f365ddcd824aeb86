"""The objective of every method that learns, made from settings with all its networks."""

from collections.abc import Callable
from typing import Any

import torch

from ssus2mri.config.learn import NetworkSettings, TrainSettings
from ssus2mri.learn.generators import make_generator
from ssus2mri.learn.losses import ADVERSARIAL_TERMS
from ssus2mri.learn.objectives.base import Objective
from ssus2mri.learn.objectives.cut import CutObjective
from ssus2mri.learn.objectives.cyclegan import CycleganObjective
from ssus2mri.learn.objectives.plain import AutoencoderObjective, PairedObjective
from ssus2mri.learn.objectives.simulated import SimulatedObjective
from ssus2mri.learn.objectives.synthesis import SynthesisObjective
from ssus2mri.models.discriminator import PLACE_CHANNELS, Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator
from ssus2mri.models.initialise import draw_weights
from ssus2mri.models.patches import PatchDiscriminator, PatchProjector
from ssus2mri.models.resnet import ResnetGenerator


def make_objective(settings: TrainSettings) -> Objective:
    """Make the objective of a method that learns, its weights drawn from ``settings.seed``.

    Returns:
        The objective, its networks on the CPU; the global random state is unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        objective = _OBJECTIVES[settings.method](settings, make_generator(settings))
    generator = torch.Generator().manual_seed(settings.seed)
    std = settings.network.resnet.initial_std if settings.traits.gaussian else None
    for network in (objective.generator, objective.discriminators, objective.helpers):
        draw_weights(network, generator, std=std)
    return objective


def _synthesis(settings: TrainSettings, generator: Generator) -> Objective:
    """Make the method's objective; ablations are weights of 0 and no attention."""
    network, terms = settings.network, settings.terms
    return SynthesisObjective(
        generator,
        {term: _discriminator(term, network) for term in terms if term in ADVERSARIAL_TERMS},
        EdgeNet(**network.edges.model_dump()),
        weights=terms,
        adversarial=settings.adversarial,
        place=network.discriminator_place,
    )


def _cyclegan(settings: TrainSettings, generator: ResnetGenerator) -> Objective:
    """Make CycleGAN's objective; the generator back to US only if a term needs it."""
    resnet = settings.network.resnet
    back = not {"cycle", "back_app"}.isdisjoint(settings.terms)
    return CycleganObjective(
        generator,
        ResnetGenerator(resnet.channels, resnet.blocks) if back else None,
        _patch_discriminators(settings),
        weights=settings.terms,
        adversarial=settings.adversarial,
        image_pool=resnet.image_pool,
    )


def _cut(settings: TrainSettings, generator: ResnetGenerator) -> Objective:
    """Make CUT's objective; the projector only if a term needs it."""
    nce = settings.network.nce
    contrast = not {"nce", "nce_identity"}.isdisjoint(settings.terms)
    return CutObjective(
        generator,
        PatchProjector(generator.tap_channels, nce.features) if contrast else None,
        _patch_discriminators(settings),
        weights=settings.terms,
        adversarial=settings.adversarial,
        patches=nce.patches,
        temperature=nce.temperature,
    )


def _discriminator(term: str, network: NetworkSettings) -> Discriminator:
    latent = term == "bi"  # as small as 1 x 1, where there is nothing to normalise
    image_channels = 1 + network.discriminator_place * PLACE_CHANNELS
    return Discriminator(
        network.encoder_channels if latent else image_channels,
        network.discriminator_channels,
        norm="none" if latent else network.discriminator_norm,
        activation=network.activation,
    )


def _patch_discriminators(settings: TrainSettings) -> dict[str, PatchDiscriminator]:
    channels = settings.network.resnet.patch_channels
    return {
        term: PatchDiscriminator(channels) for term in settings.terms if term in ADVERSARIAL_TERMS
    }


_OBJECTIVES: dict[str, Callable[[TrainSettings, Any], Objective]] = {
    "synthesis": _synthesis,
    "autoencoder": lambda settings, generator: AutoencoderObjective(generator, settings.terms),
    "paired": lambda settings, generator: PairedObjective(generator, settings.terms),
    "simulated": lambda settings, generator: SimulatedObjective(generator, settings.terms),
    "cyclegan": _cyclegan,
    "cut": _cut,
}
