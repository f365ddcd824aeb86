"""Objectives of one term and no adversary: the autoencoder, and training on true MR."""

import torch

from ssus2mri.errors import InputError
from ssus2mri.learn.data.batches import Batch
from ssus2mri.learn.losses import reconstruction_loss
from ssus2mri.learn.objectives.base import Pairs, Terms, WithoutAdversary
from ssus2mri.models.baselines import Autoencoder
from ssus2mri.models.generator import Generator


class AutoencoderObjective(WithoutAdversary[Autoencoder]):
    """L1 between slices of both modalities and their reconstruction, named `lat`.

    Source: TMI 2020, Sec. IV-B, "AE".
    """

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the term; see `Objective`."""
        images = torch.cat([batch.slice, batch.mr])
        return {"lat": reconstruction_loss(self.generator.reconstruct(images), images)}, {}


class PairedObjective(WithoutAdversary[Generator]):
    """L1 between synthetic and true MR, named `truth`: an upper bound, only for simulated scans.

    Not in the source.
    """

    def generator_terms(self, batch: Batch) -> tuple[Terms, Pairs]:
        """Compute the term; see `Objective`.

        Raises:
            InputError: the batch has no truth.
        """
        if batch.truth is None:
            raise InputError(
                "method `paired`",
                expected="ultrasound slices whose true MR is known",
                found="none",
                do="Train it on simulated volumes, or leave this run out.",
            )
        synthetic = self.generator.translate(batch.us, batch.place, reconstruct=False).mr
        return {"truth": reconstruction_loss(synthetic, batch.truth)}, {}
