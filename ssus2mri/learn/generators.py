"""The model of every method, made from settings and restored from its weights.

Each is called as ``model(us, plane, index, ga_weeks) -> Synthesis``.
"""

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn

from ssus2mri.config.learn import NetworkSettings, TrainSettings
from ssus2mri.learn.data.pool import Pool
from ssus2mri.models.baselines import Autoencoder, Copy, NearestMr
from ssus2mri.models.encoder_decoder import Shape
from ssus2mri.models.generator import Generator
from ssus2mri.models.resnet import ResnetGenerator
from ssus2mri.tissues import SHOWN


def make_generator(settings: TrainSettings) -> nn.Module:
    """Make the generator of a method that learns.

    Returns:
        The network with the parts that the terms need, its weights torch's own, on the CPU.
    """
    return _GENERATORS[settings.method](settings)


def make_reference(settings: TrainSettings, mr: Pool) -> nn.Module:
    """Make the model of a method that learns nothing."""
    if settings.method == "atlas":
        return NearestMr(mr.image, mr.plane, mr.index, mr.ga_weeks)
    return Copy()


def restore(settings: TrainSettings, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Make a model from its trained weights.

    Returns:
        The model, for inference, on the CPU.

    Raises:
        RuntimeError: tensors that do not fit the settings.
        KeyError: the same.
    """
    if settings.traits.learns:
        with torch.device("meta"):  # no memory is taken for what the file does not hold
            _require_same(make_generator(settings).state_dict(), tensors)
        model = make_generator(settings)
    elif settings.method == "atlas":
        model = NearestMr.empty(*tensors["images"].shape)
    else:
        model = Copy()
    model.load_state_dict(dict(tensors))
    return model.eval().requires_grad_(False)


def _require_same(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    for name in sorted({*expected, *tensors}):
        kinds = [(v[name].shape, v[name].dtype) if name in v else None for v in (expected, tensors)]
        if kinds[0] != kinds[1]:
            raise RuntimeError(f"tensor {name}: {kinds[1]}, not {kinds[0]}")


def needs_back(terms: Collection[str]) -> bool:
    """Return whether a term needs the backward path."""
    return "bi" in terms or needs_us_back(terms)


def needs_us_back(terms: Collection[str]) -> bool:
    """Return whether a term needs the ultrasound inferred by the backward path."""
    return not {"proj", "back_app"}.isdisjoint(terms)


def _generator(settings: TrainSettings) -> Generator:
    network, terms = settings.network, settings.terms
    return Generator(
        _shape(network),
        neighbours=network.neighbours,
        attention_level=network.attention_level if network.attention else 0,
        attention_channels=network.attention_channels,
        locator_channels=network.locator_channels if "index" in terms else (),
        reconstruct="lat" in terms,
        encode_back=needs_back(terms),
        infer_back=needs_us_back(terms),
        atlas_channels=network.atlas_channels,
        tissues=len(SHOWN) if settings.traits.needs_labels else 0,
    )


def _autoencoder(settings: TrainSettings) -> Autoencoder:
    return Autoencoder(_shape(settings.network))


def _resnet(settings: TrainSettings) -> ResnetGenerator:
    return ResnetGenerator(settings.network.resnet.channels, settings.network.resnet.blocks)


def _shape(network: NetworkSettings) -> Shape:
    keys = ("encoder_channels", "decoder_channels", "final_channels", "norm", "activation")
    return Shape(output=network.output, **{key: getattr(network, key) for key in keys})


_GENERATORS: dict[str, Callable[[TrainSettings], nn.Module]] = {
    "synthesis": _generator,
    "paired": _generator,
    "simulated": _generator,
    "autoencoder": _autoencoder,
    "cyclegan": _resnet,
    "cut": _resnet,
}
