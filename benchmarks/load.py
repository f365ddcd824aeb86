"""Read many faked 2D planes as `train` does, and print the time and the peak of memory.

    python benchmarks/load.py [12400] [--size 160]

Prints a row: planes, MB of the tensors, peak of the process above its start, CPU seconds. The
planes are random numbers within a disc; files are written to a temporary folder first.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from ssus2mri import slices
from ssus2mri.learn.data.dataset import load
from ssus2mri.slices import Header, Slices


def write_planes(folder: Path, count: int, size: int) -> list[Path]:
    """Write slice files of one plane each, every fifth an MR."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    head = ((y**2 + x**2) < (0.4 * size) ** 2)[None]
    paths = []
    for number in range(count):
        header = Header(
            volume=f"sub-{number:05d}",
            subject=f"sub-{number:05d}",
            modality="us" if number % 5 else "mr",
            ga_weeks=22.0,
            split="val" if number % 10 == 9 else "train",
            spacing_mm=96 / size,
            size=size,
            low=0.0,
            high=255.0,
            origin_mm=(0.0, 0.0),
        )
        plane = Slices(
            header=header,
            image=(rng.random(head.shape) * head).astype(np.float16),
            plane=np.zeros(1, np.uint8),
            index=np.full(1, size // 2, np.int16),
            head=head,
        )
        paths.append(folder / f"{header.volume}.h5")
        slices.write(plane, paths[-1])
    return paths


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("planes", nargs="?", type=int, default=12_400)
    parser.add_argument("--size", type=int, default=160)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_planes(Path(folder), options.planes, options.size)
        before, begun = peak_mb(), time.process_time()
        data = load(paths)
        spent = time.process_time() - begun
        pools = (data.us, data.mr, data.val_us, data.val_mr)
        tensors_mb = sum(pool.bytes() for pool in pools) / 2**20
        print("| planes | tensors, MB | peak above the start, MB | CPU s |")
        print("|---|---|---|---|")
        print(f"| {len(paths)} | {tensors_mb:.0f} | {peak_mb() - before:.0f} | {spent:.1f} |")


if __name__ == "__main__":
    main()
