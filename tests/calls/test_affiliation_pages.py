import html
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Mandate
from calls.services import grant_mandate
from core.forms import new_key
from core.models import JournalEntry, OutboxMessage
from core.templatetags.guichet import of_whom, paris_date
from territories.models import Affiliation
from territories.services import may_act_for, validate_affiliation
from tests.concurrency import while_uncommitted
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.applications import start
from tests.factories.calls import the_call
from tests.factories.territories import (
    RENNES_METROPOLE,
    AffiliationFactory,
    OrganisationFactory,
)


@pytest.fixture
def call(db):
    return the_call(timezone.now())


@pytest.fixture
def applicant(client, call):
    user = UserFactory()
    client.force_login(user)
    return user


def agent(client, call, **mandate):
    user = AgentFactory()
    grant_mandate(
        user=user,
        call=call,
        role=mandate.pop("role", MandateRole.SCREENER),
        at=timezone.now() - timedelta(days=1),
        appointed_by=None,
        **mandate,
    )
    sign_in(client, user)
    return user


def pending(departement="35", **changes):
    return AffiliationFactory(pending=True, organisation=OrganisationFactory(departement_code=departement), **changes)


# ---------------------------------------------------------------- the applicant


def test_applicant_asks_to_act_for_an_authority(client, applicant):
    text = client.get(reverse("affiliation_home"), {"q": "rennes metropole"}).content.decode()
    assert f"/rattachement/demander/?qui=epci:{RENNES_METROPOLE}" in text
    page = client.get(reverse("affiliation_request"), {"qui": f"epci:{RENNES_METROPOLE}"})
    assert "Rennes Métropole" in page.content.decode()
    sent = {"qui": f"epci:{RENNES_METROPOLE}", "role": "contributor", "idempotency_key": new_key()}
    for _ in range(2):
        assert client.post(reverse("affiliation_request"), sent).status_code == 302
    asked = Affiliation.objects.get(user=applicant)
    assert asked.organisation.siren == RENNES_METROPOLE
    assert not may_act_for(applicant, asked.organisation, timezone.now())
    assert "En attente de réponse" in client.get(reverse("affiliation_home")).content.decode()


def test_second_request_is_refused_in_the_form_and_adds_nothing(client, applicant):
    for key, status in ((new_key(), 302), (new_key(), 422)):
        sent = {"qui": f"epci:{RENNES_METROPOLE}", "role": "contributor", "idempotency_key": key}
        response = client.post(reverse("affiliation_request"), sent)
        assert response.status_code == status
    asked = Affiliation.objects.get()
    told = html.unescape(response.content.decode())
    assert (
        f"Vous avez déjà demandé ce rattachement à Rennes Métropole (prépare les dossiers) le {paris_date(asked.requested_at)}"
        in told
    )


def test_whoever_asks_is_told_what_follows_and_is_not_offered_the_same_request_again(client, applicant):
    address = reverse("affiliation_request")
    assert "Aucun délai n’est fixé" in client.get(address, {"qui": f"epci:{RENNES_METROPOLE}"}).content.decode()
    sent = {"qui": f"epci:{RENNES_METROPOLE}", "role": "contributor", "idempotency_key": new_key()}
    assert "Aucun délai n’est fixé" in client.post(address, sent, follow=True).content.decode()
    mail = OutboxMessage.objects.get(kind="core.mail").payload["context"]["follows"]
    assert mail.startswith("Un agent de l’État de votre territoire vérifie votre demande")
    asked = Affiliation.objects.get()
    shown = client.get(address, {"qui": f"epci:{RENNES_METROPOLE}"})
    told = html.unescape(shown.content.decode())
    assert f"le {paris_date(asked.requested_at)}. Un agent de l’État" in told
    assert shown.context["form"]["role"].initial == "legal_representative"
    AffiliationFactory(pending=True, user=applicant, organisation=asked.organisation, role="legal_representative")
    assert "Demander mon rattachement" not in client.get(address, {"qui": f"epci:{RENNES_METROPOLE}"}).content.decode()


@pytest.mark.parametrize(
    ("name", "sent"), [("affiliation_validate", {}), ("affiliation_refuse", {"reason": "Inconnue"})]
)
def test_agent_whose_mandate_ends_while_they_wait_answers_nothing(transactional_db, name, sent):
    the_one = the_call(timezone.now())
    client, asked = Client(), pending()
    agent(client, the_one, departement_code="35")
    mandates = Mandate.objects.filter(role=MandateRole.SCREENER)
    other = grant_mandate(
        user=mandates.get().user,
        call=the_one,
        role=MandateRole.SCREENER,
        at=timezone.now() - timedelta(days=1),
        appointed_by=None,
        departement_code="44",
    )

    def mandate_ends():
        Affiliation.objects.select_for_update().get(pk=asked.pk)
        mandates.exclude(pk=other.pk).update(ends_at=timezone.now())

    answers = []
    answer = reverse(name, args=[asked.pk])
    assert while_uncommitted(mandate_ends, lambda: answers.append(client.post(answer, sent, follow=True))) == []
    assert "vos droits viennent de changer" in answers[0].content.decode()
    asked.refresh_from_db()
    assert (asked.validated_at, asked.refused_at, asked.ends_at) == (None, None, None)


def test_request_for_nobody_leads_back_and_for_an_unknown_authority_is_not_found(client, applicant):
    assert client.get(reverse("affiliation_request")).status_code == 302
    assert client.get(reverse("affiliation_request"), {"qui": "epci:000000000"}).status_code == 404


def test_applicant_withdraws_only_their_own_request(client, applicant):
    mine, other = pending(user=applicant), pending()
    assert client.post(reverse("affiliation_end", args=[mine.pk])).status_code == 302
    assert client.post(reverse("affiliation_end", args=[other.pk])).status_code == 404
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.ends_at is not None
    assert other.ends_at is None


@pytest.mark.parametrize(
    ("role", "told"),
    [("contributor", "n’agirez plus pour elle. Les"), ("legal_representative", "signer ses conventions")],
)
def test_end_of_ones_own_affiliation_is_told_before_it_is_done(client, applicant, role, told):
    affiliation = AffiliationFactory(user=applicant, role=role)
    address = reverse("affiliation_end", args=[affiliation.pk])
    assert address in client.get(reverse("affiliation_home")).content.decode()
    assert told in client.get(address).content.decode()
    affiliation.refresh_from_db()
    assert affiliation.ends_at is None
    done = client.post(address, follow=True).content.decode()
    assert "ce rattachement est terminé" in done
    assert client.get(address).status_code == 302
    assert client.get(reverse("affiliation_end", args=[pending().pk])).status_code == 404


def test_home_leads_a_newcomer_to_their_authority_then_says_that_the_answer_is_awaited(client, applicant):
    assert "Trouver votre collectivité" in client.get(reverse("home")).content.decode()
    asked = pending(user=applicant)
    told = client.get(reverse("home")).content.decode()
    assert f"Demande transmise pour {asked.organisation.name}" in html.unescape(told)
    validate_affiliation(affiliation_id=asked.pk, by=None, at=timezone.now(), evidence="visa")
    assert "Ce qui vous attend" not in client.get(reverse("home")).content.decode()


def test_applicant_reads_the_reason_of_a_refusal(client, applicant):
    now = timezone.now()
    pending(user=applicant, refused_at=now, ends_at=now, refusal_reason="Fonction non confirmée par la mairie")
    assert "Fonction non confirmée par la mairie" in client.get(reverse("affiliation_home")).content.decode()


def queries_of(client, name):
    client.get(reverse(name))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse(name)).status_code == 200
    return len(queries)


def test_my_affiliations_take_the_same_number_of_queries(client, applicant):
    counts = []
    for number in (1, 3, 30):
        while Affiliation.objects.count() < number:
            AffiliationFactory(user=applicant)
        counts.append(queries_of(client, "affiliation_home"))
    assert len(set(counts)) == 1


# ---------------------------------------------------------------- the agent of the State


def test_agent_validates_a_request_of_their_territory(client, call):
    screener = agent(client, call, departement_code="35")
    asked = pending()
    assert f'id="demande-{asked.pk}"' in _listed(client)
    assert client.post(reverse("affiliation_validate", args=[asked.pk])).status_code == 302
    asked.refresh_from_db()
    assert asked.validated_by == screener
    assert may_act_for(asked.user, asked.organisation, timezone.now())
    assert f'id="demande-{asked.pk}"' not in _listed(client)


def _listed(client):
    return client.get(reverse("affiliation_requests")).content.decode().split("<main")[1].split("</h1>")[1]


def test_agent_refuses_with_a_reason(client, call):
    agent(client, call)
    asked = pending()
    assert "Refuser la demande" in client.get(reverse("affiliation_refuse", args=[asked.pk])).content.decode()
    answer = client.post(reverse("affiliation_refuse", args=[asked.pk]), {"reason": " "})
    assert (answer.status_code, "Indiquez le motif" in answer.content.decode()) == (422, True)
    asked.refresh_from_db()
    assert asked.refused_at is None
    client.post(reverse("affiliation_refuse", args=[asked.pk]), {"reason": "Fonction non confirmée"})
    asked.refresh_from_db()
    assert asked.refusal_reason == "Fonction non confirmée"


@pytest.mark.parametrize("name", ["affiliation_refuse", "affiliation_terminate"])
def test_reason_that_is_too_long_is_told_at_its_field_and_kept(client, call, name):
    agent(client, call)
    affiliation = pending() if name == "affiliation_refuse" else acting()
    typed = "Fonction non confirmée. " * 13
    answer = client.post(reverse(name, args=[affiliation.pk]), {"reason": typed})
    assert answer.status_code == 422
    assert "300 caractères au plus" in str(answer.context["form"].errors["reason"])
    assert typed.strip() in answer.content.decode()
    affiliation.refresh_from_db()
    assert (affiliation.refused_at, affiliation.ends_at) == (None, None)


def acting(departement="35", **changes):
    return AffiliationFactory(organisation=OrganisationFactory(departement_code=departement), **changes)


def test_agent_ends_an_affiliation_and_access_closes_at_the_next_request(client, call):
    screener = agent(client, call, departement_code="35")
    draft = start(organisation=acting().organisation)
    affiliation = Affiliation.objects.get(organisation=draft.organisation)
    theirs = Client()
    sign_in(theirs, affiliation.user)
    page = reverse("application_detail", args=[draft.pk])
    assert theirs.get(page).status_code == 200
    url = reverse("affiliation_terminate", args=[affiliation.pk])
    listed = client.get(reverse("affiliation_list")).content.decode()
    assert f'href="{url}"' in listed
    assert affiliation.user.email in client.get(url).content.decode()
    empty = client.post(url, {"reason": ""})
    assert (empty.status_code, "Indiquez le motif" in empty.content.decode()) == (422, True)
    assert theirs.get(page).status_code == 200
    assert client.post(url, {"reason": "A quitté la commune"}).url == reverse("affiliation_list")
    assert theirs.get(page).status_code == 404
    assert f'href="{url}"' not in client.get(reverse("affiliation_list")).content.decode()
    entry = JournalEntry.objects.get(chain=f"person:{affiliation.user_id}", action="affiliation.ended")
    assert (entry.actor_id, entry.reason) == (screener.pk, "A quitté la commune")
    assert OutboxMessage.objects.get(kind="core.mail").payload["to"] == [affiliation.user.email]
    again = client.post(url, {"reason": "A quitté la commune"})
    assert (again.status_code, "déjà terminé" in again.content.decode()) == (422, True)
    assert OutboxMessage.objects.filter(kind="core.mail").count() == 1
    assert "A quitté la commune" in theirs.get(reverse("affiliation_home")).content.decode()


def test_affiliations_in_force_are_those_of_the_territory_and_are_searched(client, call):
    agent(client, call, departement_code="35")
    now = timezone.now()
    shown = acting(user=UserFactory(last_name="Le Goff"))
    other = acting(user=UserFactory(last_name="Kervella"))
    hidden = [acting("29"), acting(ends_at=now), pending()]
    text = client.get(reverse("affiliation_list")).content.decode()
    assert "2 personnes rattachées" in text
    for row, expected in [(shown, True), (other, True), *((row, False) for row in hidden)]:
        assert (reverse("affiliation_terminate", args=[row.pk]) in text) == expected
    for words in ("le goff", shown.user.email, shown.organisation.name):
        found = client.get(reverse("affiliation_list"), {"q": words}).content.decode()
        assert "1 personne rattachée" in found
        assert reverse("affiliation_terminate", args=[shown.pk]) in found
    assert "Personne ne correspond" in client.get(reverse("affiliation_list"), {"q": "introuvable"}).content.decode()


@pytest.mark.parametrize("text", ["\x00", "--", "zz\x00zz", "'" * 300])
def test_search_that_names_nobody_finds_nobody(client, call, text):
    agent(client, call, departement_code="35")
    acting()
    page = client.get(reverse("affiliation_list"), {"q": text})
    assert page.status_code == 200
    everybody = not text.replace("\x00", "").strip()
    assert len(page.context["page"]) == (1 if everybody else 0)


def test_affiliations_in_force_take_the_same_number_of_queries_and_are_paginated(client, call):
    agent(client, call)
    counts = []
    for number in (1, 3, 27):
        while Affiliation.objects.count() < number:
            acting()
        counts.append(queries_of(client, "affiliation_list"))
    assert len(set(counts)) == 1
    assert (
        client.get(reverse("affiliation_list"), {"page": 2}).content.decode().count("Mettre fin au rattachement") == 2
    )


# ---------------------------------------------------------------- the legal representative


def test_representative_ends_the_affiliation_of_a_contributor_of_their_own_authority(client, applicant):
    mine = AffiliationFactory(user=applicant, legal=True).organisation
    contributor = AffiliationFactory(organisation=mine)
    others = [
        AffiliationFactory(organisation=mine, legal=True),
        AffiliationFactory(organisation=mine, pending=True),
        AffiliationFactory(),
    ]
    url = reverse("affiliation_remove", args=[contributor.pk])
    home = client.get(reverse("affiliation_home")).content.decode()
    assert f'href="{url}"' in home
    for row in others:
        theirs = reverse("affiliation_remove", args=[row.pk])
        assert theirs not in home
        assert client.post(theirs, {"reason": "x"}).status_code == 404
        row.refresh_from_db()
        assert row.ends_at is None
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "A changé de service"}).status_code == 302
    contributor.refresh_from_db()
    assert contributor.end_reason == "A changé de service"
    assert url not in client.get(reverse("affiliation_home")).content.decode()


@pytest.mark.parametrize("changes", [{}, {"legal": True, "pending": True}, {"legal": True, "ends_at": "now"}])
def test_whoever_is_not_its_representative_ends_nobody_s_affiliation(client, applicant, changes):
    mine = AffiliationFactory(
        user=applicant, **{**changes, **({"ends_at": timezone.now()} if "ends_at" in changes else {})}
    )
    colleague = AffiliationFactory(organisation=mine.organisation)
    url = reverse("affiliation_remove", args=[colleague.pk])
    assert url not in client.get(reverse("affiliation_home")).content.decode()
    assert {client.get(url).status_code, client.post(url, {"reason": "x"}).status_code} == {404}
    colleague.refresh_from_db()
    assert colleague.ends_at is None


def test_representative_answers_who_asks_to_join_their_own_authority(client, applicant):
    mine = AffiliationFactory(user=applicant, legal=True).organisation
    known, unknown = (AffiliationFactory(organisation=mine, pending=True) for _ in range(2))
    not_theirs = [
        AffiliationFactory(organisation=mine, pending=True, legal=True),
        AffiliationFactory(pending=True),
        AffiliationFactory(organisation=mine),
        AffiliationFactory(organisation=mine, pending=True, user=applicant),
    ]
    assert "2 demandes de rattachement à examiner" in client.get(reverse("home")).content.decode()
    home = html.unescape(client.get(reverse("affiliation_home")).content.decode())
    assert known.user.email in home
    for row in not_theirs:
        for name in ("affiliation_accept", "affiliation_decline"):
            theirs = reverse(name, args=[row.pk])
            assert theirs not in home
            assert client.post(theirs, {"reason": "x"}).status_code == 404
        before = row.validated_at
        row.refresh_from_db()
        assert (row.validated_at, row.refused_at) == (before, None)
    accept, decline = reverse("affiliation_accept", args=[known.pk]), reverse("affiliation_decline", args=[unknown.pk])
    assert f'action="{accept}"' in home and f'href="{decline}"' in home
    assert client.get(accept).status_code == 405
    assert client.post(accept).status_code == 302
    assert may_act_for(known.user, mine, timezone.now())
    known.refresh_from_db()
    assert (known.validated_by, known.evidence) == (applicant, "accord du représentant légal")
    assert JournalEntry.objects.get(action="affiliation.validated").actor_id == applicant.pk
    # They who let somebody in need not be told that somebody came.
    assert not OutboxMessage.objects.filter(payload__template__endswith="affiliation_joined.txt").exists()
    assert OutboxMessage.objects.filter(payload__template__endswith="affiliation_validated.txt").count() == 1
    assert client.post(decline, {"reason": ""}).status_code == 422
    assert client.post(decline, {"reason": "Inconnue en mairie"}).status_code == 302
    unknown.refresh_from_db()
    assert unknown.refusal_reason == "Inconnue en mairie"
    assert {client.post(accept).status_code, client.post(decline, {"reason": "x"}).status_code} == {404}
    assert "à examiner" not in client.get(reverse("home")).content.decode()


@pytest.mark.parametrize("changes", [{}, {"legal": True, "pending": True}, {"legal": True, "ends_at": "now"}])
def test_whoever_is_not_its_representative_answers_nobody(client, applicant, changes):
    mine = AffiliationFactory(
        user=applicant, **{**changes, **({"ends_at": timezone.now()} if "ends_at" in changes else {})}
    )
    asked = AffiliationFactory(organisation=mine.organisation, pending=True)
    assert asked.user.email not in client.get(reverse("affiliation_home")).content.decode()
    for name in ("affiliation_accept", "affiliation_decline"):
        assert client.post(reverse(name, args=[asked.pk]), {"reason": "x"}).status_code == 404
    asked.refresh_from_db()
    assert (asked.validated_at, asked.refused_at) == (None, None)


def test_who_represents_the_authority_is_told_of_who_asks_to_prepare_its_dossiers(client, applicant):
    mine = OrganisationFactory()
    head = AffiliationFactory(organisation=mine, legal=True).user
    AffiliationFactory(organisation=mine)
    AffiliationFactory(organisation=mine, legal=True, ends_at=timezone.now())
    asked = OutboxMessage.objects.filter(payload__template__endswith="affiliation_asked.txt")
    for role, told in (("legal_representative", 0), ("contributor", 1)):
        sent = {"qui": f"organisation:{mine.pk}", "role": role, "idempotency_key": new_key()}
        assert client.post(reverse("affiliation_request"), sent).status_code == 302
        assert asked.count() == told
    (message,) = asked
    assert message.payload["to"] == [head.email]
    assert message.payload["context"]["address"] == applicant.email


def test_requests_to_join_take_the_same_number_of_queries_and_are_paginated(client, applicant):
    mine = AffiliationFactory(user=applicant, legal=True).organisation
    counts = []
    for number in (2, 4, 30):
        while Affiliation.objects.count() < number:
            AffiliationFactory(organisation=mine, pending=True)
        counts.append(queries_of(client, "affiliation_home"))
    assert len(set(counts)) == 1
    second = client.get(reverse("affiliation_home"), {"demandes": 2}).content.decode()
    assert second.count("/accepter/") == 4


def test_colleagues_take_the_same_number_of_queries_and_are_paginated(client, applicant):
    mine = AffiliationFactory(user=applicant, legal=True).organisation
    counts = []
    for number in (2, 4, 30):
        while Affiliation.objects.count() < number:
            AffiliationFactory(organisation=mine)
        counts.append(queries_of(client, "affiliation_home"))
    assert len(set(counts)) == 1
    second = client.get(reverse("affiliation_home"), {"personnes": 2}).content.decode()
    assert second.count("/retirer/") == 4


# ---------------------------------------------------------------- who has no such page


def test_request_of_another_territory_does_not_exist(client, call):
    agent(client, call, departement_code="29")
    asked = pending("35")
    assert "Aucune demande en attente" in _listed(client)
    assert client.get(reverse("affiliation_refuse", args=[asked.pk])).status_code == 404
    for name in ("affiliation_validate", "affiliation_refuse", "affiliation_terminate"):
        answer = client.post(reverse(name, args=[asked.pk]), {"reason": "x"})
        nothing = client.post(reverse(name, args=[asked.pk + 999]), {"reason": "x"})
        assert answer.status_code == nothing.status_code == 404
    asked.refresh_from_db()
    assert asked.validated_at is None
    assert asked.refused_at is None


@pytest.mark.parametrize("role", [MandateRole.JUROR, MandateRole.SIGNATORY, MandateRole.AUDITOR])
def test_other_mandates_do_not_answer(client, call, role):
    agent(client, call, role=role)
    asked = pending()
    assert client.get(reverse("affiliation_requests")).status_code == 404
    assert client.get(reverse("affiliation_list")).status_code == 404
    assert client.post(reverse("affiliation_terminate", args=[acting().pk]), {"reason": "x"}).status_code == 404
    assert not Affiliation.objects.filter(ends_at__isnull=False).exists()
    assert client.post(reverse("affiliation_validate", args=[asked.pk])).status_code == 404
    asked.refresh_from_db()
    assert asked.validated_at is None


def test_applicant_has_no_such_page_and_no_such_menu(client, applicant):
    assert client.get(reverse("affiliation_requests")).status_code == 404
    assert reverse("affiliation_requests") not in client.get(reverse("affiliation_home")).content.decode()


def test_requests_take_the_same_number_of_queries(client, call):
    agent(client, call)
    counts = []
    for number in (1, 3, 20):
        while Affiliation.objects.count() < number:
            pending()
        counts.append(queries_of(client, "affiliation_requests"))
    assert len(set(counts)) == 1


def test_requests_are_paginated(client, call):
    agent(client, call)
    for _ in range(27):
        pending()
    assert "27 demandes en attente" in client.get(reverse("affiliation_requests")).content.decode()
    second = client.get(reverse("affiliation_requests"), {"page": 2}).content.decode()
    assert second.count(">Valider<") == 2


def test_menu_offers_one_s_authority_to_those_who_may_have_one(client, db):
    entry = f'href="{reverse("affiliation_home")}"'
    applicant, agent, elected = UserFactory(), AgentFactory(), AgentFactory()
    AffiliationFactory(user=elected)
    for user, expected in ((applicant, True), (agent, False), (elected, True)):
        sign_in(client, user)
        menu = client.get("/").content.decode().partition("<main")[0]
        assert (entry in menu) == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Anne Dûment", "d’Anne Dûment"),
        ("Ève Durand", "d’Ève Durand"),
        ("Œdipe Roi", "d’Œdipe Roi"),
        ("Henri Prat", "d’Henri Prat"),
        ("Yves Prat", "d’Yves Prat"),
        ("Yann Prat", "de Yann Prat"),
        ("Zoé Prat", "de Zoé Prat"),
    ],
)
def test_name_of_a_person_is_elided_as_one_says_it(name, said):
    assert of_whom(name) == said
