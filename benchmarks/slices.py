"""Measure random reads of one slice from our slice file and from a plain ``.npy`` memory map.

    python benchmarks/slices.py [slices]

The images are noise within a head, the worst case for the compression; both files are in the cache
of the operating system.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri import slices

SIZE, READS = 160, 2000


def example(count: int) -> slices.Slices:
    rng = np.random.default_rng(0)
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    head = (x / 50) ** 2 + (y / 62) ** 2 < 1
    image = (rng.rayleigh(0.25, (count, SIZE, SIZE)).clip(0, 1) * head).astype(np.float16)
    header = slices.Header("v", "s", "us", 23.0, "train", 0.6, SIZE, 0.0, 255.0)
    return slices.Slices(
        header,
        image,
        np.zeros(count, np.uint8),
        np.arange(count, dtype=np.int16),
        np.broadcast_to(head, image.shape),
    )


def median_ms(read: Callable[[int], NDArray], numbers: NDArray) -> float:
    times = []
    for number in numbers:
        start = time.perf_counter()
        read(int(number))
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    numbers = np.random.default_rng(1).integers(0, count, READS)
    with tempfile.TemporaryDirectory() as folder:
        ours_file, peer_file = Path(folder, "slices.h5"), Path(folder, "slices.npy")
        data = example(count)
        slices.write(data, ours_file)
        np.save(peer_file, data.image)
        mapped = np.load(peer_file, mmap_mode="r")
        with slices.Reader(ours_file) as reader:
            ours = median_ms(reader.slice, numbers)
        peer = median_ms(lambda number: np.array(mapped[number]), numbers)
        sizes = [path.stat().st_size / 2**20 for path in (ours_file, peer_file)]
    print(
        f"random read of one {SIZE} x {SIZE} slice, median: ours {ours:.3f} ms, npy map"
        f" {peer:.3f} ms, ratio {ours / peer:.1f} (target <= 0.3 ms); size {sizes[0]:.1f} and"
        f" {sizes[1]:.1f} MiB"
    )


if __name__ == "__main__":
    main()
