"""Predict several scans, one after the other, and write what comes out."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from ssus2mri.errors import InputError, RefusalError
from ssus2mri.images import volume
from ssus2mri.learn.hardware import device
from ssus2mri.prediction.network import load_network
from ssus2mri.prediction.predict import Prediction, predict
from ssus2mri.prediction.source import Source
from ssus2mri.prediction.write import ENDINGS, write

logger = logging.getLogger(__name__)


def run_predict(
    scans: Sequence[Source], *, out: Path, model: Path | None, force: bool, threads: int
) -> None:
    """Predict scans and write their outputs; one that fails does not stop the rest.

    Args:
        scans: to predict.
        out: folder.
        model: of a project's own run; None: the network in the package.
        force: predict what would be refused.
        threads: of the CPU.

    Raises:
        RefusalError: scans were refused, and nothing worse.
        InputError: a scan or the model cannot be read; the message names all that failed.
        Exception: the first fault of the program itself, after all scans.
    """
    device.prepare(threads)
    interval = load_network(model).sections["predict"].interval
    failed: list[InputError] = []
    faults: list[Exception] = []
    for number, scan in enumerate(scans, start=1):
        started = time.monotonic()
        try:
            prediction = _predict(scan, model, force)
            write(prediction, scan.name, out, interval=interval)
        except InputError as error:
            failed.append(_named(error, scan))
            _tell_earlier(scan.name, out)
            if len(scans) > 1:  # else it is said at the end
                logger.warning("%d of %d: %s", number, len(scans), failed[-1])
            continue
        except Exception as error:
            faults.append(error)
            kind = type(error).__name__
            logger.warning("%d of %d: %s: %s: %s", number, len(scans), scan.path, kind, error)
            continue
        seconds = time.monotonic() - started
        logger.info(
            "%d of %d: %s, %.0f s", number, len(scans), summary(prediction, scan.name), seconds
        )
    if faults:
        raise faults[0]
    if failed:
        refused = all(isinstance(error, RefusalError) for error in failed)
        messages = [str(error) for error in failed]
        raise RefusalError.several(messages) if refused else InputError.several(messages)


def summary(prediction: Prediction, name: str) -> str:
    """Say in a line what came out."""
    sizes = [f"{size.replace('_', ' ')} {v.mm:.1f} mm" for size, v in prediction.sizes.items()]
    forced = "FORCED, " if prediction.refused else ""
    return f"{forced}{name}: {', '.join(sizes) or 'no sizes'}"


def _predict(scan: Source, model: Path | None, force: bool) -> Prediction:
    seen: tuple[str, ...] = ()
    if scan.subject in load_network(model).subjects:
        seen = (f"subject {scan.subject!r}, on whom the network was trained",)
        if not force:
            raise RefusalError(*seen)
    if scan.path.is_file() or scan.path.is_dir():  # no pipe, which would never end
        volume.require_modality(scan.path, "us")
    image: sitk.Image
    if scan.plane:
        image = volume.read_plane(scan.path, scan.pixel_mm, scan.frame)
    else:
        image = volume.read(scan.path)
    mask = volume.read_mask(scan.mask, image) if scan.mask is not None else None
    prediction = predict(image, ga_weeks=scan.ga_weeks, mask=mask, model=model, force=force)
    return replace(prediction, refused=(*seen, *prediction.refused))


def _named(error: InputError, scan: Source) -> InputError:
    """Say which scan an error is of; those of a manifest are known by their volume."""
    if isinstance(error, RefusalError):
        where = f"volume {scan.name} ({scan.path})" if scan.subject else str(scan.path)
        return RefusalError(*error.reasons, scan=where)
    return InputError.several([f"volume {scan.name}: {error}"]) if scan.subject else error


def _tell_earlier(name: str, out: Path) -> None:
    """Warn of outputs of an earlier call beside a scan that was not predicted now."""
    earlier = [f"{name}{end}" for end in ENDINGS if (out / f"{name}{end}").exists()]
    if earlier:
        logger.warning("%s: %s are of an earlier prediction", out, ", ".join(earlier))
