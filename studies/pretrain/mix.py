"""Average two trainings of which the second went on from the first, and write the mean.

    python studies/pretrain/mix.py WORK BEFORE.safetensors AFTER.safetensors [--share 0.75]

Such means often do better than either (Wortsman et al., CVPR 2022). The statistics of normalisation
are measured anew, on the scans in WORK.
"""

import argparse
from pathlib import Path

import torch
from pretrain import PACKAGED, Training, load_settings

from ssus2mri.learn.model_file import read_model, write_model


def main() -> None:
    """Parse the command line, average and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--share", type=float, default=0.75, help="of the second")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_settings()
    before, after = (
        read_model(path).network.state_dict() for path in (arguments.before, arguments.after)
    )
    training = Training(settings, None, arguments.before)
    training.read_scans(arguments.work / "scans", [])
    training.average.load_state_dict(
        {
            name: torch.lerp(value, after[name], arguments.share)
            if value.is_floating_point()
            else value
            for name, value in before.items()
        }
    )
    write_model(
        arguments.out, training.weights(), run="simulated", settings=settings.train, subjects=()
    )


if __name__ == "__main__":
    main()
