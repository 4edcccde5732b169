"""Two worlds that differ by a hidden fact only give the same bytes to whoever may not know it.

Every address of the site is asked twice, with the arguments that name the hidden dossier, then every parameter that
searches, filters, sorts or exports; between the two the fact is flipped. Each flip is also shown to somebody who may
know it and must see a difference: a flip that nobody notices would prove nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from applications import services as dossiers
from applications.forms.screening import ScreeningFilters
from applications.models import Application, Attachment
from calls.enums import MandateRole
from calls.services import grant_mandate
from core.models import OutboxMessage
from jury import services as judging
from jury.enums import DecisionListState
from jury.models import AssignmentRun, Juror, Opinion
from jury.services.release import ACT as RELEASE_ACT
from tests import servers
from tests.access.answers import Answer, address, ask, client_for
from tests.access.model import APPLICANT, CHAIR, JUROR, OFFICER, RECUSED, RELEASER, REPRESENTATIVE, SCREENER
from tests.access.table import HEALTH, ROUTES
from tests.access.world import HELD_LATER, JUDGED_LATER, World, admissible_dossier, hand_in
from tests.factories.accounts import confirmed
from tests.factories.applications import attach

Flip = Callable[[World], None]
SPREADSHEETS = ("csv", "ods", "xlsx")


# A secret, a challenge or the instant of the last visit, drawn at each reading, for the reader alone.
DRAWN_PAGES = frozenset(
    {"mfa_activate_totp", "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_authenticate", "usersessions_list"}
)


def addresses(world: World) -> list[str]:
    """Every page that is read, then what searches, filters, sorts and exports."""
    urls = [
        address(name, route, world)
        for name, route in sorted(ROUTES.items())
        if route.method == "get" and name not in HEALTH | DRAWN_PAGES
    ]
    return [*urls, *_listed(world), *_exported(world)]


def _listed(world: World) -> Iterator[str]:
    hidden, jury = world.application, world.jury.pk
    screening, conventions = reverse("screening_list"), reverse("convention_list")
    found = (hidden.number, "temoin", "secret", hidden.organisation.name, hidden.organisation.siren)
    for text in found:
        yield f"{screening}?q={text}"
        yield f"{reverse('screening_export')}?q={text}"
        yield f"{conventions}?q={text}"
    for order in ("numero", "-numero", "montant", "-montant", "depot", "echeance", "-echeance"):
        yield f"{screening}?tri={order}"
    for state in ("admissible", "withdrawn", "awarded"):
        yield f"{screening}?etat={state}"
        yield f"{reverse('screening_export')}?etat={state}&tri=-montant"
    for late, _ in ScreeningFilters.base_fields["retard"].choices:  # type: ignore[attr-defined]
        yield f"{screening}?retard={late}"
    yield f"{screening}?departement=35&axe=axe-1&releve={hidden.session_id}&page=2"
    yield f"{reverse('jury_detail', args=[jury])}?voir=manques"
    yield f"{reverse('jury_ranking', args=[jury])}?plancher=1&correction=oui"
    yield f"{reverse('application_list')}?q={hidden.number}"
    yield f"{reverse('eligibility_search')}?q={hidden.organisation.name}"


def _exported(world: World) -> Iterator[str]:
    call, axis = world.call.code, world.application.axis.code
    for suffix in SPREADSHEETS:
        yield reverse("budget_export", args=[call, suffix])
        yield reverse("envelope_entries_export", args=[call, axis, suffix])
        for figure in ("reserve", "engage", "verse"):
            yield reverse("envelope_dossiers_export", args=[call, axis, figure, suffix])
    yield reverse("envelope_dossiers", args=[call, axis, "engage"]) + "?tri=-montant"
    yield reverse("envelope_detail", args=[call, axis]) + "?tri=-montant"


def seen(client: Client, urls: list[str]) -> dict[str, Answer]:
    """All that this browser receives, by address."""
    return {url: ask(client, url) for url in urls}


def differences(before: dict[str, Answer], after: dict[str, Answer]) -> list[str]:
    assert before.keys() == after.keys()
    return [url for url in before if before[url] != after[url]]


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside leaves nothing behind."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def compared(world: World, user: User, *flips: Flip) -> list[str]:
    """The addresses whose answer to this person tells the worlds apart: as it is, and after each flip."""
    urls, client = addresses(world), client_for(User.objects.get(pk=user.pk))
    before = seen(client, urls)
    assert any(answer.status == 200 for answer in before.values())
    assert not [url for url, answer in before.items() if answer.status >= 500]
    found = []
    for flip in flips:
        with undone():
            flip(world)
            found += differences(before, seen(client, urls))
    return found


def told_apart(world: World, user: User, one: Flip, other: Flip) -> list[str]:
    """The addresses whose answer to this person differs between two flips."""
    urls, client = addresses(world), client_for(User.objects.get(pk=user.pk))
    with undone():
        one(world)
        before = seen(client, urls)
    with undone():
        other(world)
        return differences(before, seen(client, urls))


# ---------------------------------------------------------------- the hidden facts


def flip_content(world: World) -> None:
    """Another project: title, summary, amount, words searched for, date of filing."""
    Application.objects.filter(pk=world.application.pk).update(
        title="Projet secret",
        summary="Tout autre résumé",
        amount_requested=Decimal("77777.00"),
        search_text="projet secret",
        submitted_at=world.application.submitted_at - timedelta(days=1),
    )


def flip_state(world: World) -> None:
    """No longer awaiting the jury."""
    Application.objects.filter(pk=world.application.pk).update(state="withdrawn")


def flip_documents(world: World) -> None:
    """One document more, another taken out, a message."""
    first = Attachment.objects.filter(application=world.application).order_by("pk")[0]
    Attachment.objects.filter(pk=first.pk).update(removed_at=world.now)
    attach(world.application, "other", at=JUDGED_LATER)  # type: ignore[arg-type]
    dossiers.send_message(
        application=world.application, user=world.people[SCREENER], at=JUDGED_LATER, body="Un message secret."
    )


def flip_low_marks(world: World) -> None:
    """Another reader has handed in, and found it bad."""
    hand_in(world.evaluation(world.application, world.other_juror), 0)


def flip_high_marks(world: World) -> None:
    """Another reader has handed in, and found it excellent."""
    hand_in(world.evaluation(world.application, world.other_juror), 5)


def flip_opinion(world: World) -> None:
    """The jury has given its opinion on the hidden dossier."""
    Opinion.objects.create(
        deliberation=world.deliberation,
        application=world.application,
        outcome="awarded",
        amount_proposed=Decimal("15000.00"),
        average=Decimal("16.00"),
        merit_rank=1,
    )


def flip_existence(world: World) -> None:
    """One dossier more in the session, whose reader recuses at once."""
    other = admissible_dossier(world, "Projet secret")
    for user in (world.people[RECUSED], world.other_juror):
        juror = world.jury.jurors.get(user=user)
        judging.seat_juror(jury=world.jury, application=other, juror=juror, at=JUDGED_LATER, actor=world.people[CHAIR])
    _recuse(world, RECUSED, other)


def _recuse(world: World, role: str, application: Application) -> None:
    judging.recuse(
        juror=world.seat(role),
        application=application,
        reason="Lien personnel.",
        at=JUDGED_LATER + timedelta(days=1),
        actor=world.people[role],
    )


FLIPS: dict[str, Flip] = {
    "content": flip_content,
    "state": flip_state,
    "documents": flip_documents,
    "low marks": flip_low_marks,
    "high marks": flip_high_marks,
    "opinion": flip_opinion,
}


def flip_all(world: World) -> None:
    """Every hidden fact at once, in an order in which each still means something."""
    for name in ("documents", "high marks", "opinion", "content", "state"):
        FLIPS[name](world)


@pytest.mark.parametrize("name", sorted(FLIPS))
def test_each_flip_is_noticed_by_somebody_who_may_know(world, name) -> None:
    watched = {
        CHAIR: [
            reverse("jury_detail", args=[world.jury.pk]),
            reverse("jury_ranking", args=[world.jury.pk]),
            reverse("deliberation_detail", args=[world.deliberation.pk]),
        ],
        SCREENER: [reverse("screening_detail", args=[world.application.pk])],
    }
    noticed = 0
    for role, urls in watched.items():
        before = [ask(client_for(world.person(role)), url) for url in urls]
        with undone():
            FLIPS[name](world)
            after = [ask(client_for(world.person(role)), url) for url in urls]
        noticed += sum(one != other for one, other in zip(before, after, strict=True))
    assert noticed


# ---------------------------------------------------------------- the recused


def test_recused_juror_receives_the_same_bytes_whatever_the_hidden_dossier_is(world) -> None:
    assert compared(world, world.people[RECUSED], flip_all) == []


def test_recused_juror_receives_the_same_bytes_whether_another_dossier_exists_or_not(world) -> None:
    assert compared(world, world.people[RECUSED], flip_existence) == []


def test_recused_chair_receives_the_same_bytes_whatever_the_hidden_dossier_is(world) -> None:
    _recuse(world, CHAIR, world.application)
    assert compared(world, world.people[CHAIR], flip_all) == []


def test_recused_chair_reads_a_proposal_that_counts_no_seat_of_the_hidden_dossier(world) -> None:
    _recuse(world, CHAIR, world.application)
    url = reverse("assignment_run", args=[world.run.pk])
    client = client_for(world.person(CHAIR))
    before = ask(client, url)
    assert before.status == 200
    hidden = str(world.application.pk)
    replay = world.run.replay
    seats = [seat for seat in replay["seats"] if seat["dossier"] != hidden]
    assert len(seats) < len(replay["seats"])
    AssignmentRun.objects.filter(pk=world.run.pk).update(
        replay={**replay, "seats": seats, "warnings": [*replay["warnings"], "Il manque deux sièges."]}
    )
    assert ask(client, url) == before


@pytest.mark.parametrize("role", [MandateRole.OFFICER, MandateRole.SCREENER, MandateRole.AUDITOR])
def test_recused_juror_who_is_also_an_agent_receives_the_same_bytes(world, role) -> None:
    """The mandate covers the dossier; the recusal wins, in lists, counts, forecasts and exports too."""
    user = world.people[RECUSED]
    grant_mandate(user=user, call=world.call, role=role, at=JUDGED_LATER, appointed_by=None)
    listed = ask(client_for(world.person(RECUSED)), reverse("screening_list"))
    assert world.read.number.encode() in listed.body
    assert world.application.number.encode() not in listed.body
    assert compared(world, user, flip_all) == []


# ---------------------------------------------------------------- a juror who has not handed in


def test_juror_who_has_not_submitted_receives_the_same_bytes_whatever_others_marked(world) -> None:
    assert compared(world, world.people[JUROR], flip_low_marks, flip_high_marks) == []


def test_chair_who_also_reads_receives_no_mark_before_submitting(world) -> None:
    """Marks only: a chair follows who has handed in and who has not."""
    chair = world.seat(CHAIR)
    Juror.objects.filter(pk=chair.pk).update(load_max=5)
    judging.seat_juror(
        jury=world.jury,
        application=world.application,
        juror=world.seat(CHAIR),
        at=JUDGED_LATER,
        actor=world.people[OFFICER],
    )
    assert told_apart(world, world.people[CHAIR], flip_low_marks, flip_high_marks) == []


def test_ministry_receives_no_mark_before_the_deliberation_is_closed(world) -> None:
    assert told_apart(world, world.people[OFFICER], flip_low_marks, flip_high_marks) == []


# ---------------------------------------------------------------- the applicant


# Written by a superuser, for marks handed in no longer change; each statement undoes itself when played twice.
OTHER_MARKS = """
UPDATE jury_score SET mark = 5 - mark, comment = reverse(comment);
UPDATE jury_evaluation SET total = 20 - total, comment = reverse(comment);
UPDATE jury_opinion SET average = 20 - average, merit_rank = 1000 - merit_rank;
"""


@contextmanager
def other_marks() -> Iterator[None]:
    """Every mark of both juries is another, and what was computed from it."""
    with servers.superuser(servers.database_name()) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(OTHER_MARKS)
        try:
            yield
        finally:
            connection.execute(OTHER_MARKS)


def flip_names(world: World) -> None:
    """Who sits and for whom, and what the jury at work has begun to say."""
    readers = Juror.objects.filter(jury__in=[world.jury, world.closed_jury])
    User.objects.filter(pk__in=readers.values("user")).update(first_name="Secret", last_name="Secret")
    readers.update(organisation_name="Organisme secret")
    flip_high_marks(world)
    flip_opinion(world)


@pytest.mark.parametrize("role", [APPLICANT, REPRESENTATIVE])
def test_applicant_receives_the_same_bytes_whoever_judged_and_whatever_they_gave(world, role) -> None:
    assert compared(world, world.people[role], flip_names) == []
    urls, client = addresses(world), client_for(world.person(role))
    before = seen(client, urls)
    with other_marks():
        assert differences(before, seen(client, urls)) == []


def test_other_marks_are_noticed_by_the_ministry(world) -> None:
    url = reverse("jury_ranking", args=[world.closed_jury.pk])
    client = client_for(world.person(OFFICER))
    before = ask(client, url)
    with other_marks():
        assert ask(client, url) != before
    assert ask(client, url) == before


# ---------------------------------------------------------------- mails


def mails(addresses: set[str], act: Callable[[], Any]) -> list[dict[str, Any]]:
    """What an act sends to these addresses, as it will be rendered; undone afterwards."""
    known = set(OutboxMessage.objects.values_list("pk", flat=True))
    with undone():
        act()
        rows = OutboxMessage.objects.filter(kind="core.mail").exclude(pk__in=known).order_by("dedupe_key")
        return [row.payload for row in rows if addresses & set(row.payload["to"])]


def test_mails_to_a_recused_juror_tell_nothing_of_the_dossier(world) -> None:
    jury = world.closed_jury
    held_at = world.now + timedelta(days=10)

    def summon() -> None:
        judging.summon(jury=jury, held_at=held_at, place="Paris", at=world.now, actor=world.people[CHAIR])

    def opine_and_summon() -> None:
        _opine_all(world)
        summon()

    to = {world.people[RECUSED].email}
    before = mails(to, summon)
    assert len(before) == 1
    flip_content(world)
    flip_high_marks(world)
    assert mails(to, summon) == before
    assert mails(to, opine_and_summon) == before


def _opine_all(world: World) -> None:
    judging.record_opinion(
        deliberation=world.deliberation,
        application=world.application,
        opinion=judging.OpinionInput(outcome="refused", motive="Motif."),
        at=HELD_LATER,
        actor=world.people[CHAIR],
    )


def test_mails_of_a_decision_tell_the_applicant_nothing_of_the_jury(world) -> None:
    prepared = world.lists[DecisionListState.PREPARED]

    def release() -> None:
        releaser = world.people[RELEASER]
        confirmation = confirmed(
            releaser, act=RELEASE_ACT, content_sha256=judging.list_digest(prepared), at=prepared.prepared_at
        )
        judging.release_list(
            decision_list=prepared,
            user=releaser,
            at=prepared.prepared_at + timedelta(minutes=1),
            key=str(uuid4()),
            confirmation=confirmation,
        )

    to = {world.people[APPLICANT].email, world.people[REPRESENTATIVE].email}
    to |= {row.application.contact_email for row in prepared.decisions.select_related("application")}
    before = mails(to, release)
    assert before
    with other_marks(), undone():
        flip_names(world)
        assert mails(to, release) == before
