"""Synthesise MR for ultrasound slice files with a trained model; write slices and volumes."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.images import volume
from ssus2mri.infer.optimize import Infer, optimize_for_inference
from ssus2mri.infer.roi import bounding_roi
from ssus2mri.infer.seen import certified, require_unseen
from ssus2mri.learn.data.dataset import missing_match
from ssus2mri.learn.data.pool import pool, read_match
from ssus2mri.learn.hardware import device as devices
from ssus2mri.learn.model_file import Model, read_model
from ssus2mri.models import locator
from ssus2mri.slices import Header, Slices
from ssus2mri.slicing import assemble, recut

logger = logging.getLogger(__name__)


def synthesize(
    infer: Infer,
    us: Slices,
    *,
    neighbours: int,
    run: str,
    batch_size: int,
    device: torch.device,
) -> Slices:
    """Synthesise MR for all slices of a volume.

    Args:
        infer: called as ``infer(us, plane, index, ga_weeks)``, on ``device``.
        us: ultrasound slices.
        neighbours: slices on either side that the model sees as well.
        run: name of the run.
        batch_size: slices at a time; it affects only the rounding of results.
        device: where to compute.

    Returns:
        Synthetic MR in [0, 1], 0 outside the head, at the same planes and indices, with the
        predicted positions and the expected errors if ``infer`` returns them; truth and labels are
        left out.
    """
    scan, heads = pool([us]).to(device), torch.from_numpy(us.head)
    images, positions, spreads = [], [], []
    with torch.inference_mode():
        for rows in torch.arange(len(heads)).split(batch_size):
            roi, rows = bounding_roi(heads[rows]), rows.to(device)
            place = scan.plane[rows], scan.index[rows], scan.ga_weeks[rows]
            synthesis = infer(scan.images(rows, neighbours), *place, roi)
            images.append(synthesis.mr[:, 0])
            if synthesis.position is not None:
                positions.append(synthesis.position)
            if synthesis.log_spread is not None:
                spreads.append(synthesis.log_spread[:, 0].float().exp())

    def stacked(parts: list[Tensor]) -> NDArray[np.float16]:
        return (torch.cat(parts).clamp(0, 1).cpu().numpy() * us.head).astype(np.float16)

    return Slices(
        header=replace(us.header, modality="mr", run=run, low=0.0, high=1.0),
        image=stacked(images),
        plane=us.plane,
        index=us.index,
        head=us.head,
        predicted_position=_in_atlas(torch.cat(positions), us.header) if positions else None,
        spread=stacked(spreads) if spreads else None,
    )


def prepare(
    model: Path,
    extracts: list[Path],
    *,
    run: str,
    settings: SynthesizeSettings,
    threads: int,
    matched: Path | None,
) -> tuple[Model, torch.device, Infer]:
    """Read a model and make it ready to infer on slice files; see `run_synthesize`.

    Returns:
        The model, the device, and the network optimised for it.

    Raises:
        InputError: unfit model or file, or a model that was trained on one of the subjects.
    """
    loaded = read_model(model)
    for path in extracts:
        header = slices.read_header(path)
        require_unseen(loaded, model, header, path, allow=settings.allow_seen_subjects)
    traits = loaded.settings.traits
    if traits.shown_match and matched is None:
        raise missing_match(run)
    device = devices.prepare(threads)
    infer = optimize_for_inference(
        loaded.network, device, bfloat16=settings.mixed_precision and traits.learns
    )
    return loaded, device, infer


def run_synthesize(
    model: Path,
    extracts: list[Path],
    *,
    run: str,
    out: Path,
    settings: SynthesizeSettings,
    threads: int,
    matched: Path | None = None,
) -> None:
    """Synthesise MR for every US file: ``{volume}.h5`` and ``{volume}.nii.gz``.

    Args:
        model: file written by `train`.
        extracts: US slice files.
        run: name of the run.
        out: folder.
        settings: section ``synthesize``.
        threads: of the CPU.
        matched: folder of the MR that `match` wrote, for method ``matched``.

    Raises:
        InputError: unfit model or file, or a model that was trained on one of the subjects.
    """
    loaded, device, infer = prepare(
        model, extracts, run=run, settings=settings, threads=threads, matched=matched
    )
    traits = loaded.settings.traits
    # References are cut from a volume already, and `atlas` must stay the training MR, exactly.
    fuse = settings.fuse and traits.learns
    for path in extracts:
        us = slices.read(path)
        if traits.shown_match and matched is not None:
            us = replace(us, image=read_match(us, matched))
        us = replace(us, header=certified(us.header, loaded))
        synthetic = synthesize(
            infer,
            us,
            neighbours=loaded.settings.network.neighbours,
            run=run,
            batch_size=settings.gpu_batch_size if device.type == "cuda" else settings.batch_size,
            device=device,
        )
        assembled = assemble(synthetic)
        if fuse and len(synthetic) > 1:
            synthetic = recut(synthetic, assembled)
        name = synthetic.header.volume
        volume.write(assembled, out / f"{name}.nii.gz")
        slices.write(synthetic, out / f"{name}.h5")
        logger.info("%s: %s, %d slices", run, name, len(synthetic))


def _in_atlas(position: Tensor, header: Header) -> NDArray[np.float32]:
    """Convert the predictions of a model to plane and index of a slice file."""
    plane, index = locator.read(position.float(), header.size)
    return torch.stack([plane.float(), index], dim=1).cpu().numpy()
