"""A right withdrawn bites at the next request, on pages and on files, in a session that is already open."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from accounts.models import User
from calls.models import Mandate
from calls.services import end_mandate
from conventions.enums import ConventionState
from jury import services as judging
from jury.enums import DecisionListState
from territories.models import Affiliation
from territories.services import end_affiliation
from tests.access.answers import address, ask, client_of
from tests.access.model import (
    APPLICANT,
    AUDITOR,
    CHAIR,
    JUROR,
    OFFICER,
    RELEASER,
    REPRESENTATIVE,
    SCREENER,
    SIGNATORY,
    VISITOR,
)
from tests.access.table import ROUTES
from tests.access.world import World

DOSSIER_FILES = ("attachment_download", "acknowledgement_download")
OPENED = {
    SCREENER: ("screening_list", "screening_export", "screening_detail", *DOSSIER_FILES, "convention_document"),
    JUROR: ("jury_desk", "evaluation_page", "attachment_download"),
    CHAIR: (
        "jury_detail",
        "jury_ranking",
        "ranking_export",
        "deliberation_minutes",
        "budget_call",
        "attachment_download",
    ),
    OFFICER: (
        "jury_detail",
        "decision_list_export",
        "budget_export",
        "envelope_entries_export",
        "convention_document",
        "report_file",
        *DOSSIER_FILES,
    ),
    RELEASER: ("decision_list_release", "deliberation_minutes", *DOSSIER_FILES),
    SIGNATORY: ("signing_queue", "convention_detail", "convention_document", *DOSSIER_FILES),
    AUDITOR: ("screening_export", "budget_export", "deliberation_minutes", "report_file", *DOSSIER_FILES),
    APPLICANT: ("application_detail", "convention_detail", "convention_document", "report_file", *DOSSIER_FILES),
    REPRESENTATIVE: ("application_detail", "convention_sign", "convention_document", *DOSSIER_FILES),
}
MANDATED = sorted(OPENED.keys() - {APPLICANT, REPRESENTATIVE})


def closed_after(world: World, role: str, withdraw: Callable[[], None]) -> list[int]:
    """The answers, once the right is withdrawn, to what the open session received before."""
    client = client_of(world, role)
    urls = [address(name, ROUTES[name], world) for name in OPENED[role]]
    before = {url: ask(client, url) for url in urls}
    assert {answer.status for answer in before.values()} == {200}, before.items()
    withdraw()
    after = [ask(client, url) for url in urls]
    assert not [answer for answer in after if answer.body and answer.body in {row.body for row in before.values()}]
    return [answer.status for answer in after]


@pytest.mark.parametrize("role", MANDATED)
def test_an_ended_mandate_closes_pages_and_files(world, role) -> None:
    def withdraw() -> None:
        for mandate in Mandate.objects.filter(user=world.people[role]):
            end_mandate(mandate_id=mandate.pk, by=None, at=world.now)

    assert set(closed_after(world, role, withdraw)) == {404}


@pytest.mark.parametrize("role", [APPLICANT, REPRESENTATIVE])
def test_an_ended_affiliation_closes_pages_and_files(world, role) -> None:
    def withdraw() -> None:
        for affiliation in Affiliation.objects.filter(user=world.people[role]):
            end_affiliation(affiliation_id=affiliation.pk, by=world.people[role], at=world.now)

    assert set(closed_after(world, role, withdraw)) == {404}


@pytest.mark.parametrize("role", sorted(OPENED))
def test_a_person_deactivated_is_a_visitor_at_the_next_request(world, role) -> None:
    def withdraw() -> None:
        User.objects.filter(pk=world.people[role].pk).update(is_active=False)

    assert set(closed_after(world, role, withdraw)) == {302}


def test_a_recusal_closes_the_dossier_and_its_files(world) -> None:
    client = client_of(world, JUROR)
    names = ("evaluation_page", "attachment_download")
    urls = [address(name, ROUTES[name], world) for name in names]
    assert {ask(client, url).status for url in urls} == {200}
    judging.recuse(
        juror=world.seat(JUROR),
        application=world.application,
        reason="",
        at=world.now,
        actor=world.people[JUROR],
    )
    assert {ask(client, url).status for url in urls} == {404}
    assert world.application.number.encode() not in ask(client, reverse("jury_desk")).body


def test_a_recusal_of_the_chair_closes_what_holds_the_dossier(world) -> None:
    client = client_of(world, CHAIR)
    names = ("deliberation_opinion", "seat_add", "assignment_change", "assignment_replay", "attachment_download")
    urls = [address(name, ROUTES[name], world) for name in names]
    assert {ask(client, url).status for url in urls} == {200}
    judging.recuse(
        juror=world.seat(CHAIR),
        application=world.application,
        reason="",
        at=world.now,
        actor=world.people[CHAIR],
    )
    assert {ask(client, url).status for url in urls} == {404}


def test_a_visitor_downloads_no_file(world) -> None:
    client = client_of(world, VISITOR)
    for name in (*DOSSIER_FILES, "convention_document", "report_file", "deliberation_minutes"):
        assert ask(client, address(name, ROUTES[name], world)).asks_to_sign_in, name


def test_jurors_read_no_bank_details(world) -> None:
    """They are for the service that pays: the pages of the jury do not name the file, and its address is closed."""
    attachment = world.application.attachments.get(kind="bank_details", removed_at__isnull=True)
    url = reverse("attachment_download", args=[world.application.pk, attachment.pk])
    assert [ask(client_of(world, role), url).status for role in (JUROR, CHAIR)] == [404, 404]
    assert [ask(client_of(world, role), url).status for role in (SCREENER, APPLICANT)] == [200, 200]


def test_a_convention_not_yet_written_has_no_document(world) -> None:
    pending = world.conventions[ConventionState.PENDING]
    url = reverse("convention_document", args=[pending.number])
    assert ask(client_of(world, REPRESENTATIVE), url).status == 404


def test_a_list_still_in_preparation_is_not_shown_as_released(world) -> None:
    preparing = world.lists[DecisionListState.PREPARING]
    assert ask(client_of(world, OFFICER), reverse("decision_list_released", args=[preparing.pk])).status == 404
