"""What is said to a person at the top of the next page."""

from collections.abc import Iterable
from typing import Any

from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponse


class EachOnceStorage(SessionStorage):
    """Kept in the session; the same sentence waiting twice, as after a double press, is said once."""

    def _store(self, messages: Iterable[Message], response: HttpResponse, *args: Any, **kwargs: Any) -> list[Message]:
        each = {(message.level, str(message.message)): message for message in messages}
        return super()._store(list(each.values()), response, *args, **kwargs)  # type: ignore[misc]
