"""What rooms above add to the page of a dossier: this one knows nothing of them, and asks whoever asked to follow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from applications.models import Application


@dataclass(frozen=True)
class FollowUp:
    """Where a dossier goes on once it is awarded: a sentence, and the page to open."""

    text: str
    label: str
    url: str


# Each receives the dossier and its reader, and answers with nothing when the reader has nothing to open.
follow_ups: list[Callable[[Application, Any], FollowUp | None]] = []


def follow_up_of(application: Application, user: Any) -> FollowUp | None:
    """The first answer of those who follow dossiers; one query each."""
    return next((found for ask in follow_ups if (found := ask(application, user)) is not None), None)
