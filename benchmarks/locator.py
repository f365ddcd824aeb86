"""How well encoder and index predictor place slices when nothing else is trained.

    snakemake --cores 2 --configfile config/study.yaml config/study_cpu.yaml --until extract
    python benchmarks/locator.py [results] [--steps 800]

Trained on the training ultrasound, judged on the validation ultrasound: from one slice and from
three (3D-i), the index predictor as it is and with an activation behind its last convolution. It
says what can be reached in a whole training, where the encoder serves other terms as well.
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
from ssus2mri.learn.data.dataset import Pool, load, pool
from ssus2mri.learn.losses import position_loss
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.models.locator import read, scale
from ssus2mri.slices import PLANES, SAGITTAL, Slices, read_header
from ssus2mri.slices import read as read_slices

CONFIG = Path(__file__).parents[1] / "config"
FILES = ("config.yaml", "study.yaml", "study_cpu.yaml")
RUNS = {"ours_3d_ii": "one slice", "ours_3d_iii": "three slices"}
TOLERANCE = load_yaml(CONFIG / "config.yaml")["compare"]["position_tolerance"]


class Placing(nn.Module):
    """Encoder A and the index predictor of a run."""

    def __init__(self, settings: TrainSettings, *, activated: bool) -> None:
        super().__init__()
        generator = make_objective(settings).generator
        self.encoder, self.locator = generator.encoder_a, generator.locator
        if activated:
            self.locator.layers.append(nn.LeakyReLU())

    def forward(self, us: Tensor) -> Tensor:
        """Predict as `Locator` does."""
        return self.locator(self.encoder(us)[-1])


def train(us: Pool, settings: TrainSettings, network: Placing, steps: int) -> None:
    random = torch.Generator().manual_seed(settings.seed)
    rate, betas = settings.learning_rate, tuple(settings.adam_betas)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True)
    halving = torch.optim.lr_scheduler.StepLR(optimiser, max(steps // 3, 1), 0.5)
    alone = settings.network.neighbours == 0
    for _ in range(steps):
        rows = torch.randint(len(us), (settings.batch_size,), generator=random)
        draws = torch.rand(len(rows), DRAWS, generator=random)
        plane, given = us.plane[rows].long(), us.images(rows, settings.network.neighbours)
        found = network(move(given, plane, draws, settings.augment))
        place = scale(plane, us.index[rows], given.shape[-1])
        optimiser.zero_grad()
        position_loss(found, place, (plane == SAGITTAL) & alone).backward()
        optimiser.step()
        halving.step()


def judge(volumes: list[Slices], network: Placing, neighbours: int) -> list[float]:
    """Give the share placed right by plane, of all, and of all with the side forgiven."""
    network.eval()
    rows = []
    for us in volumes:
        known = pool([us])
        with torch.inference_mode():
            parts = torch.arange(len(known)).split(64)
            found = torch.cat([network(known.images(part, neighbours)) for part in parts])
        position = torch.stack(read(found, us.header.size), dim=1).numpy()
        judged = pd.DataFrame(errors(replace(us, predicted_position=position), tolerance=TOLERANCE))
        rows.append(judged.assign(plane=us.plane))
    table = pd.concat(rows)
    by_plane = table.groupby("plane")["index_right"].mean()
    return [*by_plane, table["index_right"].mean(), table["index_right_either_side"].mean()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--steps", default=800, type=int)
    given = parser.parse_args()
    files = sorted((given.results / "extract").glob("*.h5"))
    headers = {path: read_header(path) for path in files}
    data = load(path for path in files if headers[path].split != "test")
    judged = [path for path in files if headers[path].split == "val"]
    volumes = [read_slices(path) for path in judged if headers[path].modality == "us"]
    values, _ = load_files([CONFIG / name for name in FILES])
    columns = ("input", "last activation", *PLANES, "all", "side forgiven")
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for run, label in RUNS.items():
        settings = run_settings(values, run)
        for activated in (False, True):
            network = Placing(settings, activated=activated)
            train(data.us, settings, network, given.steps)
            shares = judge(volumes, network, settings.network.neighbours)
            cells = " | ".join(f"{share:.2f}" for share in shares)
            print(f"| {label} | {'yes' if activated else 'no'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
