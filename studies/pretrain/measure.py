"""Measure the network of `predict` on simulated scans with known truth, through the whole of it.

    python studies/pretrain/measure.py simulate WORK [--data DATA]
    python studies/pretrain/measure.py predict WORK --out rows.json

The first writes the scans of measure.yaml; the second predicts each, as the command does, and
writes a row a scan. Sets with label atlases need the folder DATA that has them.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from scan_sets import Subject, simulate_subject, subjects
from scipy import stats

from ssus2mri.images import geometry, volume
from ssus2mri.measures import ssim
from ssus2mri.prediction.evidence import evidence
from ssus2mri.prediction.network import Network, load_network
from ssus2mri.prediction.predict import trust_of
from ssus2mri.prediction.prepare import prepare
from ssus2mri.prediction.sizes import measure
from ssus2mri.prediction.synthesise import Maps, blended, fine_labels, maps_of, see
from ssus2mri.prepare.extract import choose
from ssus2mri.prepare.intensity import scaled
from ssus2mri.tissues import HEAD, INTRACRANIAL, LESIONS, Tissue

EIGHT = tuple(Tissue)[1:9]


def main() -> None:
    """Simulate, or predict and write rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["simulate", "predict"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path, help="folder of the label atlases")
    parser.add_argument("--out", type=Path, default=Path("rows.json"))
    parser.add_argument("--sets", nargs="*", help="only these")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for subject in subjects(arguments.data):
        if arguments.sets and subject.set_name not in arguments.sets:
            continue
        if arguments.verb == "simulate":
            arguments.work.mkdir(parents=True, exist_ok=True)
            simulate_subject(subject, arguments.work)
            print(subject.name, flush=True)
        elif (arguments.work / f"{subject.name}.nii.gz").exists():
            rows.append(row(subject, arguments.work))
            print(json.dumps(rows[-1]), flush=True)
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def row(subject: Subject, work: Path) -> dict[str, Any]:
    """Predict a scan and compare with the truth, in atlas space as it was placed."""
    network = load_network()
    image = volume.read(work / f"{subject.name}.nii.gz")
    prepared = prepare(image, subject.ga_weeks, network)
    seen = see(prepared, network, subject.ga_weeks)
    maps = maps_of(blended(seen, network, subject.ga_weeks), network.calibration.spread["volume"])
    alone = maps_of(seen, network.calibration.spread["plane"])  # as of a plane
    like = network.atlas.labels

    def carried(ending: str, *, nearest: bool) -> NDArray[np.float32]:
        true = volume.read(work / f"{subject.name}_{ending}.nii.gz")
        moved = geometry.resample(true, like, prepared.to_atlas, nearest=nearest)
        return sitk.GetArrayFromImage(moved)

    labels = carried("labels", nearest=True).astype(np.uint8)
    brain = np.isin(labels, INTRACRANIAL)
    truth = scaled(carried("truth", nearest=False) * brain, brain, [0.5, 99.5])[0]
    head = np.isin(labels, HEAD)
    error = np.abs(maps.mr - truth)[brain]
    assert maps.spread is not None
    fine = fine_labels(maps, prepared, network)
    true_labels = _true_labels(work, subject, prepared.to_atlas, fine)
    voxel_ml = float(np.prod(like.GetSpacing())) / prepared.scale**3 / 1000  # of the scan itself
    return {
        "scan": subject.name,
        "set": subject.set_name,
        "pathology": subject.pathology.kind if subject.pathology else "none",
        "ga_weeks": subject.ga_weeks,
        "ssim": similarity(maps.mr, truth, head, network),
        "ssim_network": similarity(alone.mr, truth, head, network),
        "mae": float(error.mean()),
        "dice_network": {t.name.lower(): dice(alone.labels == t, labels == t) for t in EIGHT},
        "dice": {t.name.lower(): dice(maps.labels == t, labels == t) for t in EIGHT},
        "dice_lesion": {t.name.lower(): dice(maps.labels == t, labels == t) for t in LESIONS},
        "predicted_ml": volumes_ml(maps.labels, voxel_ml),
        "true_ml": volumes_ml(labels, voxel_ml),
        "spread_needed": {
            "volume": spread_needed(maps, truth, brain),
            "plane": spread_needed(alone, truth, brain),
        },
        "covered": float((error <= maps.spread[brain] * np.log(10)).mean()),
        "rank": rank(maps, truth, maps.labels != Tissue.BACKGROUND),
        "rank_brain": rank(maps, truth, brain),
        "sizes": {
            "volume": measure(fine, prepared.scale),
            "plane": measure(fine_labels(alone, prepared, network), prepared.scale),
        },
        "true_sizes": measure(true_labels, prepared.scale),
        "evidence": evidence(maps, prepared),
        "pose_confidence": prepared.pose["confidence"],
        "head_dice": dice(maps.labels > 0, head),
    }


def volumes_ml(labels: NDArray[np.uint8], voxel_ml: float) -> dict[str, float]:
    """Return the volumes of ventricles and lesions, ml."""
    shown = (Tissue.VENTRICLES, *LESIONS)
    return {t.name.lower(): float((labels == t).sum()) * voxel_ml for t in shown}


def spread_needed(maps: Maps, truth: NDArray[np.float32], brain: NDArray[np.bool_]) -> float:
    """Return the factor on the expected error by which nine tenths of the errors lie within it."""
    assert maps.spread is not None
    ratio = np.abs(maps.mr - truth)[brain] / (maps.spread[brain] + 1e-6)
    # 90 % under a Laplace distribution lie within log(10) times its scale.
    return float(np.quantile(ratio, 0.9) / np.log(10))


def rank(maps: Maps, truth: NDArray[np.float32], region: NDArray[np.bool_]) -> float:
    """Return Spearman's correlation of trust and accuracy over the voxels of a region.

    Outside the predicted head trust is 0 by definition, whatever the error.
    """
    error = np.abs(maps.mr - truth)
    return float(stats.spearmanr(trust_of(maps, 0.1)[region], -error[region])[0])


def similarity(
    mr: NDArray[np.float32], truth: NDArray[np.float32], head: NDArray[np.bool_], network: Network
) -> float:
    """Return the mean SSIM within the head over the slices that `extract` would choose."""
    pairs = choose(head, network.sections["extract"])
    values = [
        ssim(mr.take(k, axis), truth.take(k, axis), head.take(k, axis))  # type: ignore[arg-type]
        for axis, k in pairs
        if head.take(k, axis).any()
    ]
    return float(np.mean(values))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 0 to 1."""
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def _true_labels(
    work: Path, subject: Subject, to_atlas: sitk.Transform, like: sitk.Image
) -> sitk.Image:
    true = volume.read_labels(work / f"{subject.name}_labels.nii.gz", tuple(Tissue))
    return geometry.resample(true, like, to_atlas, nearest=True)


if __name__ == "__main__":
    main()
