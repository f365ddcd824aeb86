"""Which subjects a model has seen: it is not tested on them."""

import logging
from dataclasses import replace
from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.learn.model_file import Model
from ssus2mri.slices import Header

logger = logging.getLogger(__name__)


def certified(header: Header, loaded: Model) -> Header:
    """Say which subjects a model has seen, and whether this one is among them.

    Returns:
        The header with ``certificate`` and ``seen``.
    """
    seen = header.subject in loaded.subjects
    return replace(header, certificate=loaded.certificate, seen=seen)


def require_unseen(
    loaded: Model, model: Path, header: Header, path: Path, *, allow: bool = False
) -> None:
    """Refuse slices that are no ultrasound, or of a subject that the model was trained on.

    Args:
        loaded: the model.
        model: its file.
        header: of the slices.
        path: their file.
        allow: let such a subject through, with a warning: `synthesize.allow_seen_subjects`.

    Raises:
        InputError: either.
    """
    if header.modality != "us":
        raise InputError(
            str(path),
            expected="ultrasound slices",
            found=f"modality {header.modality!r}",
            do="Give the slice files of US volumes.",
        )
    if header.subject in loaded.subjects and not allow:
        raise InputError(
            str(path),
            expected=f"a subject that {model} was not trained or validated on",
            found=f"subject {header.subject!r}, which it was",
            do="Train again with this subject in split `test`. To synthesise it anyway, set"
            " `synthesize.allow_seen_subjects`; tables and report then say that this is no test.",
        )
    if header.subject in loaded.subjects:
        logger.warning(
            "%s: synthesize.allow_seen_subjects is set, and %s was trained or validated on subject"
            " %r: its scores are not a test",
            path, model, header.subject,
        )  # fmt: skip
