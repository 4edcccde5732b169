"""The call played from its opening to its payments, on its own dates of 2021."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from applications.enums import ApplicationState
from applications.models import Application
from budget.envelopes import install_envelopes
from budget.models import Balance, LedgerEntry
from calls.data.transformation_numerique import CODE, OPENING, paris
from calls.installation import install_call
from calls.models import Call, Session
from conventions.enums import ConventionState
from conventions.models import Convention
from conventions.services.templates import install_template
from core.anchors import anchor_journal
from core.money import amount_text
from demonstration.play import judging
from demonstration.play.cast import Cast, assemble
from demonstration.play.contracting import export_signed, sign_and_pay, write_documents
from demonstration.play.draw import Candidate, draw
from demonstration.play.filing import file_candidate
from jury.enums import DecisionListState
from jury.models import DecisionList, Recusal

Say = Callable[[str], None]
# In euros, by year. A quarter of the call is kept for the years after: the present day opens its own.
PAYMENT_CREDITS = {2021: Decimal("22000000.00"), 2022: Decimal("44000000.00")}
OUTCOMES = (
    ApplicationState.INADMISSIBLE,
    ApplicationState.AWARDED,
    ApplicationState.REFUSED,
    ApplicationState.WAITLISTED,
    ApplicationState.REDIRECTED,
    ApplicationState.DEFERRED,
    ApplicationState.WITHDRAWN,
)


def say_on_stderr(sentence: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


@dataclass
class Play:
    """What has been played: figures are read back from the database, never counted on the way."""

    call: Call
    cast: Cast
    overspend_refused: int = 0
    documents: list[str] = field(default_factory=list)


def prepare_stage(*, code: str = CODE, title: str = "") -> Call:
    """The call with its envelopes and the text of its conventions, on the dates of 2021."""
    # The sessions of 2021 come with the call; the one open today depends on the real day.
    call = install_call(timezone.now(), code=code, title=title)
    install_envelopes(call=call, at=OPENING, actor=None, payment_credits=PAYMENT_CREDITS)
    install_template(call=call, at=OPENING)
    return call


def play_call(
    *,
    call: Call,
    count: int,
    seed: int,
    output: Path,
    password: str | None = None,
    processes: int = 2,
    say: Say = say_on_stderr,
) -> Play:
    """Plays ``count`` dossiers through the services of the pages. Raises ValueError outside 40 to 600."""
    started = time.monotonic()

    def step(sentence: str) -> None:
        say(f"[{time.monotonic() - started:5.0f} s] {sentence}")

    play = Play(call, assemble(call=call, at=OPENING, password=password))
    sessions = _sessions(call)
    candidates = draw(sessions=sessions, count=count, seed=seed)
    step(f"Dépôt et instruction de {count} dossiers de collectivités réelles")
    filed = _file_all(candidates, play.cast)
    lists = []
    for axis, rows in sessions.items():
        for session in rows:
            step(f"Jury : {session.title}, {axis}")
            lists.append(_judge(session, filed, play, seed))
    step("Rédaction des accusés, procès-verbaux et conventions")
    write_documents(processes=processes)
    conventions = _conventions(lists)
    step(f"Signature de {len(conventions)} conventions par les deux parties, versements")
    sign_and_pay(conventions=conventions, cast=play.cast, at=paris(2022, 3, 1, 9))
    write_documents(processes=1)
    step("Scellement du journal")
    anchor_journal()
    play.documents = export_signed(conventions=_conventions(lists), folder=output)
    step("Terminé")
    return play


def _sessions(call: Call) -> dict[str, list[Session]]:
    """The sessions of 2021 by axis, in the order of the axes."""
    sessions: dict[str, list[Session]] = {}
    rows = Session.objects.filter(axis__call=call, is_demonstration=False).select_related("axis__call")
    for session in rows.order_by("axis__position", "opens_at"):
        sessions.setdefault(session.axis.code, []).append(session)
    return sessions


def _file_all(candidates: list[Candidate], cast: Cast) -> dict[Any, str]:
    """Files and screens each candidate; the fate of each dossier by id."""
    fates: dict[Any, str] = {}
    for candidate in candidates:
        application = file_candidate(candidate)
        judging.screen(candidate, application, cast)
        fates[application.pk] = candidate.fate
    return fates


def _judge(session: Session, fates: dict[Any, str], play: Play, seed: int) -> DecisionList:
    """From the jury's seats to the released list, in the weeks after the session closed, at hours when people work."""
    day = timezone.localtime(session.closes_at) + timedelta(days=31)
    at = paris(day.year, day.month, day.day, 9)
    jury = judging.seat_jury(session=session, cast=play.cast, at=at)
    judging.assign(jury=jury, cast=play.cast, at=at + timedelta(days=1))
    judging.evaluate(jury=jury, fates=fates, seed=seed, at=at + timedelta(days=3))
    deliberation = judging.deliberate(jury=jury, fates=fates, cast=play.cast, at=at + timedelta(days=12))
    decision_list, refused = judging.release(deliberation=deliberation, cast=play.cast, at=at + timedelta(days=25))
    play.overspend_refused += refused
    return decision_list


def _conventions(lists: list[DecisionList]) -> list[Convention]:
    rows = Convention.objects.filter(decision__decision_list__in=lists).select_related("application")
    return list(rows.order_by("number"))


# What released lists gave: one given up has done nothing.
GRANTED = Sum("decisions__amount_granted", filter=Q(decisions__decision_list__state=DecisionListState.RELEASED))


def figures(play: Play) -> dict[str, Any]:
    """What the play came to, read from the database; amounts in euros as text."""
    call = play.call
    dossiers = Application.objects.filter(call=call, session__is_demonstration=False).exclude(number=None)
    states = Counter(dossiers.values_list("state", flat=True))
    entries = LedgerEntry.objects.filter(envelope__call=call)
    conventions = Convention.objects.filter(application__call=call)
    signed = conventions.filter(state__in=[ConventionState.SIGNED, ConventionState.PAID])
    amounts = dossiers.filter(state=ApplicationState.AWARDED).values("axis__code")
    by_axis = amounts.annotate(total=GRANTED).order_by("axis__code")
    return {
        "filed": sum(states.values()),
        "admissible": dossiers.exclude(screened_at=None).exclude(state=ApplicationState.INADMISSIBLE).count(),
        **{state.value: states.get(state.value, 0) for state in OUTCOMES},
        "recusals": Recusal.objects.filter(application__call=call, application__in=dossiers).count(),
        "overspend_refused": play.overspend_refused,
        "conventions_signed": signed.count(),
        "paid": conventions.filter(state=ConventionState.PAID).count(),
        "amounts_by_axis": {row["axis__code"]: amount_text(row["total"]) for row in by_axis},
        "ledger_entries": entries.count(),
        "envelopes": _envelopes(call),
        "documents": play.documents,
    }


def _envelopes(call: Call) -> list[dict[str, str]]:
    """Each envelope's own balance: an award is counted in the leaf that pays it."""
    rows = Balance.objects.filter(envelope__call=call).select_related("envelope")
    names = ("allocated", "delegated", "reserved", "committed", "paid")
    return [
        {"code": row.envelope.code, **{name: amount_text(getattr(row, name)) for name in names}}
        for row in rows.order_by("envelope__position", "envelope__code")
    ]


def disagreements(play: Play) -> list[str]:
    """Where the sums of decisions and the ledger differ, in French; empty when they agree to the cent."""
    call = play.call
    granted = Application.objects.filter(call=call, state=ApplicationState.AWARDED).aggregate(total=GRANTED)[
        "total"
    ] or Decimal(0)
    balances = Balance.objects.filter(envelope__call=call).aggregate(
        reserved=Sum("reserved"), committed=Sum("committed"), paid=Sum("paid")
    )
    conventions = Convention.objects.filter(application__call=call)
    signed = conventions.filter(commitment__isnull=False).aggregate(total=Sum("amount"))["total"] or Decimal(0)
    paid = conventions.filter(state=ConventionState.PAID).aggregate(total=Sum("amount"))["total"] or Decimal(0)
    pairs = {
        "accordé": (granted, balances["reserved"] + balances["committed"]),
        "engagé": (signed, balances["committed"]),
        "versé": (paid, balances["paid"]),
    }
    return [
        f"{name} : {amount_text(left)} d’après les actes, {amount_text(right)} d’après le grand livre"
        for name, (left, right) in pairs.items()
        if left != right
    ]


def default_output() -> Path:
    """Where the signed documents of a play are copied."""
    return Path(settings.DATA_DIR) / "play"


def has_been_played(call: Call) -> bool:
    """True once a dossier was begun in a session of 2021, even if the play stopped half-way."""
    return Application.objects.filter(call=call, session__is_demonstration=False).exists()
