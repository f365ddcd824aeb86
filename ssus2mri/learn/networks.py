"""The methods by name: settings in, networks out.

A trained method has an objective to minimise; an untrained one is made from the data as it is.
Both give a model that is called as ``model(us, plane, index, ga_weeks) -> Synthesis``.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ssus2mri.config.learn import NetworkSettings, TrainSettings
from ssus2mri.learn.data.dataset import Pool
from ssus2mri.learn.losses import ADVERSARIAL_TERMS
from ssus2mri.learn.objectives import Objective
from ssus2mri.learn.objectives.cut import CutObjective
from ssus2mri.learn.objectives.cyclegan import CycleganObjective
from ssus2mri.learn.objectives.plain import AutoencoderObjective, PairedObjective
from ssus2mri.learn.objectives.synthesis import SynthesisObjective, needs_back, needs_us_back
from ssus2mri.models.baselines import Atlas, Autoencoder, Copy
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Generator, Shape
from ssus2mri.models.initialise import draw_weights
from ssus2mri.models.patches import PatchDiscriminator, PatchProjector
from ssus2mri.models.resnet import ResnetGenerator


def synthesis(settings: TrainSettings) -> Objective:
    """Make the networks of the method; ablations are weights of 0 and no attention."""
    network, wanted = settings.network, settings.terms
    return SynthesisObjective(
        _generator(settings),
        {name: _discriminator(name, network) for name in wanted if name in ADVERSARIAL_TERMS},
        EdgeNet(**network.edges.model_dump()),
        weights=wanted,
        adversarial=settings.adversarial,
    )


def autoencoder(settings: TrainSettings) -> Objective:
    """Make the autoencoder."""
    return AutoencoderObjective(Autoencoder(_shape(settings.network)), settings.terms)


def paired(settings: TrainSettings) -> Objective:
    """Make the generator of the method, to be trained on true MR."""
    return PairedObjective(_generator(settings), settings.terms)


def cyclegan(settings: TrainSettings) -> Objective:
    """Make CycleGAN; the way back only where a term needs it."""
    resnet, wanted = settings.network.resnet, settings.terms
    way_back = not {"cycle", "back_app"}.isdisjoint(wanted)
    return CycleganObjective(
        ResnetGenerator(resnet.channels, resnet.blocks),
        ResnetGenerator(resnet.channels, resnet.blocks) if way_back else None,
        _patch_discriminators(settings),
        weights=wanted,
        adversarial=settings.adversarial,
        image_pool=resnet.image_pool,
    )


def cut(settings: TrainSettings) -> Objective:
    """Make CUT; its projection only where a term needs it."""
    resnet, nce, wanted = settings.network.resnet, settings.network.nce, settings.terms
    generator = ResnetGenerator(resnet.channels, resnet.blocks)
    contrast = not {"nce", "nce_identity"}.isdisjoint(wanted)
    return CutObjective(
        generator,
        PatchProjector(generator.tap_channels, nce.features) if contrast else None,
        _patch_discriminators(settings),
        weights=wanted,
        adversarial=settings.adversarial,
        patches=nce.patches,
        temperature=nce.temperature,
    )


def atlas(mr: Pool) -> nn.Module:
    """Keep the training MR slices."""
    return Atlas(mr.image, mr.plane, mr.index, mr.ga_weeks)


TRAINED: dict[str, Callable[[TrainSettings], Objective]] = {
    "synthesis": synthesis,
    "autoencoder": autoencoder,
    "paired": paired,
    "cyclegan": cyclegan,
    "cut": cut,
}
GAUSSIAN = ("cyclegan", "cut")
"""Methods whose first weights are Gaussian with ``network.resnet.initial_std``."""
NEEDS_TRUTH = ("paired",)
"""Methods that are trained on the true MR of the ultrasound slices."""
UNTRAINED: dict[str, Callable[[Pool], nn.Module]] = {
    "copy": lambda mr: Copy(),
    "atlas": atlas,
    "matched": lambda mr: Copy(),
}
EMPTY: dict[str, Callable[[Mapping[str, Tensor]], nn.Module]] = {
    "copy": lambda tensors: Copy(),
    "matched": lambda tensors: Copy(),
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
    std = settings.network.resnet.initial_std if settings.method in GAUSSIAN else None
    for network in (made.generator, made.discriminators, made.helpers):
        draw_weights(network, random, std=std)
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


def _generator(settings: TrainSettings) -> Generator:
    network, wanted = settings.network, settings.terms
    return Generator(
        _shape(network),
        neighbours=network.neighbours,
        attention_level=network.attention_level if network.attention else 0,
        attention_channels=network.attention_channels,
        locator_channels=network.locator_channels if "index" in wanted else (),
        reconstruct="lat" in wanted,
        encode_back=needs_back(wanted),
        infer_back=needs_us_back(wanted),
    )


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


def _patch_discriminators(settings: TrainSettings) -> dict[str, PatchDiscriminator]:
    channels = settings.network.resnet.patch_channels
    return {
        name: PatchDiscriminator(channels) for name in settings.terms if name in ADVERSARIAL_TERMS
    }
