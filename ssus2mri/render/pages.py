"""What all pages share: templates that escape every string, and fail on a name that is missing."""

import jinja2


def environment() -> jinja2.Environment:
    """Return the templates of this package."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ssus2mri.render", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
