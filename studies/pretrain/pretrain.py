"""Train the network of `predict` on simulated scans, and write it into the package.

    python studies/pretrain/pretrain.py WORK [--scans 400] [--first 0] [--minutes 150]
        [--workers 2] [--start MODEL --learning-rate 0.001]

Scans are simulated beside the training, which draws slices from those that are there. All that is
needed to go on is in WORK: the same command resumes.
"""

import argparse
import copy
import time
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draw import Scan, draw_batch, read_scan
from scans import make_scan
from torch import Tensor, nn

from ssus2mri.config import project
from ssus2mri.config.project import Project
from ssus2mri.files import whole
from ssus2mri.images import volume
from ssus2mri.learn.ema import update_ema
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.learn.losses import require_finite, weighted_sum
from ssus2mri.learn.model_file import read_model, write_model
from ssus2mri.learn.objectives.base import Objective
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.prediction.atlas import BUILT_IN, load_atlas, placement
from ssus2mri.simulate.cohort import anatomy_of
from ssus2mri.simulate.template import template

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "ssus2mri" / "prediction" / "simulated.safetensors"
LEAST_SCANS = 24  # before training begins
LOOK_STEPS, SAVE_STEPS, NORM_BATCHES = 50, 100, 40
WARM_STEPS = 100
LAST_RATE = 0.01  # of the first
CLIP = 5.0  # of the gradient's norm


def main() -> None:
    """Parse the command line, simulate and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--scans", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="number, and seed, of the first scan")
    parser.add_argument("--minutes", type=float, default=150.0, help="of training in all")
    parser.add_argument("--workers", type=int, default=1, help="processes that simulate; 0: none")
    parser.add_argument("--threads", type=int, default=1, help="of the training")
    parser.add_argument("--start", type=Path, help="model to start from; default: random weights")
    parser.add_argument("--learning-rate", type=float, help="the first; default: pretrain.yaml")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = load_settings()
    if arguments.learning_rate:
        train = settings.train.model_copy(update={"learning_rate": arguments.learning_rate})
        settings = settings.model_copy(update={"train": train})
    folder = arguments.work / "scans"
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max(arguments.workers, 1)) as pool:
        futures: list[Future[Path]] = []
        if arguments.workers:
            write_atlas(settings)
            atlas = placement(load_atlas())
            make = partial(make_scan, folder=folder, settings=settings, atlas=atlas)
            numbers = range(arguments.first, arguments.first + arguments.scans)
            futures = [pool.submit(make, number) for number in numbers]
        training = Training(settings, arguments.work / "state.pt", arguments.start)
        try:
            training.run(folder, futures, minutes=arguments.minutes)
        finally:  # or an error would be told after the last scan only
            pool.shutdown(cancel_futures=True)
    write_model(
        arguments.out,
        training.weights(),
        run="simulated",
        settings=settings.train,
        subjects=(),
    )


def load_settings() -> Project:
    """Read config.yaml, and pretrain.yaml over it."""
    return project.read(ROOT / "config" / "config.yaml", Path(__file__).with_name("pretrain.yaml"))


def write_atlas(settings: Project) -> None:
    """Write the atlas that the network is trained in into the package."""
    anatomy = anatomy_of(settings.atlas.ga_weeks, None, settings.simulate)
    atlas = template(anatomy, settings.atlas, settings.simulate, image=None)
    for name in ("us", "labels"):
        volume.write(getattr(atlas, name), BUILT_IN / f"{name}.nii.gz")


class Training:
    """A training whose learning rate falls with the minutes spent, and which can be resumed.

    Args:
        settings: config.yaml with pretrain.yaml over it.
        state_file: of the state that it resumes from and saves; None: neither.
        start: model whose weights it starts with; None: random ones.
    """

    def __init__(
        self, settings: Project, state_file: Path | None, start: Path | None = None
    ) -> None:
        self.settings, self.state_file = settings, state_file
        self.objective: Objective = make_objective(settings.train)
        generator = self.objective.generator
        if start is not None:
            generator.load_state_dict(read_model(start).network.state_dict())
        self.network = generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.train.learning_rate, weight_decay=1e-3
        )
        self.step, self.seconds = 0, 0.0
        self.scans: dict[str, Scan] = {}
        if state_file is not None and state_file.exists():
            state = torch.load(state_file, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]

    def run(self, folder: Path, futures: list[Future[Path]], *, minutes: float) -> None:
        """Train until so many minutes were spent in all."""
        sums: dict[str, float] = {}
        self.read_scans(folder, futures)
        while self.seconds < 60 * minutes:
            if self.step % LOOK_STEPS == 0:
                self.read_scans(folder, futures)
            started = time.monotonic()
            terms = self._update(self.seconds / (60 * minutes))
            self.seconds += time.monotonic() - started
            self.step += 1
            sums = {name: sums.get(name, 0.0) + value for name, value in terms.items()}
            if self.step % LOOK_STEPS == 0:
                means = "  ".join(f"{name} {v / LOOK_STEPS:.4f}" for name, v in sums.items())
                spent = f"step {self.step}, {self.seconds / 60:.1f} min, {len(self.scans)} scans"
                print(f"{spent}: {means}", flush=True)
                sums = {}
            if self.step % SAVE_STEPS == 0:
                self._save()
        self._save()

    def weights(self) -> dict[str, Tensor]:
        """Return the average weights, with the statistics of normalisation measured for them."""
        norms = [layer for layer in self.average.modules() if isinstance(layer, nn.BatchNorm2d)]
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
        self.average.train()
        scans, rng = list(self.scans.values()), np.random.default_rng(1)
        with torch.inference_mode():
            for _ in range(NORM_BATCHES):
                batch = self._batch(scans, rng)
                self.average.translate(batch.us, batch.place, reconstruct=False)
        return self.average.eval().state_dict()

    def _update(self, progress: float) -> dict[str, float]:
        """Make a step; return its terms."""
        train = self.settings.train
        warm = min(1.0, (self.step + 1) / WARM_STEPS)
        for group in self.optimizer.param_groups:
            rate = LAST_RATE + (1 - LAST_RATE) * (1 + np.cos(np.pi * progress)) / 2
            # A NumPy number in the state could not be read again.
            group["lr"] = float(train.learning_rate * warm * rate)
        batch = self._batch(list(self.scans.values()), np.random.default_rng([2, self.step]))
        with mixed_precision(torch.device("cpu"), wanted=train.mixed_precision):
            terms, _ = self.objective.generator_terms(batch)
        loss = weighted_sum(terms, self.objective.weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        update_ema(self.average, self.network, train.average)
        values = {name: float(value.detach()) for name, value in terms.items()}
        require_finite(values, self.step)
        return values

    def _batch(self, scans: list[Scan], rng: np.random.Generator) -> Any:
        atlas, count = self.settings.atlas, self.settings.train.batch_size
        return draw_batch(scans, count, size=atlas.size, spacing_mm=atlas.spacing_mm, rng=rng)

    def read_scans(self, folder: Path, futures: list[Future[Path]]) -> None:
        """Read the scans that are new, waiting for the first ones."""
        while True:
            for future in futures:
                if future.done():
                    future.result()  # raises what went wrong
            for path in sorted(folder.glob("[0-9]*.npz")):
                if path.name not in self.scans:
                    self.scans[path.name] = read_scan(path)
            if len(self.scans) >= LEAST_SCANS or all(future.done() for future in futures):
                return
            time.sleep(5)

    def _save(self) -> None:
        if self.state_file is None:
            return
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        with whole(self.state_file) as partial:
            torch.save(state, partial)


if __name__ == "__main__":
    main()
