"""Options of the commands that evaluate: names of runs as JSON."""

from ssus2mri.config import strict
from ssus2mri.errors import InputError


def run_names(option: str, text: str, example: str) -> dict[str, str]:
    """Parse an option that names something of every run.

    Args:
        option: the option, for the message.
        text: its value: a JSON object, run -> name, not empty.
        example: a value that would be right, for the message.

    Returns:
        Run -> name, in the order of the text.

    Raises:
        InputError: anything else.
    """
    try:
        value = strict.json_values(text)
    except (ValueError, RecursionError) as error:
        value, problem = None, str(error)
    else:
        problem = text[:80]
    if not isinstance(value, dict) or not value:
        raise InputError(
            option,
            expected="a JSON object, run -> text",
            found=problem,
            do=f"For example {option}='{example}'.",
        )
    return {str(run): str(name) for run, name in value.items()}
