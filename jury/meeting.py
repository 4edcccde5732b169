"""Quorum and votes of a meeting, item by item (décret 2006-672, by the jury's own rules). Pure functions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from jury.enums import Attendance, CastingVote

IN_MEETING = (Attendance.PRESENT, Attendance.REMOTE)


@dataclass(frozen=True)
class Presence:
    """How one member attends; ``proxy`` is the member who votes for them."""

    juror: int
    attendance: str
    proxy: int | None = None


@dataclass(frozen=True)
class Quorum:
    """For one item: members who may sit, how many are present or represented, how many are needed."""

    members: int
    present: int
    needed: int
    voters: frozenset[int]

    @property
    def is_reached(self) -> bool:
        return self.members > 0 and self.present >= self.needed


def quorum(
    jurors: Collection[int], presences: Iterable[Presence], share: Decimal, recused: Collection[int] = ()
) -> Quorum:
    """Recused members count neither among the members nor among the present; a proxy given to one of them is lost."""
    members = frozenset(jurors) - frozenset(recused)
    rows = [row for row in presences if row.juror in members]
    sitting = {row.juror for row in rows if row.attendance in IN_MEETING}
    represented = {row.juror for row in rows if row.attendance == Attendance.PROXY and row.proxy in sitting}
    needed = int((share * len(members)).to_integral_value(rounding=ROUND_CEILING))
    voters = sitting | represented
    return Quorum(members=len(members), present=len(voters), needed=max(needed, 1), voters=frozenset(voters))


NOTHING_TO_CAST = (
    "La voix de la présidence ne départage que des voix à égalité\u00a0: choisissez «\u00a0Sans objet\u00a0»."
)


def casting_fault(votes_for: int | None, votes_against: int | None, casting_vote: str) -> tuple[str, str]:
    """Whether a casting vote is typed where no tie asks for it: (sentence, field), empty when not."""
    is_tie = votes_for is not None and votes_for == votes_against
    return (NOTHING_TO_CAST, "casting_vote") if casting_vote and not is_tie else ("", "")


def vote_obstacle(
    found: Quorum, chair: int | None, votes_for: int | None, votes_against: int | None, casting_vote: str
) -> tuple[str, str]:
    """What stops an opinion put to the vote: (sentence, field), empty when it passed or nobody voted.

    Majority of the votes; the chair's vote decides a tie, if the chair takes part in the item. A casting vote beside a
    majority changes nothing: ``casting_fault`` refuses it where it is typed.
    """
    if votes_for is None and votes_against is None:
        return "", ""
    if votes_for is None or votes_against is None:
        return "Indiquez les voix pour et les voix contre, ou aucune des deux.", "votes_for"
    if votes_for + votes_against > len(found.voters):
        return (
            f"{votes_for + votes_against} voix pour {len(found.voters)} membres présents ou représentés.",
            "votes_for",
        )
    if votes_for < votes_against or not votes_for:
        return "Cette proposition est rejetée par le vote : enregistrez l’avis que le jury a adopté.", "votes_for"
    if votes_for > votes_against:
        return "", ""
    if chair not in found.voters:
        return "Les voix sont à égalité et la présidence ne siège pas sur ce dossier : le jury revote.", "votes_for"
    if casting_vote == CastingVote.FOR:
        return "", ""
    if casting_vote == CastingVote.AGAINST:
        told = "Les voix sont à égalité et celle de la présidence, prépondérante, est contre : cette proposition est rejetée."
        return f"{told} Enregistrez l’avis que le jury a adopté.", "votes_for"
    return "Les voix sont à égalité : indiquez la voix de la présidence, qui est prépondérante.", "casting_vote"
