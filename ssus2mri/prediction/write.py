"""Write a prediction: images on the scan's grid, a JSON file and a page."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssus2mri.files import remove, write_text
from ssus2mri.images import volume
from ssus2mri.prediction.predict import Prediction
from ssus2mri.render.prediction import prediction_page

ENDINGS = ("_mr.nii.gz", "_labels.nii.gz", "_trust.nii.gz", ".json", ".html")


def write(prediction: Prediction, name: str, out: Path, *, interval: float) -> None:
    """Write all outputs of a scan; each appears whole or not at all.

    Args:
        prediction: of the scan.
        name: of the scan: ``{name}_mr.nii.gz`` and so on.
        out: folder.
        interval: probability that a size lies in its interval, as the page says.

    Raises:
        InputError: something cannot be written.
    """
    for end in ENDINGS:  # of an earlier prediction, with which these must not be mixed
        remove(out / f"{name}{end}")
    images = {"mr": prediction.mr, "labels": prediction.labels, "trust": prediction.trust}
    remark = "FORCED, would be refused. " if prediction.refused else ""
    for kind, image in images.items():
        if image is not None:
            volume.write(volume.marked(image, remark), out / f"{name}_{kind}.nii.gz")
    said = facts(prediction, name, interval=interval)
    write_text(json.dumps(said, indent=2) + "\n", out / f"{name}.json")
    views = prediction.views
    page = prediction_page(
        name, us=views.us, mr=views.mr, labels=views.labels, trust=views.trust, facts=said
    )
    write_text(page, out / f"{name}.html")


def facts(prediction: Prediction, name: str, *, interval: float) -> dict[str, Any]:
    """Return what the JSON file says; all numbers are finite or None."""
    said = {
        "scan": name,
        "notice": prediction.notice,
        "forced": bool(prediction.refused),
        "refused": list(prediction.refused),
        "ga_weeks": prediction.ga_weeks,
        "dimensions": prediction.mr.GetDimension(),
        "head_probability": prediction.head_probability,
        "pose": prediction.pose,
        "interval": interval,
        "sizes": {size: asdict(values) for size, values in prediction.sizes.items()},
        "tolerance": prediction.tolerance,
        "made_with": {
            "ssus2mri": prediction.version,
            "network": prediction.network,
            "weights_sha256": prediction.sha256,
        },
    }
    plain: dict[str, Any] = _plain(said)
    return plain


def _plain(value: Any) -> Any:
    """Return JSON's own types: rounded numbers, None for those that are not finite."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    number = float(value)
    return round(number, 4) if math.isfinite(number) else None
