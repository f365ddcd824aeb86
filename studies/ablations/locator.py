"""Train encoder and index predictor alone: how many slices do they place right?

    snakemake --cores 2 --until extract \
        --configfile config/small.yaml studies/cohort/cohort.yaml studies/cohort/cpu.yaml
    python studies/ablations/locator.py [results] [--steps 800]

Trained on training and evaluated on validation ultrasound, from one slice and from three (3D-i);
the index predictor as it is, and with an activation after its last convolution. A whole training,
in which the encoder serves other terms as well, can reach this at best.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from ssus2mri.config.base import load_yaml
from ssus2mri.config.learn import TrainSettings
from ssus2mri.config.project import load_files, run_settings
from ssus2mri.evaluate.position import errors
from ssus2mri.learn.data.augment import DRAWS, move
from ssus2mri.learn.data.dataset import load
from ssus2mri.learn.data.pool import Pool, pool
from ssus2mri.learn.losses import position_loss
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.models.generator import Generator
from ssus2mri.models.locator import read, scale
from ssus2mri.slices import PLANES, SAGITTAL, Slices, read_header
from ssus2mri.slices import read as read_slices

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "config.yaml"
OVERLAYS = ("config/small.yaml", "studies/cohort/cohort.yaml", "studies/cohort/cpu.yaml")
RUNS = {"ours_3d_ii": "one slice", "ours_3d_iii": "three slices"}
TOLERANCE = load_yaml(CONFIG)["compare"]["position_tolerance"]


class Placing(nn.Module):
    """Encoder A and the index predictor of a run."""

    def __init__(self, settings: TrainSettings, *, activated: bool) -> None:
        super().__init__()
        generator = make_objective(settings).generator
        assert isinstance(generator, Generator)
        assert generator.locator is not None
        self.encoder, self.locator = generator.encoder_a, generator.locator
        if activated:
            self.locator.layers.append(nn.LeakyReLU())

    def forward(self, us: Tensor) -> Tensor:
        """Predict as `Locator` does."""
        position: Tensor = self.locator(self.encoder(us)[-1])
        return position


def train(us: Pool, settings: TrainSettings, network: Placing, steps: int) -> None:
    random = torch.Generator().manual_seed(settings.seed)
    rate, (first, second) = settings.learning_rate, settings.adam_betas
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(first, second), fused=True)
    halving = torch.optim.lr_scheduler.StepLR(optimiser, max(steps // 3, 1), 0.5)
    alone = settings.network.neighbours == 0
    for _ in range(steps):
        rows = torch.randint(len(us), (settings.batch_size,), generator=random)
        draws = torch.rand(len(rows), DRAWS, generator=random)
        plane, images = us.plane[rows].long(), us.images(rows, settings.network.neighbours)
        predicted = network(move(images, plane, draws, settings.augment))
        place = scale(plane, us.index[rows], images.shape[-1])
        optimiser.zero_grad()
        position_loss(predicted, place, (plane == SAGITTAL) & alone).backward()
        optimiser.step()
        halving.step()


def judge(volumes: list[Slices], network: Placing, neighbours: int) -> list[float]:
    """Return the share placed right: by plane, of all, of all if either side counts as right."""
    network.eval()
    rows = []
    for us in volumes:
        volume_pool = pool([us])
        with torch.inference_mode():
            parts = torch.arange(len(volume_pool)).split(64)
            predicted = torch.cat([network(volume_pool.images(part, neighbours)) for part in parts])
        position = torch.stack(read(predicted, us.header.size), dim=1).numpy()
        judged = pd.DataFrame(errors(replace(us, predicted_position=position), tolerance=TOLERANCE))
        rows.append(judged.assign(plane=us.plane))
    table = pd.concat(rows)
    by_plane = table.groupby("plane")["index_right"].mean()
    return [*by_plane, table["index_right"].mean(), table["index_right_either_side"].mean()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--steps", default=800, type=int)
    arguments = parser.parse_args()
    files = sorted((arguments.results / "extract").glob("*.h5"))
    headers = {path: read_header(path) for path in files}
    data = load(path for path in files if headers[path].split != "test")
    judged = [path for path in files if headers[path].split == "val"]
    volumes = [read_slices(path) for path in judged if headers[path].modality == "us"]
    values, _ = load_files([CONFIG, *(ROOT / name for name in OVERLAYS)])
    columns = ("input", "last activation", *PLANES, "all", "either side")
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for run, label in RUNS.items():
        settings = run_settings(values, run)
        for activated in (False, True):
            network = Placing(settings, activated=activated)
            train(data.us, settings, network, arguments.steps)
            shares = judge(volumes, network, settings.network.neighbours)
            cells = " | ".join(f"{share:.2f}" for share in shares)
            print(f"| {label} | {'yes' if activated else 'no'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
