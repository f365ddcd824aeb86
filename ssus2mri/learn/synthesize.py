"""Synthesise MR: a model and US slice files in, synthetic slice files and volumes out."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.images import volume
from ssus2mri.learn import device as devices
from ssus2mri.learn.checkpoint import Model, read_model
from ssus2mri.learn.dataset import lacks_match, match_of, pool
from ssus2mri.learn.fold import Infer, lean
from ssus2mri.learn.methods import UNTRAINED
from ssus2mri.learn.window import around
from ssus2mri.models import locator
from ssus2mri.slices import Header, Slices

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
        neighbours: slices on either side that it sees beside each slice.
        run: name of the run.
        batch_size: slices at a time; of results it changes the rounding.
        device: where to compute.

    Returns:
        Synthetic MR in [0, 1], 0 outside the head, at the same planes and indices, with the
        predicted positions where ``infer`` gives them; truth and labels are left out.
    """
    known, heads = pool([us]).to(device), torch.from_numpy(us.head)
    images, positions = [], []
    with torch.inference_mode():
        for rows in torch.arange(len(known)).split(batch_size):
            window, rows = around(heads[rows]), rows.to(device)
            given = known.images(rows, neighbours)
            place = known.plane[rows], known.index[rows], known.ga_weeks[rows]
            mr, position = infer(given, *place, window)
            images.append(mr[:, 0])
            if position is not None:
                positions.append(position)
    image = torch.cat(images).clamp(0, 1).cpu().numpy() * us.head
    return Slices(
        header=replace(us.header, modality="mr", run=run, low=0.0, high=1.0),
        image=image.astype(np.float16),
        plane=us.plane,
        index=us.index,
        head=us.head,
        predicted_position=_in_atlas(torch.cat(positions), us.header) if positions else None,
    )


def assemble(made: Slices) -> sitk.Image:
    """Put slices back into atlas space.

    Args:
        made: slices of a volume, in any planes; or one slice, a 2D plane.

    Returns:
        float32 image on the atlas grid: the mean of all slices that pass through a voxel, 0 where
        none does. A single slice gives a 2D image.
    """
    header = made.header
    if len(made) == 1:
        return _placed(made.image[0].astype(np.float32), header)
    total = np.zeros((header.size,) * 3, np.float32)
    count = np.zeros((header.size,) * 3, np.float32)
    for image, plane, index in zip(made.image, made.plane, made.index, strict=True):
        where: list[slice | int] = [slice(None)] * 3
        where[int(plane)] = int(index)
        total[tuple(where)] += image
        count[tuple(where)] += 1
    return _placed(total / np.maximum(count, np.float32(1)), header)


def recut(made: Slices, assembled: sitk.Image) -> Slices:
    """Cut the slices anew from the assembled volume, where all planes agree.

    Not stated in the source, which takes each slice by itself.

    Args:
        made: slices of a volume.
        assembled: what `assemble` made of them.

    Returns:
        The same slices, 0 outside the head as before.
    """
    array = sitk.GetArrayViewFromImage(assembled)
    cuts = zip(made.index, made.plane, strict=True)
    image = np.stack([array.take(int(index), axis=int(plane)) for index, plane in cuts])
    return replace(made, image=(image * made.head).astype(np.float16))


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
        model: written by `train`.
        extracts: US slice files.
        run: name of the run.
        out: folder.
        settings: section ``synthesize``.
        threads: of the CPU.
        matched: folder of the MR that `match` wrote, for method ``matched``.

    Raises:
        InputError: unfit model or file, or the model was trained on one of the subjects.
    """
    loaded = read_model(model)
    for path in extracts:
        _check(loaded, model, slices.read_header(path), path)
    if loaded.settings.shown_match and matched is None:
        raise lacks_match(run)
    device = devices.prepare(threads)
    # What is not learned is cut from a volume already; `atlas` must stay the training MR, exactly.
    learned = loaded.settings.method not in UNTRAINED
    fuse = settings.fuse and learned
    infer = lean(loaded.network, device, bfloat16=settings.mixed_precision and learned)
    for path in extracts:
        us = slices.read(path)
        if loaded.settings.shown_match:
            assert matched is not None
            us = replace(us, image=match_of(us, matched))
        made = synthesize(
            infer,
            us,
            neighbours=loaded.settings.network.neighbours,
            run=run,
            batch_size=settings.gpu_batch_size if device.type == "cuda" else settings.batch_size,
            device=device,
        )
        assembled = assemble(made)
        if fuse and len(made) > 1:
            made = recut(made, assembled)
        volume.write(assembled, out / f"{made.header.volume}.nii.gz")
        slices.write(made, out / f"{made.header.volume}.h5")
        logger.info("%s: %s, %d slices", run, made.header.volume, len(made))


def _check(loaded: Model, model: Path, header: Header, path: Path) -> None:
    if header.modality != "us":
        raise InputError(
            str(path),
            expected="ultrasound slices",
            found=f"modality {header.modality!r}",
            do="Give the slice files of US volumes.",
        )
    if header.subject in loaded.subjects:
        raise InputError(
            str(path),
            expected=f"a subject that {model} was not trained or validated on",
            found=f"subject {header.subject!r}, which it was",
            do="Train again with this subject in split `test`.",
        )


def _in_atlas(position: Tensor, header: Header) -> NDArray[np.float32]:
    """Bring what a model predicts to the numbers of a slice file."""
    plane, index = locator.read(position.float(), header.size)
    return torch.stack([plane.float(), index], dim=1).cpu().numpy()


def _placed(array: NDArray[np.floating], header: Header) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([header.spacing_mm] * image.GetDimension())
    image.SetOrigin(header.origin_mm[: image.GetDimension()])
    return image
