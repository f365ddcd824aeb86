"""JSON schemas of the configuration and of a manifest row, for editors and other programs.

``python -m ssus2mri.schemas`` writes them to ``workflow/schemas``; a test holds them to the models.
"""

import json
from pathlib import Path

from ssus2mri.config.base import Section
from ssus2mri.config.project import Project
from ssus2mri.files import write_text
from ssus2mri.manifest import Row

FOLDER = Path("workflow/schemas")


def schemas() -> dict[str, str]:
    """Derive the schemas from the models.

    Returns:
        File name -> JSON text.
    """
    models: dict[str, type[Section]] = {"config": Project, "manifest": Row}
    return {
        f"{name}.schema.json": json.dumps(model.model_json_schema(by_alias=True), indent=2) + "\n"
        for name, model in models.items()
    }


def main() -> None:
    """Write the schemas."""
    for name, text in schemas().items():
        write_text(text, FOLDER / name)


if __name__ == "__main__":
    main()
