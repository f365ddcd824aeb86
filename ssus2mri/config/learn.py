"""Settings of train and of the runs; a run is `train` with its differences laid over it."""

from typing import Literal

from pydantic import Field

from ssus2mri.config.base import Section


class EdgeSettings(Section):
    """EdgeNet, which imitates Canny's detector."""

    sigma: float = Field(gt=0, description="standard deviation of the Gaussian, pixels")
    low: float = Field(ge=0, description="gradient at which an edge continues, 1 / pixel")
    high: float = Field(gt=0, description="gradient at which an edge starts, 1 / pixel")


class NetworkSettings(Section):
    """The networks of Table I."""

    encoder_channels: int = Field(ge=1, description="channels of the encoder and of dec1")
    decoder_channels: int = Field(ge=1, description="channels of dec2 to dec5")
    final_channels: list[int] = Field(min_length=2, max_length=2, description="channels of dec6")
    attention: bool = Field(description="cross-modal attention")
    attention_level: Literal[3, 4, 5] = Field(description="decoder level whose input it changes")
    attention_channels: int = Field(ge=1, description="channels of its embeddings")
    discriminator_channels: list[int] = Field(
        min_length=4, max_length=4, description="channels of a discriminator's first four layers"
    )
    norm: Literal["none", "batch", "instance"] = Field(description="normalisation")
    discriminator_norm: Literal["none", "batch", "instance"] = Field(
        description="normalisation of the discriminators of images and edges"
    )
    activation: Literal["relu", "leaky_relu", "elu"] = Field(description="activation")
    output: Literal["none", "sigmoid"] = Field(description="activation of the images put out")
    edges: EdgeSettings


class WeightSettings(Section):
    """One weight per named loss term; 0 skips the term and its network."""

    lat: float = Field(ge=0, description="L1 of reconstructed and given US (Eq. 3)")
    app: float = Field(ge=0, description="adversarial, MR images (Eq. 4)")
    stru: float = Field(ge=0, description="adversarial, edges of MR (Eq. 5)")
    proj: float = Field(ge=0, description="L1 of back-inferred and given US (Eq. 7)")
    back_app: float = Field(ge=0, description="adversarial, US images (Eq. 8)")
    bi: float = Field(ge=0, description="adversarial, latents of both encoders (Eq. 9)")


class AugmentSettings(Section):
    """Random changes of training slices, US and MR alike."""

    mirror: bool = Field(description="left-right, half of the axial and coronal slices at random")
    rotation_deg: float = Field(ge=0, le=45, description="largest turn within the plane, degrees")
    scale: float = Field(ge=0, lt=0.5, description="largest change of size, as a fraction")
    shift: float = Field(ge=0, lt=0.5, description="largest shift, as a fraction of the edge")


class TrainSettings(Section):
    """Section ``train``, and every entry of ``runs`` once its differences are laid over it."""

    label: str = Field(description="the run's name in tables and figures")
    method: Literal["synthesis", "autoencoder", "copy", "atlas"] = Field(
        description="what is trained; copy and atlas have nothing to learn"
    )
    seed: int = Field(ge=0, description="of the first weights and of the batches")
    network: NetworkSettings
    weights: WeightSettings
    augment: AugmentSettings
    adversarial: Literal["lsgan", "bce", "hinge"] = Field(description="form of adversarial terms")
    batch_size: int = Field(ge=1, description="US slices, and MR slices, of a step")
    epochs: int = Field(ge=1, description="after each: losses, validation, checkpoint")
    steps_per_epoch: int = Field(ge=0, description="0: one pass over the US slices")
    learning_rate: float = Field(gt=0, description="of the first epoch")
    halve_every: int = Field(ge=1, description="epochs after which the learning rate halves")
    adam_betas: list[float] = Field(
        min_length=2, max_length=2, description="decay of Adam's two moments"
    )
    average: float = Field(
        ge=0,
        lt=1,
        description="decay a step of the generator's average weights; 0: the last weights",
    )
    mixed_precision: bool = Field(
        description="convolutions in bfloat16 where the hardware does that"
    )
    validation_slices: int = Field(ge=1, description="most slices to validate on, evenly spread")


class SynthesizeSettings(Section):
    """Section ``synthesize``."""

    batch_size: int = Field(ge=1, description="slices at a time")
    fuse: bool = Field(description="cut the slices anew from the volume that all planes make")
