"""How near MR deformed onto a head comes to its true MR, for settings of section `match`.

    python benchmarks/match.py [results] [--split val]

Needs the prepared scans of a simulated project (`config/study.yaml`, until `extract`). Slices are
judged one by one within the head, as in validation. Beside the settings: what the same MR gives
without each of the two deformations.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import ExtractSettings, MatchSettings
from ssus2mri.images.volume import read
from ssus2mri.learn.validate import likeness
from ssus2mri.prepare.blend import blend
from ssus2mri.prepare.extract import aligned, cut, scaled
from ssus2mri.prepare.match import Atlas, match
from ssus2mri.slices import Slices

CONFIG = str(Path(__file__).parents[1] / "config" / "config.yaml")
FFD: dict[str, dict[str, Any]] = {
    "mesh of 10 mm": {"mesh_mm": [10.0]},
    "mesh of 12 mm": {"mesh_mm": [12.0]},
    "mesh of 20 mm": {"mesh_mm": [20.0]},
    "4 iterations": {"iterations": 4},
    "16 iterations": {"iterations": 16},
    "images smoothed by 1 mm": {"smooth_mm": [1.0]},
}
NO_SIDE = "the atlas from no side, as for alignment"
EVERY = 4  # slices judged


def variants(settings: MatchSettings) -> dict[str, MatchSettings]:
    """Give the configured settings, and each other choice by itself."""
    others: list[tuple[str, dict[str, Any]]] = [
        *((f"window of {mm:g} mm", {"window_mm": mm}) for mm in (1.0, 3.0, 8.0)),
        *((f"field smoothed by {mm:g} mm", {"field_smooth_mm": mm}) for mm in (0.0, 2.0, 5.0)),
        *((name, {"ffd": settings.ffd.model_copy(update=one)}) for name, one in FFD.items()),
    ]
    changed = {name: settings.model_copy(update=one) for name, one in others}
    return {"as configured": settings, **changed}


def scan(root: Path, volume: str) -> tuple[sitk.Image, sitk.Image]:
    """Read an aligned scan and its mask."""
    stem = f"{root}/{{}}/{volume}".format
    paths = (f"{stem('align')}.nii.gz", f"{stem('crop')}_mask.nii.gz", f"{stem('align')}.tfm")
    image, mask, _ = aligned(*map(Path, paths), plane=False)
    return image, mask


def judge(mr: sitk.Image, known: Slices) -> NDArray[np.float64]:
    """Give mean SSIM and PSNR with the truth."""
    pairs = list(zip(known.plane.tolist(), known.index.tolist(), strict=True))
    made = cut(sitk.GetArrayFromImage(mr), pairs).astype(np.float32)
    assert known.truth is not None, "only simulated scans have a truth"
    every = zip(made[::EVERY], known.truth[::EVERY], known.head[::EVERY], strict=True)
    found = [likeness(one, truth.astype(np.float32), head) for one, truth, head in every]
    return np.mean(found, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--split", default="val")
    given = parser.parse_args()
    root = given.results
    settings = load_section(MatchSettings, CONFIG, "match")
    percentiles = load_section(ExtractSettings, CONFIG, "extract").mr_percentiles
    headers = [slices.read_header(path) for path in sorted((root / "extract").glob("*.h5"))]
    training = [one for one in headers if (one.modality, one.split) == ("mr", "train")]
    scans = [scan(root, one.volume) for one in training]
    template, *others = (
        read(root / f"template/{name}.nii.gz") for name in ("mr", "head", "labels")
    )
    ideal = read(root / "template/us.nii.gz")
    views = [read(path) for path in sorted((root / "view").glob("*.nii.gz"))]
    begun = time.process_time()
    mean = blend(scans, template, percentiles=percentiles, settings=settings)
    atlas = Atlas(views, *others, mean)
    print(f"blend of {len(scans)} MR: {time.process_time() - begun:.0f} CPU s")
    arrays = [[sitk.GetArrayFromImage(one) for one in known] for known in scans]
    units = [scaled(image, mask > 0, percentiles)[0] for image, mask in arrays]
    plain = sitk.GetImageFromArray(np.mean(units, axis=0))
    known = variants(settings)
    of = dict.fromkeys(known, atlas) | {NO_SIDE: replace(atlas, us=[ideal])}
    known[NO_SIDE] = settings
    rows: dict[str, list[NDArray[np.float64]]] = {
        name: [] for name in ("mean of the training MR", "blend, not deformed", *known)
    }
    spent = dict.fromkeys(rows, 0.0)
    for header in headers:
        if (header.modality, header.split) != ("us", given.split):
            continue
        name = header.volume
        image, mask = scan(root, name)
        truth = slices.read(root / f"extract/{name}.h5")
        rows["mean of the training MR"].append(judge(plain, truth))
        rows["blend, not deformed"].append(judge(mean, truth))
        for variant, chosen in known.items():
            begun = time.process_time()
            made = match(image, mask, of[variant], chosen).mr
            spent[variant] += time.process_time() - begun
            rows[variant].append(judge(made, truth))
    print("| settings | SSIM | PSNR, dB | CPU s a scan |")
    print("|---|---|---|---|")
    for name, found in rows.items():
        ssim, psnr = np.mean(found, axis=0)
        print(f"| {name} | {ssim:.3f} | {psnr:.1f} | {spent[name] / len(found):.1f} |")


if __name__ == "__main__":
    main()
