"""Errors that a user caused and can correct."""


class InputError(ValueError):
    """Bad input: shown as one message without a traceback, exit code 1.

    The message names the file, row or key, then what was expected, what was found and what to do.
    """

    def __init__(self, where: str, *, expected: str, found: str, do: str) -> None:
        """Compose the message.

        Args:
            where: file, manifest row or configuration key.
            expected: what the program can use.
            found: what is there.
            do: what the user can do about it.
        """
        super().__init__(f"{where}: expected {expected}; found {found}. {do}")

    @classmethod
    def several(cls, messages: list[str]) -> "InputError":
        """Join the messages of several problems, one a line."""
        error = cls.__new__(cls)
        ValueError.__init__(error, "\n".join(messages))
        return error


class RefusalError(InputError):
    """A scan that could be read and is not to be predicted: exit code 3."""

    def __init__(self, *reasons: str, scan: str = "the scan") -> None:
        """Compose the message.

        Args:
            reasons: each what was found, such as "no head in it".
            scan: its name or file.
        """
        self.reasons = reasons
        super().__init__(
            scan,
            expected="an ultrasound of a fetal head, new to the network",
            found="; ".join(reasons),
            do="Look at it; --force predicts anyway and marks every output.",
        )
