"""What is known of a scan before it is read."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A scan to predict; ``pixel_mm`` and ``frame`` of a plane, None: as its file says.

    ``subject`` is the person, by the manifest; empty: nobody says.
    """

    name: str
    path: Path
    ga_weeks: float
    plane: bool
    pixel_mm: float | None = None
    frame: int | None = None
    mask: Path | None = None
    subject: str = ""
