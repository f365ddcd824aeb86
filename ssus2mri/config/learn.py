"""Settings of train and of the runs; a run is `train` with its differences laid over it."""

from typing import Any, Literal

from pydantic import Field, model_validator

from ssus2mri.config.base import Section

TERMS: dict[str, tuple[str, ...]] = {
    "synthesis": ("lat", "app", "stru", "proj", "back_app", "bi", "index", "match"),
    "autoencoder": ("lat",),
    "cyclegan": ("app", "back_app", "cycle", "identity"),
    "cut": ("app", "nce", "nce_identity"),
    "paired": ("truth",),
    "copy": (),
    "atlas": (),
    "matched": (),
}
"""The loss terms of every method: of `WeightSettings` it takes those of its own terms."""

MACHINE = ("device_share", "checkpoint_minutes", "tensorboard")
"""Keys of `TrainSettings` that are the machine's: no weight depends on them."""


class EdgeSettings(Section):
    """EdgeNet, which imitates Canny's detector."""

    sigma: float = Field(gt=0, description="standard deviation of the Gaussian, pixels")
    low: float = Field(ge=0, description="gradient at which an edge continues, 1 / pixel")
    high: float = Field(gt=0, description="gradient at which an edge starts, 1 / pixel")


class ResnetSettings(Section):
    """Generator and discriminator of the methods ``cyclegan`` and ``cut``."""

    channels: int = Field(ge=1, description="channels of the generator's first layer")
    blocks: int = Field(ge=2, description="residual blocks")
    patch_channels: int = Field(ge=1, description="channels of the discriminator's first layer")
    initial_std: float = Field(gt=0, description="standard deviation of the first weights")
    image_pool: int = Field(
        ge=0, description="past fakes that a discriminator of `cyclegan` is shown as well"
    )


class NceSettings(Section):
    """Contrast of patches, of the method ``cut``."""

    patches: int = Field(ge=2, description="places of an image that are told apart")
    features: int = Field(ge=1, description="width of both layers of the projection")
    temperature: float = Field(gt=0, description="of the softmax over the places")


class NetworkSettings(Section):
    """The networks of Table I, and those of the peers."""

    neighbours: Literal[0, 1] = Field(
        description="slices on either side that encoder A sees as well"
    )
    encoder_channels: int = Field(ge=1, description="channels of the encoder and of dec1")
    decoder_channels: int = Field(ge=1, description="channels of dec2 to dec5")
    final_channels: list[int] = Field(min_length=2, max_length=2, description="channels of dec6")
    attention: bool = Field(description="cross-modal attention")
    attention_level: Literal[3, 4, 5] = Field(description="decoder level whose input it changes")
    attention_channels: int = Field(ge=1, description="channels of its embeddings")
    locator_channels: list[int] = Field(
        min_length=4, max_length=4, description="channels of the index predictor's convolutions"
    )
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
    resnet: ResnetSettings
    nce: NceSettings


class WeightSettings(Section):
    """One weight per named loss term; 0 skips the term and its network.

    A method takes those of its own terms (`TERMS`).
    """

    lat: float = Field(ge=0, description="L1 of reconstructed and given US (Eq. 3)")
    app: float = Field(ge=0, description="adversarial, MR images (Eq. 4)")
    stru: float = Field(ge=0, description="adversarial, edges of MR (Eq. 5)")
    proj: float = Field(ge=0, description="L1 of back-inferred and given US (Eq. 7)")
    back_app: float = Field(ge=0, description="adversarial, US images (Eq. 8)")
    bi: float = Field(ge=0, description="adversarial, latents of both encoders (Eq. 9)")
    index: float = Field(ge=0, description="L1 of plane and index of the slice (Sec. III-D)")
    match: float = Field(ge=0, description="L1 of synthetic MR and training MR deformed to the US")
    cycle: float = Field(ge=0, description="L1 of images translated there and back")
    identity: float = Field(ge=0, description="L1 of images translated to their own modality")
    nce: float = Field(ge=0, description="contrast of patches, US and synthetic MR")
    nce_identity: float = Field(ge=0, description="contrast of patches, MR and itself translated")
    truth: float = Field(ge=0, description="L1 of synthetic and true MR")


class AugmentSettings(Section):
    """Random changes of training slices."""

    mirror: bool = Field(description="left-right, half of the axial and coronal slices at random")
    rotation_deg: float = Field(ge=0, le=45, description="largest turn within the plane, degrees")
    scale: float = Field(ge=0, lt=0.5, description="largest change of size, as a fraction")
    shift: float = Field(ge=0, lt=0.5, description="largest shift, as a fraction of the edge")
    gamma: float = Field(
        ge=0, lt=4, description="US only: intensities to a power from 1 / (1 + gamma) to 1 + gamma"
    )


class CriterionSettings(Section):
    """What an epoch is judged by on the validation slices, without pairs: a weighted sum."""

    texture: float = Field(
        ge=0, description="weight of the distance of textures between synthetic and training MR"
    )
    content: float = Field(
        ge=0, description="weight of the difference of structure between synthetic MR and its US"
    )
    anatomy: float = Field(
        ge=0, description="weight of the difference to matched MR, for runs with the term match"
    )
    patches: int = Field(ge=1, description="patches of a slice and size, for the textures")
    directions: int = Field(ge=1, description="random projections of patches")


class TrainSettings(Section):
    """Section ``train``, and every entry of ``runs`` once its differences are laid over it."""

    label: str = Field(description="the run's name in tables and figures")
    method: Literal[
        "synthesis", "autoencoder", "cyclegan", "cut", "paired", "copy", "atlas", "matched"
    ] = Field(description="what is trained; copy, atlas and matched have nothing to learn")
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
    norm_batches: int = Field(
        ge=1,
        description="batches on which batch normalisation of the average weights is measured",
    )
    mixed_precision: bool = Field(
        description="convolutions in bfloat16 where the hardware does that"
    )
    validation_slices: int = Field(ge=1, description="most slices to validate on, evenly spread")
    criterion: CriterionSettings
    choose: Literal["best", "last"] = Field(description="the epoch whose weights are the model")
    patience: int = Field(
        ge=0, description="epochs without a better criterion that end the training; 0: never"
    )
    compile: bool = Field(description="torch.compile; needs a C++ compiler")
    device_share: float = Field(
        gt=0,
        lt=1,
        description="of the free GPU memory that slices may take; else they stay outside",
    )
    checkpoint_minutes: float = Field(gt=0, description="between checkpoints within an epoch")
    tensorboard: bool = Field(description="curves for TensorBoard beside the model")

    def grounds(self) -> dict[str, Any]:
        """All values that the weights can depend on: without the name and the machine's."""
        return self.model_dump(exclude={"label", *MACHINE})

    @property
    def terms(self) -> dict[str, float]:
        """The method's terms whose weight is not 0, with their weights, in the order of `TERMS`."""
        weights = self.weights.model_dump()
        return {name: weights[name] for name in TERMS[self.method] if weights[name] > 0}

    @property
    def learns_from_match(self) -> bool:
        """Whether training needs MR matched to the ultrasound of train and val."""
        return "match" in self.terms

    @property
    def shown_match(self) -> bool:
        """Whether the model is shown MR matched to the ultrasound instead of the ultrasound."""
        return self.method == "matched"

    @model_validator(mode="after")
    def _learns_something(self) -> "TrainSettings":
        if TERMS[self.method] and not self.terms:
            names = ", ".join(TERMS[self.method])
            raise ValueError(f"for method {self.method} a weight above 0 out of {names}")
        return self


class SynthesizeSettings(Section):
    """Section ``synthesize``."""

    batch_size: int = Field(ge=1, description="slices at a time on a CPU")
    gpu_batch_size: int = Field(ge=1, description="the same on a GPU")
    mixed_precision: bool = Field(
        description="networks in bfloat16 where the hardware computes with it"
    )
    fuse: bool = Field(description="cut the slices anew from the volume that all planes make")
