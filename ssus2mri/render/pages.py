"""What all pages share: templates that escape every string, and fail on a name that is missing."""

import jinja2


def environment(package: str = "ssus2mri.render") -> jinja2.Environment:
    """Return the templates of a package, and those of this one."""
    packages = dict.fromkeys((package, "ssus2mri.render"))
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
