"""Form parts of every room."""

import uuid
from typing import Any

from django import forms


def new_key() -> str:
    """A key for one filling of a form: the command it sends takes effect once."""
    return str(uuid.uuid4())


class IdempotencyField(forms.UUIDField):
    """Hidden key made when the form is shown and sent back with it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.HiddenInput)
        kwargs.setdefault("initial", new_key)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str | None:  # type: ignore[override]
        key = super().to_python(value)
        return None if key is None else str(key)


class VersionField(forms.IntegerField):
    """Hidden version of the object shown: a form older than the object is refused."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.HiddenInput)
        super().__init__(**kwargs)
