"""The generator's average weights: lent to it for validation, their normalisation measured."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from ssus2mri.config.learn import TrainSettings
from ssus2mri.learn.data.batches import Feed
from ssus2mri.learn.data.dataset import Batch, draw
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.learn.objectives import Objective


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move average weights towards a network's.

    Statistics of normalisation are left alone, unlike `torch.optim.swa_utils.AveragedModel`'s:
    `settle` measures them, and copying each after every step takes as many kernels.

    Args:
        average: a copy of the network.
        network: after a step.
        decay: what is kept of the average; 0: nothing.
    """
    update = get_ema_multi_avg_fn(decay)
    update([*average.parameters()], [*network.parameters()], 0)


@contextmanager
def lent(objective: Objective, average: nn.Module) -> Iterator[None]:
    """Give the generator its average weights for a while; nothing is trained meanwhile.

    Nor is compiled code run: it would be made anew for each part, for the little that is computed
    here, and where the mean over all batches is measured, normalisation cannot be compiled.

    Args:
        objective: its networks are as they were afterwards.
        average: the generator's average weights.
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


def settle(objective: Objective, average: nn.Module, feed: Feed, settings: TrainSettings) -> None:
    """Measure the statistics of batch normalisation for the average weights.

    The mean of the statistics of many weights is not those of their mean: with it, what averaged
    weights give is far from what any of them gave. The same slices are taken each time.

    Source: Izmailov et al., UAI 2018, Sec. 3.1.

    Args:
        objective: its networks are as they were afterwards.
        average: the generator's average weights, whose statistics are replaced.
        feed: with the training slices.
        settings: of the run.
    """
    with lent(objective, average):
        update_bn(_batches(feed, settings), _Pass(objective, feed, settings))
        average.load_state_dict(objective.generator.state_dict())


class _Pass(nn.Module):
    """A batch in, passed through the generator as in a step; for its statistics only."""

    def __init__(self, objective: Objective, feed: Feed, settings: TrainSettings) -> None:
        super().__init__()
        self.generator = objective.generator  # where the layers are looked for
        self.objective, self.feed, self.settings = objective, feed, settings

    def forward(self, batch: Batch) -> None:
        with mixed_precision(self.feed.device, wanted=self.settings.mixed_precision):
            self.objective.generator_terms(batch)


def _batches(feed: Feed, settings: TrainSettings) -> Iterator[Batch]:
    """Give training slices in batches like those of a step, mixed over volumes and planes."""
    random = torch.Generator().manual_seed(settings.seed)
    count, size = settings.norm_batches, settings.batch_size
    us, mr = (draw(len(one), count * size, random).view(count, size) for one in (feed.us, feed.mr))
    part = feed.world.part(size)
    for one, other in zip(us[:, part], mr[:, part], strict=True):
        yield feed.plain(feed.us, one, feed.mr, other)
