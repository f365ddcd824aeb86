"""The moving average of the generator's weights, and its batch-normalisation statistics."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.batches import Batch, Batches
from ssus2mri.learn.data.pool import draw
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.learn.objectives.base import Objective


def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move average weights towards a network's.

    Statistics of normalisation are not averaged, unlike in `torch.optim.swa_utils.AveragedModel`:
    `recompute_batchnorm` measures them, and averaging them takes as many kernels as the weights.

    Args:
        average: a copy of the network.
        network: after a step.
        decay: share of the average that is kept; 0: none.
    """
    update = get_ema_multi_avg_fn(decay)
    update([*average.parameters()], [*network.parameters()], 0)


@contextmanager
def swapped_weights(objective: Objective, average: nn.Module) -> Iterator[None]:
    """Use the average weights in the generator within a context, in evaluation mode.

    Compiled code is not run there: it would be compiled again for each part, for little work, and
    batch normalisation cannot be compiled while its statistics are recomputed.
    """
    networks = (
        *(objective.generator, objective.helpers),
        *(objective.discriminators, objective.memory),
    )
    current = copy.deepcopy(objective.generator.state_dict())
    objective.generator.load_state_dict(average.state_dict())
    for network in networks:
        network.eval()
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        yield
    objective.generator.load_state_dict(current)
    for network in networks:
        network.train()


def recompute_batchnorm(
    objective: Objective, average: nn.Module, batches: Batches, settings: TrainSettings
) -> None:
    """Measure the statistics of batch normalisation for the average weights.

    The mean of the statistics of many weights is not the statistics of their mean: with it, the
    output of averaged weights is far from that of any of them. The same slices are used each time.

    Source: Izmailov et al., UAI 2018, Sec. 3.1.

    Args:
        objective: its networks are restored afterwards.
        average: the generator's average weights, whose statistics are replaced.
        batches: with the training slices.
        settings: of the run.
    """
    with swapped_weights(objective, average):
        update_bn(_draw_batches(batches, settings), _GeneratorPass(objective, batches, settings))
        average.load_state_dict(objective.generator.state_dict())


class _GeneratorPass(nn.Module):
    """Passes a batch through the generator as a training step does; only for its statistics."""

    def __init__(self, objective: Objective, batches: Batches, settings: TrainSettings) -> None:
        super().__init__()
        self.generator = objective.generator  # a submodule, where `update_bn` finds the layers
        self.objective, self.batches, self.settings = objective, batches, settings

    def forward(self, batch: Batch) -> None:
        with mixed_precision(self.batches.device, wanted=self.settings.mixed_precision):
            self.objective.generator_terms(batch)


def _draw_batches(batches: Batches, settings: TrainSettings) -> Iterator[Batch]:
    """Yield training slices in batches like those of a step, mixed over volumes and planes."""
    generator = torch.Generator().manual_seed(settings.seed)
    count, size = settings.norm_batches, settings.batch_size
    us, mr = (
        draw(len(pool), count * size, generator).view(count, size)
        for pool in (batches.us, batches.mr)
    )
    part = batches.world.part(size)
    for us_rows, mr_rows in zip(us[:, part], mr[:, part], strict=True):
        yield batches.plain(batches.us, us_rows, batches.mr, mr_rows)
