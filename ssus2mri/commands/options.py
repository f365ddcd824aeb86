"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    str, typer.Option(help="The stage's section as JSON, or a whole configuration file (YAML).")
]
Ga = Annotated[float, typer.Option(help="Gestational age, weeks.")]
Modality = Annotated[str, typer.Option(help="`us` or `mr`.")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Plane = Annotated[str, typer.Option(help="Plane of a 2D image; empty for a volume.")]
Template = Annotated[Path, typer.Option(help="Template of the modality, written by `template`.")]
Matched = Annotated[
    str, typer.Option(help="Folder of matched MR, for runs that need it; empty: none.")
]
DEFAULT = "config/config.yaml"
