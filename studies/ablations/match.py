"""Compare settings of section `match`: how near MR deformed onto a head comes to its true MR.

    snakemake --cores 2 --until extract view \
        --configfile config/small.yaml studies/ablations/ablations.yaml
    python studies/ablations/match.py [results] [--split val]

Each setting is changed by itself; slices are compared one by one within the head, as in validation.
Two more rows leave out one or both of the deformations.
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
from ssus2mri.measures import psnr, ssim
from ssus2mri.prepare.blend import blend
from ssus2mri.prepare.extract import read_aligned
from ssus2mri.prepare.intensity import scaled
from ssus2mri.prepare.match import AtlasImages, match
from ssus2mri.slices import Slices
from ssus2mri.slicing import cut

CONFIG = str(Path(__file__).parents[2] / "config" / "config.yaml")
FFD: dict[str, dict[str, Any]] = {
    "mesh of 10 mm": {"mesh_mm": [10.0]},
    "mesh of 12 mm": {"mesh_mm": [12.0]},
    "mesh of 20 mm": {"mesh_mm": [20.0]},
    "8 iterations": {"iterations": 8},
    "32 iterations": {"iterations": 32},
    "images smoothed by 1 mm": {"smooth_mm": [1.0]},
}
NO_SIDE = "the atlas from no side, as for alignment"
EVERY = 4  # every fourth slice is compared


def variants(settings: MatchSettings) -> dict[str, MatchSettings]:
    """Return the configured settings, and one change of them each."""
    changes: list[tuple[str, dict[str, Any]]] = [
        *((f"window of {mm:g} mm", {"window_mm": mm}) for mm in (1.0, 3.0, 8.0)),
        *((f"field smoothed by {mm:g} mm", {"field_smooth_mm": mm}) for mm in (0.0, 2.0, 5.0)),
        *((name, {"ffd": settings.ffd.model_copy(update=ffd)}) for name, ffd in FFD.items()),
    ]
    changed = {name: settings.model_copy(update=update) for name, update in changes}
    return {"as configured": settings, **changed}


def scan(root: Path, volume: str) -> tuple[sitk.Image, sitk.Image]:
    """Read an aligned scan and its mask."""
    stem = f"{root}/{{}}/{volume}".format
    paths = (f"{stem('align')}.nii.gz", f"{stem('crop')}_mask.nii.gz", f"{stem('align')}.tfm")
    image, mask, _ = read_aligned(*map(Path, paths), plane=False)
    return image, mask


def likeness(mr: sitk.Image, us: Slices) -> NDArray[np.float64]:
    """Return mean SSIM and PSNR to the truth."""
    assert us.truth is not None, "only simulated scans have a truth"
    images = cut(sitk.GetArrayFromImage(mr), us.plane, us.index) * us.head
    slices_used = zip(images[::EVERY], us.truth[::EVERY], us.head[::EVERY], strict=True)
    return np.mean([(ssim(*images), psnr(*images)) for images in slices_used], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--split", default="val")
    arguments = parser.parse_args()
    root = arguments.results
    settings = load_section(MatchSettings, CONFIG, "match")
    percentiles = load_section(ExtractSettings, CONFIG, "extract").mr_percentiles
    headers = [slices.read_header(path) for path in sorted((root / "extract").glob("*.h5"))]
    scans = [
        scan(root, header.volume)
        for header in headers
        if (header.modality, header.split) == ("mr", "train")
    ]
    template, head, labels = (
        read(root / f"template/{name}.nii.gz") for name in ("mr", "head", "labels")
    )
    ideal = read(root / "template/us.nii.gz")
    views = [read(path) for path in sorted((root / "view").glob("*.nii.gz"))]
    begun = time.process_time()
    mean = blend(scans, template, percentiles=percentiles, settings=settings)
    atlas = AtlasImages(views, head, labels, mean)
    print(f"blend of {len(scans)} MR: {time.process_time() - begun:.0f} CPU s")
    arrays = [
        (sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask)) for image, mask in scans
    ]
    plain = sitk.GetImageFromArray(
        np.mean([scaled(image, mask > 0, percentiles)[0] for image, mask in arrays], axis=0)
    )
    variant_settings = variants(settings) | {NO_SIDE: settings}
    atlases = dict.fromkeys(variant_settings, atlas) | {NO_SIDE: replace(atlas, us=[ideal])}
    rows: dict[str, list[NDArray[np.float64]]] = {
        name: [] for name in ("mean of the training MR", "blend, not deformed", *variant_settings)
    }
    spent = dict.fromkeys(rows, 0.0)
    for header in headers:
        if (header.modality, header.split) != ("us", arguments.split):
            continue
        name = header.volume
        image, mask = scan(root, name)
        truth = slices.read(root / f"extract/{name}.h5")
        rows["mean of the training MR"].append(likeness(plain, truth))
        rows["blend, not deformed"].append(likeness(mean, truth))
        for variant, own_settings in variant_settings.items():
            begun = time.process_time()
            matched = match(image, mask, atlases[variant], own_settings).mr
            spent[variant] += time.process_time() - begun
            rows[variant].append(likeness(matched, truth))
    print("| settings | SSIM | PSNR, dB | CPU s per scan |")
    print("|---|---|---|---|")
    for name, scores in rows.items():
        mean_ssim, mean_psnr = np.mean(scores, axis=0)
        seconds = spent[name] / len(scores)
        print(f"| {name} | {mean_ssim:.3f} | {mean_psnr:.1f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
