"""Which volume defines atlas space: a row of the manifest, or the built-in anatomy."""

from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.errors import InputError
from ssus2mri.manifest import Manifest, Row

AUTO, BUILT_IN = "auto", "built-in"


def choose(settings: AtlasSettings, manifest: Manifest) -> Row | None:
    """Choose the atlas: what `atlas.volume` names.

    ``auto`` is the training MR with labels that is nearest in age (the first of equals in the
    manifest), else the built-in anatomy. A simulated MR does not count: its labels are those it was
    simulated from, not those of its own pose.

    Args:
        settings: section ``atlas``.
        manifest: all volumes.

    Returns:
        The row, which has ``labels``, or None for the built-in anatomy.

    Raises:
        InputError: `atlas.volume` names no row, or one that cannot define the space.
    """
    if settings.volume == BUILT_IN:
        return None
    able = [row for row in manifest.where(modality="mr") if row.labels and not row.simulated]
    if settings.volume == AUTO:
        training = [row for row in able if row.split == "train"]
        return min(
            training, key=lambda row: abs(row.ga_weeks - settings.ga_weeks), default=None
        )
    named = [row for row in able if row.volume == settings.volume]
    if not named:
        raise InputError(
            "atlas.volume",
            expected=f"`{AUTO}`, `{BUILT_IN}` or an MR volume of the manifest with `labels`"
            + "".join(f", such as {row.volume!r}" for row in able[:1]),
            found=repr(settings.volume),
            do="Correct the name, or give that row its `labels`.",
        )
    return named[0]
