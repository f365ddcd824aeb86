"""Check the segmenter on real MR with labels: Dice of every tissue.

    python studies/segmenter/check.py MANIFEST [--weights FILE] [--out CSV]

Every row of the manifest of modality ``mr`` that has labels of the atlas scheme, scaled as
`extract` does it, segmented in its own pose by the mean of all three planes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import manifest
from ssus2mri.evaluate.segment import dices
from ssus2mri.images.volume import read, read_labels
from ssus2mri.prepare.intensity import scaled
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import WEIGHTS, load_network
from ssus2mri.slices import Header, Slices
from ssus2mri.slicing import cut
from ssus2mri.tissues import ATLAS_LABELS

PERCENTILES = [0.5, 99.5]  # extract.mr_percentiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    network = load_network(arguments.weights)
    rows = []
    for row in manifest.read(arguments.manifest, val=0.1, test=0.2).where(modality="mr"):
        if row.labels:
            volume, truth = cube(Path(row.image), Path(row.labels), row.volume, row.ga_weeks)
            rows.append({"volume": row.volume, **dices(segment(volume, network), truth)})
    table = pd.DataFrame(rows)
    if arguments.out:
        table.to_csv(arguments.out, index=False, float_format="%.3f", lineterminator="\n")
    print(table.to_string(index=False, float_format="%.2f"))


def cube(image: Path, labels: Path, name: str, ga_weeks: float) -> tuple[Slices, NDArray[np.uint8]]:
    """Return all slices of a volume, cut to its brain and padded to a cube, and its labels."""
    mr = sitk.DICOMOrient(read(image), "LPS")
    marked = sitk.DICOMOrient(read_labels(labels, ATLAS_LABELS), "LPS")
    grey, truth = (sitk.GetArrayFromImage(part) for part in (mr, marked))
    unit = scaled(grey, grey > 0, PERCENTILES)[0]
    places = [np.nonzero((truth > 0).any(axis=other))[0] for other in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(place[0], place[-1] + 1) for place in places)
    size = max(part.stop - part.start for part in box)
    room = [(0, size - (part.stop - part.start)) for part in box]
    unit, truth = np.pad(unit[box], room), np.pad(truth[box], room)
    plane = np.repeat(np.arange(3, dtype=np.uint8), size)
    index = np.tile(np.arange(size, dtype=np.int16), 3)
    header = Header(
        volume=name,
        subject=name,
        modality="mr",
        ga_weeks=ga_weeks,
        split="test",
        spacing_mm=mr.GetSpacing()[0],
        size=size,
        low=0.0,
        high=1.0,
    )
    image_slices, head = cut(unit, plane, index), cut(unit, plane, index) > 0
    slices = Slices(header, image_slices.astype(np.float16), plane, index, head)
    return slices, truth


if __name__ == "__main__":
    main()
