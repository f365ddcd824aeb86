"""Stage `explain`: latent spaces and attention maps of a run, and its response to stamped squares.

``{run}.npz`` holds, of the middle axial slice of a scan: ``run``, ``volume``, ``plane``, ``index``;
of the forward path ``us (H, W)``, ``latent_a (C, h, w)``, ``attention_a`` and ``mr (H, W)``; of the
backward path, where the run has one, ``latent_d``, ``attention_d`` and ``us_back``. Images are in
[0, 1] as pictures show them (`ssus2mri.display`). Figure 5 is drawn from it.

Figure 7 is drawn from ``stamped_us`` and ``stamped_mr (P, K, H, W)``: the patterns of `probe` in
the middle slice of every plane and their synthesis, each slice by itself; ``patterns (P,)`` and
``planes (K,)`` name them.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.arrays import write
from ssus2mri.config.evaluate import PATTERNS, ProbeSettings
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.display import white_level, within_skull
from ssus2mri.errors import InputError
from ssus2mri.infer.patterns import draw_patterns, stamp
from ssus2mri.infer.seen import require_unseen
from ssus2mri.learn.data.pool import pool
from ssus2mri.learn.model_file import read_model
from ssus2mri.models.generator import Generator
from ssus2mri.models.learned_atlas import Place
from ssus2mri.slices import PLANES, Slices

logger = logging.getLogger(__name__)


class Look(NamedTuple):
    """A path of the generator at a slice: latent ``(C, h, w)``, attention and output ``(H, W)``."""

    latent: Tensor
    attention: Tensor
    output: Tensor


def grad_cam(features: Tensor, output: Tensor, size: tuple[int, int]) -> Tensor:
    """Map where features speak for an output: ReLU of their sum, weighted by mean gradients.

    Source: Selvaraju et al. 2017 (Grad-CAM), Eqs. 1 and 2; TMI 2020, Sec. III-F takes an attention
    map "by the approach in [39]". Of what the gradient is, in a network without classes, is not
    stated there; ours is the sum of the output image within the head.

    Args:
        features: ``(N, C, h, w)``, of which ``output`` is a function.
        output: scalar.
        size: of the map.

    Returns:
        ``(N, *size)`` in [0, 1], the highest of each map 1; zeros where nothing speaks for it.
    """
    (gradient,) = torch.autograd.grad(output, features, retain_graph=True)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weights * features).sum(dim=1, keepdim=True))
    cam = F.interpolate(cam, size=size, mode="bilinear", align_corners=False)[:, 0]
    highest = cam.amax(dim=(1, 2), keepdim=True)
    return (cam / highest.clamp_min(torch.finfo(cam.dtype).tiny)).detach()


def explain(network: Generator, us: Tensor, place: Place, head: Tensor) -> tuple[Look, Look | None]:
    """Look into both paths of a generator at one slice.

    Args:
        network: in evaluation mode.
        us: ``(1, channels, H, W)``, the slice between its neighbours.
        place: of the slice.
        head: ``(H, W)``.

    Returns:
        The forward path, and the backward path if the generator infers ultrasound.
    """
    height, width = head.shape
    forward = network.translate(us.clone().requires_grad_(), place, reconstruct=False)
    attention = grad_cam(forward.latent, forward.mr[0, 0][head].sum(), (height, width))
    there = Look(forward.latent[0].detach(), attention[0], forward.mr[0, 0].detach())
    if network.encoder_d is None or network.decoder_e is None:
        return there, None
    us_back, latent = network.infer_back(forward.mr)
    assert us_back is not None
    attention = grad_cam(latent, us_back[0, 0][head].sum(), (height, width))
    return there, Look(latent[0].detach(), attention[0], us_back[0, 0].detach())


def middle_slices(us: Slices) -> list[int]:
    """Return the middle slice of every plane that there is, axial first."""
    middle = []
    for plane in np.unique(us.plane):
        rows = np.flatnonzero(us.plane == plane)
        rows = rows[np.argsort(us.index[rows], kind="stable")]
        middle.append(int(rows[len(rows) // 2]))
    return middle


def stamped(
    network: Generator, us: Slices, rows: list[int], neighbours: int, settings: ProbeSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stamp the patterns of `probe` into slices and synthesise them.

    Source: TMI 2020, Sec. IV-E.a and Fig. 7.

    Args:
        network: in evaluation mode.
        us: a volume.
        rows: numbers of the slices.
        neighbours: slices on either side that the run sees as well; they are not stamped.
        settings: section ``probe``.

    Returns:
        Ultrasound and synthetic MR, each ``(P, K, H, W)``: a pattern, a slice.
    """
    shown, synthetic = [], []
    for pattern in PATTERNS:
        masks = draw_patterns(us, pattern, rows, settings)
        with_pattern = stamp(us, rows, masks, settings.intensity)
        stacked, numbers = pool([with_pattern]), torch.tensor(rows)
        images = stacked.images(numbers, neighbours)
        with torch.inference_mode():
            mr = network.translate(images, stacked.place(numbers), reconstruct=False).mr[:, 0]
        shown.append(with_pattern.image[rows].astype(np.float32))
        synthetic.append(mr.numpy() * us.head[rows])
    return np.stack(shown), np.stack(synthetic)


def run_explain(
    model: Path,
    extract: Path,
    *,
    run: str,
    out: Path,
    settings: ProbeSettings,
    synthesis: SynthesizeSettings,
) -> None:
    """Explain a run at a slice of a scan and write ``{run}.npz``.

    Raises:
        InputError: unfit model or file, a run without the source's generator, or a model that was
            trained on the subject.
    """
    loaded, us = read_model(model), slices.read(extract)
    require_unseen(loaded, model, us.header, extract, allow=synthesis.allow_seen_subjects)
    if not isinstance(loaded.network, Generator):
        raise InputError(
            str(model),
            expected="a run with the generator of the source (method synthesis)",
            found=f"method {loaded.settings.method}",
            do="Explain another run.",
        )
    rows, neighbours = middle_slices(us), loaded.settings.network.neighbours
    row = rows[0]
    scan, number = pool([us]), torch.tensor([row])
    images = scan.images(number, neighbours)
    there, back = explain(
        loaded.network, images, scan.place(number), torch.from_numpy(us.head[row])
    )
    white = white_level(us.image, within_skull(us.head, us.header.spacing_mm))

    def shown(image: Tensor, white: float = 1.0) -> NDArray[np.float32]:
        return np.clip(image.float().numpy() / white, 0, 1).astype(np.float32) * us.head[row]

    arrays: dict[str, NDArray[Any]] = {
        "run": np.array(run),
        "volume": np.array(us.header.volume),
        "plane": np.array(PLANES[us.plane[row]]),
        "index": np.array(us.index[row]),
        "us": shown(torch.from_numpy(us.image[row]), white),
        "latent_a": there.latent.numpy(),
        "attention_a": shown(there.attention),
        "mr": shown(there.output),
    }
    if back is not None:
        arrays |= {
            "latent_d": back.latent.numpy(),
            "attention_d": shown(back.attention),
            "us_back": shown(back.output, white),
        }
    stamped_us, stamped_mr = stamped(loaded.network, us, rows, neighbours, settings)
    arrays |= {
        "stamped_us": np.clip(stamped_us / white, 0, 1),
        "stamped_mr": np.clip(stamped_mr, 0, 1),
        "patterns": np.array(PATTERNS),
        "planes": np.array([PLANES[us.plane[row]] for row in rows]),
    }
    write(arrays, out)
    logger.info("%s: %s slice %d of %s", out, PLANES[us.plane[row]], us.index[row], run)
