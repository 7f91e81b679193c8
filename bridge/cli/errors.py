"""How a command ends early: a message for people, and an exit code."""

from __future__ import annotations

WRONG = 1
USAGE = 2


class CommandError(Exception):
    """The message is printed to standard error; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = WRONG) -> None:
        super().__init__(message)
        self.code = code
