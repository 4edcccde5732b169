"""The refusal that a person must read."""

from typing import Any


class Refused(Exception):
    """A service refuses: ``message`` is the French sentence to show, ``field`` the form field it belongs to.

    Nothing has changed when it is raised (services raise it inside their transaction, which rolls back).
    """

    def __init__(self, message: str, *, field: str | None = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.data = data or {}
