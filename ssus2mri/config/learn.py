"""Settings of training, of each run, and of synthesis.

A run has the settings of section `train` with its own differences laid over them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ssus2mri.config.base import Section, require_not_above
from ssus2mri.methods import METHODS, Method, MethodName

Count = Annotated[int, Field(ge=1)]
MACHINE = ("device_share", "checkpoint_minutes", "tensorboard")
"""Keys of `TrainSettings` on which no weight depends: they suit the machine."""


class EdgeSettings(Section):
    """Settings of EdgeNet, which imitates Canny's detector."""

    sigma: float = Field(gt=0, description="standard deviation of the Gaussian, pixels")
    low: float = Field(ge=0, description="gradient at which an edge continues, 1 / pixel")
    high: float = Field(gt=0, description="gradient at which an edge starts, 1 / pixel")

    @model_validator(mode="after")
    def _in_order(self) -> "EdgeSettings":
        require_not_above(self, "low", "high")
        return self


class ResnetSettings(Section):
    """Settings of the networks of the methods ``cyclegan`` and ``cut``."""

    channels: int = Field(ge=1, description="channels of the generator's first layer")
    blocks: int = Field(ge=2, description="residual blocks")
    patch_channels: int = Field(ge=1, description="channels of the discriminator's first layer")
    initial_std: float = Field(gt=0, description="standard deviation of the initial weights")
    image_pool: int = Field(
        ge=0, description="past fakes that a discriminator of `cyclegan` is shown as well"
    )


class NceSettings(Section):
    """Settings of the contrastive terms of the method ``cut``."""

    patches: int = Field(ge=2, description="places of an image that are told apart")
    features: int = Field(ge=1, description="width of both layers of the projection")
    temperature: float = Field(gt=0, description="of the softmax over the places")


class NetworkSettings(Section):
    """Settings of the networks: those of Table I, and those of the compared methods."""

    neighbours: Literal[0, 1] = Field(
        description="slices on either side that encoder A sees as well"
    )
    atlas_channels: int = Field(
        ge=0, description="features of a learned atlas that encoder A sees as well; 0: none"
    )
    encoder_channels: int = Field(ge=1, description="channels of the encoder and of dec1")
    decoder_channels: int = Field(ge=1, description="channels of dec2 to dec5")
    final_channels: list[Count] = Field(min_length=2, max_length=2, description="channels of dec6")
    attention: bool = Field(description="cross-modal attention")
    attention_level: Literal[3, 4, 5] = Field(description="decoder level whose input it changes")
    attention_channels: int = Field(ge=1, description="channels of its embeddings")
    locator_channels: list[Count] = Field(
        min_length=4, max_length=4, description="channels of the index predictor's convolutions"
    )
    discriminator_channels: list[Count] = Field(
        min_length=4, max_length=4, description="channels of a discriminator's first four layers"
    )
    discriminator_place: bool = Field(
        description="whether discriminators of images and edges are told plane and index"
    )
    norm: Literal["none", "batch", "instance"] = Field(description="normalisation")
    discriminator_norm: Literal["none", "batch", "instance"] = Field(
        description="normalisation of the discriminators of images and edges"
    )
    activation: Literal["relu", "leaky_relu", "elu"] = Field(description="activation")
    output: Literal["none", "sigmoid"] = Field(description="activation of the output images")
    edges: EdgeSettings
    resnet: ResnetSettings
    nce: NceSettings


class WeightSettings(Section):
    """Weight of every loss term; 0 skips the term and its network.

    A method uses the weights of its own terms (`ssus2mri.methods.METHODS`).
    """

    lat: float = Field(ge=0, description="L1 of reconstructed and input US (Eq. 3)")
    app: float = Field(ge=0, description="adversarial, MR images (Eq. 4)")
    stru: float = Field(ge=0, description="adversarial, edges of MR (Eq. 5)")
    proj: float = Field(ge=0, description="L1 of back-inferred and input US (Eq. 7)")
    back_app: float = Field(ge=0, description="adversarial, US images (Eq. 8)")
    bi: float = Field(ge=0, description="adversarial, latents of both encoders (Eq. 9)")
    index: float = Field(ge=0, description="L1 of plane and index of the slice (Sec. III-D)")
    match: float = Field(ge=0, description="L1 of synthetic MR and training MR deformed to the US")
    cycle: float = Field(ge=0, description="L1 of images translated there and back")
    identity: float = Field(ge=0, description="L1 of images translated to their own modality")
    nce: float = Field(ge=0, description="contrast of patches, US and synthetic MR")
    nce_identity: float = Field(ge=0, description="contrast of patches, MR and itself translated")
    truth: float = Field(ge=0, description="L1 of synthetic and true MR")
    ssim: float = Field(ge=0, description="1 - SSIM of synthetic and true MR")
    tissue: float = Field(ge=0, description="cross-entropy and overlap of the tissues")
    spread: float = Field(ge=0, description="likelihood of the error of the synthetic MR")


class AugmentSettings(Section):
    """Settings of the random changes of training slices."""

    mirror: bool = Field(description="left-right, half of the axial and coronal slices at random")
    rotation_deg: float = Field(ge=0, le=45, description="largest rotation in the plane, degrees")
    scale: float = Field(ge=0, lt=0.5, description="largest change of size, as a fraction")
    shift: float = Field(ge=0, lt=0.5, description="largest shift, as a fraction of the edge")
    gamma: float = Field(
        ge=0, lt=4, description="US only: intensities to a power from 1 / (1 + gamma) to 1 + gamma"
    )


class CriterionSettings(Section):
    """Settings of the criterion by which epochs are compared without pairs: a weighted sum."""

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
    """Section ``train``; every run has these settings, with its differences laid over them."""

    label: str = Field(description="the run's name in tables and figures")
    method: MethodName = Field(
        description="what is trained; copy, atlas and matched have nothing to learn"
    )
    start: str = Field(
        min_length=1, description="weights to start from: `none`, `shipped`, or model.safetensors"
    )
    seed: int = Field(ge=0, description="of the initial weights and of the batches")
    network: NetworkSettings
    weights: WeightSettings
    augment: AugmentSettings
    adversarial: Literal["lsgan", "bce", "hinge"] = Field(description="form of adversarial terms")
    batch_size: int = Field(ge=1, le=4096, description="US slices, and MR slices, of a step")
    epochs: int = Field(ge=1, description="after each: losses, validation, checkpoint")
    steps_per_epoch: int = Field(ge=0, description="0: one pass over the US slices")
    learning_rate: float = Field(gt=0, le=1, description="in the first epoch")
    halve_every: int = Field(ge=1, description="epochs after which the learning rate halves")
    adam_betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
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
        description="share of the free GPU memory that slices may take; larger data stay in RAM",
    )
    checkpoint_minutes: float = Field(gt=0, description="between checkpoints within an epoch")
    tensorboard: bool = Field(description="curves for TensorBoard beside the model")

    def training_inputs(self) -> dict[str, Any]:
        """Return all values that weights can depend on: without the label and `MACHINE`."""
        return self.model_dump(exclude={"label", *MACHINE})

    @property
    def traits(self) -> Method:
        """The method's entry in `METHODS`."""
        return METHODS[self.method]

    @property
    def terms(self) -> dict[str, float]:
        """Weights of the method's terms, in its order; terms of weight 0 are left out."""
        weights = self.weights.model_dump()
        return {term: weights[term] for term in self.traits.terms if weights[term] > 0}

    @property
    def learns_from_match(self) -> bool:
        """Whether training needs MR matched to the ultrasound of train and val."""
        return "match" in self.terms

    @model_validator(mode="after")
    def _has_a_term(self) -> "TrainSettings":
        if self.traits.learns and not self.terms:
            terms = ", ".join(self.traits.terms)
            raise ValueError(f"for method {self.method} a weight above 0 out of {terms}")
        return self


class SynthesizeSettings(Section):
    """Section ``synthesize``."""

    batch_size: int = Field(ge=1, le=4096, description="slices at a time on a CPU")
    gpu_batch_size: int = Field(ge=1, le=4096, description="the same on a GPU")
    mixed_precision: bool = Field(
        description="networks in bfloat16 where the hardware computes with it"
    )
    fuse: bool = Field(description="cut the slices again from the volume assembled of all planes")
    allow_seen_subjects: bool = Field(
        description="synthesise for subjects that the model was trained or validated on, and say so"
    )
