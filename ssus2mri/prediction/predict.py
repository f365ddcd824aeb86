"""Predict MR, tissues, trust and sizes of one scan: the function behind the command."""

from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import __version__
from ssus2mri.config.rows import LEAST_WEEKS, MOST_WEEKS
from ssus2mri.errors import InputError, RefusalError
from ssus2mri.images import geometry, volume
from ssus2mri.prediction.average import at_rest, average_head
from ssus2mri.prediction.evidence import evidence, head_probability, mr_likeness, reasons
from ssus2mri.prediction.midline import midline
from ssus2mri.prediction.network import Network, load_network
from ssus2mri.prediction.prepare import Floats, Prepared, prepare, turned
from ssus2mri.prediction.sizes import Size, judged, measure
from ssus2mri.prediction.synthesise import (
    Maps,
    fine_labels,
    labels_onto_scan,
    onto_scan,
    synthesise,
)
from ssus2mri.prepare.ellipsoid import draw, of_mask
from ssus2mri.tissues import Tissue

NOTICE = (
    "For research only, not for diagnosis. The MR is synthetic: a network's estimate, learned from"
    " simulated scans. Cysts and bleeds that it draws may not be there, and it misses some."
)


@dataclass(frozen=True)
class Views:
    """Upright maps in atlas space, ``[z, y, x]``, of a plane one slice; as in `Prediction`.

    ``us`` in [0, 1]; voxels of ``spacing_mm``, in the scan's own mm.
    """

    us: Floats
    mr: Floats
    labels: NDArray[np.uint8]
    trust: Floats
    spacing_mm: float


@dataclass(frozen=True)
class Prediction:
    """What is predicted of a scan, on the scan's own grid.

    ``mr`` float32 in [0, 1], 0 outside the brain; ``labels`` uint8 `Tissue`; ``trust`` float32, the
    probability, 0 to 1, that an intensity of ``mr`` is right within ``tolerance``, 0 outside the
    head; the last two are None if the network knows no tissues. ``sizes`` by name; ``pose`` how
    the head was placed; ``head_probability`` that it is a fetal head, None of a volume, whose pose
    has a confidence; ``refused`` why it would be refused, empty unless forced; ``views`` the same
    upright, for pictures: there trust is 0 outside the brain.
    """

    mr: sitk.Image
    labels: sitk.Image | None
    trust: sitk.Image | None
    sizes: dict[str, Size]
    pose: dict[str, object]
    head_probability: float | None
    refused: tuple[str, ...]
    ga_weeks: float
    tolerance: float
    network: str
    sha256: str
    views: Views
    version: str = __version__
    notice: str = NOTICE


def predict(
    image: sitk.Image,
    *,
    ga_weeks: float,
    mask: sitk.Image | None = None,
    model: Path | str | None = None,
    force: bool = False,
) -> Prediction:
    """Predict what an MR of the head in an ultrasound would show.

    Args:
        image: ultrasound, 3D or a 2D axial plane, world in mm, 0 outside the field of view.
        ga_weeks: gestational age, weeks, 10 to 45.
        mask: the head, on the image's grid; None: found.
        model: ``model.safetensors`` of a project's own run; None: the network in the package.
        force: predict what would be refused, and say so in ``refused``.

    Returns:
        The prediction.

    Raises:
        RefusalError: it is not to be predicted: no fetal head, an uncertain pose, a size or an age
            that does not suit.
        InputError: the model cannot be used, or image, mask or age are none that a scan can have.
    """
    _require_age(ga_weeks)
    image = volume.held_scan(image)
    mask = None if mask is None else volume.held_mask(mask, image)
    network = load_network(None if model is None else Path(model))
    prepared, maps = placed(image, ga_weeks, network, mask=mask)
    probability = None
    calibration, settings = network.calibration, network.sections["predict"]
    kind = "plane" if prepared.index is not None else "volume"
    if maps.tissue is not None and kind in calibration.head:
        probability = head_probability(evidence(maps, prepared), calibration.head[kind])
    refused = reasons(
        prepared,
        ga_weeks=ga_weeks,
        ages_weeks=settings.ages_weeks,
        min_confidence=network.sections["align"].min_confidence,
        max_size_ratio=network.sections["crop"].max_size_ratio,
        probability=probability,
        min_head=settings.min_head,
        likeness=_likeness(prepared, ga_weeks, network),
        max_likeness=settings.max_mr_likeness,
    )
    if refused and not force:
        raise RefusalError(*refused)
    labels, trust, sizes = None, None, {}
    if maps.tissue is not None and maps.spread is not None:
        fine = fine_labels(maps, prepared, network)
        labels = geometry.from_array(labels_onto_scan(fine, prepared, image), image)
        shown = onto_scan(trust_of(maps, settings.tolerance), prepared, network, image)
        trust = geometry.from_array(shown, image)
        sizes = judged(
            measure(fine, prepared.scale),
            calibration,
            kind=kind,
            ga_weeks=ga_weeks,
            interval=settings.interval,
        )
    return Prediction(
        mr=geometry.from_array(onto_scan(maps.mr, prepared, network, image), image),
        labels=labels,
        trust=trust,
        sizes=sizes,
        pose=prepared.pose,
        head_probability=probability,
        refused=tuple(refused),
        ga_weeks=ga_weeks,
        tolerance=settings.tolerance,
        network=network.run,
        sha256=network.sha256,
        views=Views(
            us=prepared.us,
            mr=maps.mr,
            labels=maps.labels,
            trust=trust_of(maps, settings.tolerance) * (maps.mr > 0),
            spacing_mm=network.atlas.labels.GetSpacing()[0] / prepared.scale,
        ),
    )


def placed(
    image: sitk.Image, ga_weeks: float, network: Network, *, mask: sitk.Image | None = None
) -> tuple[Prepared, Maps]:
    """Place a scan and run the network over it, over a plane three times.

    Args:
        image: as of `predict`.
        ga_weeks: gestational age, weeks.
        network: to run.
        mask: the head; None: found.

    Returns:
        The scan in atlas space, and the maps.

    Raises:
        RefusalError: there is no head in it.
    """
    image = sitk.Cast(image, sitk.sitkFloat32)
    prepared = prepare(image, ga_weeks, network, mask=mask)
    maps = synthesise(prepared, network, ga_weeks)
    if prepared.index is not None and maps.tissue is not None:
        return _again(image, prepared, maps, network, ga_weeks)
    return prepared, maps


def _likeness(prepared: Prepared, ga_weeks: float, network: Network) -> float | None:
    """Return the likeness of a volume to MR; None of a plane, in which it tells nothing."""
    if prepared.index is not None or not network.blends:
        return None
    spacing_mm = network.atlas.labels.GetSpacing()[0]
    average = at_rest(average_head(ga_weeks), len(prepared.us), spacing_mm)
    return mr_likeness(prepared.us, average)


def _require_age(ga_weeks: object) -> None:
    number = isinstance(ga_weeks, Real) and not isinstance(ga_weeks, bool)
    if not number or not LEAST_WEEKS <= float(ga_weeks) <= MOST_WEEKS:  # type: ignore[arg-type]
        raise InputError(
            "ga_weeks",
            expected=f"a number of weeks, {LEAST_WEEKS} to {MOST_WEEKS}",
            found=repr(ga_weeks),
            do="Give the gestational age in weeks, such as 23.57 for 23 + 4.",
        )


def trust_of(maps: Maps, tolerance: float) -> Floats:
    """Return the probability that an intensity is right within a tolerance.

    Args:
        maps: with the expected absolute error, the scale of a Laplace distribution.
        tolerance: of intensities in [0, 1].

    Returns:
        float32, 0 to 1; 0 outside the head, or without tissues.
    """
    if maps.spread is None:
        return np.zeros(maps.mr.shape, np.float32)
    share = 1 - np.exp(-tolerance / np.maximum(maps.spread, 1e-6))
    return (share * (maps.labels != Tissue.BACKGROUND)).astype(np.float32)


def _again(
    image: sitk.Image, prepared: Prepared, maps: Maps, network: Network, ga_weeks: float
) -> tuple[Prepared, Maps]:
    """Place a plane once more by outline and midline that the network sees, and read it again."""
    seen = sitk.GetImageFromArray((maps.labels[0] != Tissue.BACKGROUND).astype(np.uint8))
    if not sitk.GetArrayViewFromImage(seen).any():
        return prepared, maps
    head = onto_scan(
        (maps.labels != Tissue.BACKGROUND).astype(np.float32), prepared, network, image
    )
    outline = geometry.from_array((head > 0.5).astype(np.uint8), image)
    if not sitk.GetArrayViewFromImage(outline).any():
        return prepared, maps
    again = prepare(image, ga_weeks, network, mask=draw(of_mask(outline), image))
    maps = synthesise(again, network, ga_weeks)
    assert maps.tissue is not None
    line = midline(maps.tissue[:, 0])
    if line is not None:
        again = turned(again, image, network, line)
        maps = synthesise(again, network, ga_weeks)
    return replace(again, mask=prepared.mask, hc_mm=prepared.hc_mm), maps
