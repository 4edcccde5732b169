"""What rooms above add to a dossier: on its page, or when it moves on. This room knows nothing of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True)
class DecisionTold:
    """The decision notified on a dossier: its list, day, reasons, and where it was redirected (empty otherwise)."""

    list_number: str
    decided_at: datetime
    motive: str
    redirected_to: str


# Each receives a dossier, and answers with nothing when it told no decision on it.
decisions: list[Callable[[Application], DecisionTold | None]] = []


def decision_of(application: Application) -> DecisionTold | None:
    """What was notified last of this dossier, by whoever decides."""
    return next((found for ask in decisions if (found := ask(application)) is not None), None)


# Each receives a dossier that has just become admissible, in the transaction that declares it, and the instant.
on_admissible: list[Callable[[Application, datetime], object]] = []


def announce_admissible(application: Application, at: datetime) -> None:
    """The dossier now awaits the jury: whoever asked to follow is told, in order. One that raises stops the act."""
    for follow in on_admissible:
        follow(application, at)


def follow_up_of(application: Application, user: Any) -> FollowUp | None:
    """The first answer of those who follow dossiers; one query each."""
    return next((found for ask in follow_ups if (found := ask(application, user)) is not None), None)
