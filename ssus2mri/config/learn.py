"""Settings of train and of the runs; a run is `train` with its differences laid over it."""

from typing import Literal

from pydantic import Field

from ssus2mri.config.base import Section


class NetworkSettings(Section):
    """The networks of Table I."""

    encoder_channels: int = Field(ge=1, description="channels of the encoder and of dec1")
    attention: bool = Field(description="cross-modal attention")
    attention_level: Literal[3, 4, 5] = Field(description="decoder level whose input it changes")
    norm: Literal["none", "batch", "instance"] = Field(description="normalisation")
    activation: Literal["relu", "leaky_relu", "elu"] = Field(description="activation")


class WeightSettings(Section):
    """One weight per named loss term; 0 skips the term and its network."""

    lat: float = Field(ge=0)
    app: float = Field(ge=0)
    stru: float = Field(ge=0)
    proj: float = Field(ge=0)
    back_app: float = Field(ge=0)
    bi: float = Field(ge=0)


class TrainSettings(Section):
    """Section ``train``, and every entry of ``runs`` once its differences are laid over it."""

    label: str = Field(description="the run's name in tables and figures")
    method: Literal["synthesis", "autoencoder", "gan", "copy", "atlas"] = Field(
        description="what is trained; copy and atlas have nothing to learn"
    )
    seed: int = Field(ge=0)
    network: NetworkSettings
    weights: WeightSettings
    adversarial: Literal["lsgan", "bce", "hinge"]
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    steps_per_epoch: int = Field(ge=0, description="0: one pass over the US slices")
    learning_rate: float = Field(gt=0)
    halve_every: int = Field(ge=1, description="epochs after which the learning rate halves")


class SynthesizeSettings(Section):
    """Section ``synthesize``."""

    batch_size: int = Field(ge=1, description="slices at a time")
