"""The service's pages: the list, its search and export, a dossier, the acts."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from applications.enums import AccessEffect, AccessSource, AttachmentKind
from applications.models import Access, Application
from applications.sections import BY_SLUG
from applications.services import answer_completion, save_section
from tests.factories.accounts import sign_in
from tests.factories.applications import (
    applicant_of,
    attach,
    completion_requested_application,
    screener_of,
    start,
    submitted_application,
)
from tests.factories.calls import FIRST_RELEVE, MandateFactory
from tests.factories.territories import OrganisationFactory

LIST = "/instruction/"


@pytest.fixture
def travel():
    with time_machine.travel(FIRST_RELEVE + timedelta(hours=1), tick=True):
        yield


def shown(response) -> set[str]:
    return {row.number for row in response.context["page"].object_list}


@pytest.mark.parametrize(
    "name",
    [
        "application_start",
        "application_section",
        "application_submit",
        "application_withdraw",
        "completion_answer",
        "screening_request",
        "screening_admissible",
        "screening_inadmissible",
    ],
)
@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_page_answers_to_reading_and_posting_only(client, db, name, method):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    arguments = [] if name == "application_start" else [application.pk]
    if name == "application_section":
        arguments.append("projet")
    assert getattr(client, method)(reverse(name, args=arguments)).status_code == 405


def test_list_is_closed_to_applicants_and_jurors(client, db, travel):
    application = submitted_application()
    sign_in(client, applicant_of(application.organisation))
    assert client.get(LIST).status_code == 404
    sign_in(client, MandateFactory(call=application.call, role="juror").user)
    assert client.get(LIST).status_code == 404
    assert client.get(reverse("screening_export")).status_code == 404


def test_list_without_dossier_says_so(client, db, travel):
    draft = start()
    sign_in(client, screener_of(draft.call))
    content = client.get(LIST).content.decode()
    assert "Aucun dossier pour l’instant" in content


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=erquy", {"a"}),
        ("q=ÉRQUY", {"a"}),
        ("q=demarches", {"a"}),
        ("q=démarc", {"a"}),
        ("q=archivage erquy", set()),
        ("q=TN-2021-00002", {"b"}),
        ("q=%26%7C!%3A*", set()),
        ("q=%20", {"a", "b"}),
        ("departement=22", {"a"}),
        ("etat=completion_requested", {"b"}),
        ("axe=axe-2", set()),
        ("axe=nimporte", {"a", "b"}),
        ("releve=zzz", {"a", "b"}),
        ("retard=decision", set()),
        ("page=999", {"a", "b"}),
        ("tri=inconnu", {"a", "b"}),
    ],
)
def test_list_filters_and_searches(client, db, travel, query, found):
    first = submitted_application(
        title="Des démarches à portée de main",
        organisation=OrganisationFactory(name="Erquy", departement_code="22"),
    )
    second = completion_requested_application(title="Archivage", organisation=OrganisationFactory(name="Vitré"))
    from territories.models import Territory
    from tests.factories.territories import TerritoryFactory

    TerritoryFactory(kind="departement", code="22", name="Côtes-d'Armor")
    assert Territory.objects.exists()
    sign_in(client, screener_of(first.call))
    numbers = {"a": first.number, "b": second.number}
    assert shown(client.get(f"{LIST}?{query}")) == {numbers[name] for name in found}


def test_list_sorts_both_ways(client, db, travel):
    small = submitted_application(cost="1000.00")
    large = submitted_application(cost="9000.00")
    sign_in(client, screener_of(small.call))
    for order, expected in (("montant", [small, large]), ("-montant", [large, small])):
        rows = client.get(f"{LIST}?tri={order}").context["page"].object_list
        assert [row.number for row in rows] == [row.number for row in expected]


def test_overdue_answer_is_found_and_shown(client, db):
    application = completion_requested_application()
    sign_in(client, screener_of(application.call))
    with time_machine.travel(FIRST_RELEVE + timedelta(days=31), tick=True):
        assert shown(client.get(f"{LIST}?retard=reponse")) == {application.number}
        content = client.get(reverse("screening_detail", args=[application.pk])).content.decode()
    assert "date dépassée" in content


def test_list_costs_the_same_with_1_3_and_30_rows(client, db, travel, django_assert_max_num_queries):
    first = submitted_application()
    sign_in(client, screener_of(first.call))
    client.get(LIST)  # the first page of a session registers it
    costs = []
    for count in (1, 3, 30):
        for rank in range(Application.objects.count() + 1, count + 1):
            row = Application.objects.get(pk=first.pk)
            row.pk, row.number = uuid4(), f"TN-2021-{rank:05d}"
            row.save(force_insert=True)
        with django_assert_max_num_queries(40) as seen:
            response = client.get(LIST)
        assert response.context["page"].paginator.count == count
        costs.append(len(seen))
    assert len(set(costs)) == 1, costs


def test_export_holds_the_rows_of_the_list_and_neutralises_formulas(client, db, travel):
    application = submitted_application(title="=HYPERLINK(1)")
    submitted_application(title="Autre")
    sign_in(client, screener_of(application.call))
    content = b"".join(client.get(reverse("screening_export") + "?q=hyperlink").streaming_content).decode("utf-8-sig")
    lines = content.strip().split("\r\n")
    assert len(lines) == 2
    assert "'=HYPERLINK(1)" in lines[1]
    assert "50000,00" in lines[1]


def test_denied_dossier_leaves_list_counts_search_export_files_and_page(client, db, travel):
    """Two worlds: with the dossier denied, the answers are those of a world where it was never filed."""
    hidden = submitted_application(title="Secret")
    application = submitted_application(title="Visible")
    screener = screener_of(application.call)
    sign_in(client, screener)
    Access.objects.create(
        user=screener,
        application=hidden,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=timezone.now(),
    )
    response = client.get(LIST)
    assert response.context["page"].paginator.count == 1
    assert "Secret" not in response.content.decode()
    assert shown(client.get(f"{LIST}?q=secret")) == set()
    export = b"".join(client.get(reverse("screening_export")).streaming_content).decode()
    assert "Secret" not in export
    attachment = hidden.attachments.first()
    assert client.get(reverse("attachment_download", args=[hidden.pk, attachment.pk])).status_code == 404
    assert client.get(reverse("screening_detail", args=[hidden.pk])).status_code == 404


def test_screener_goes_from_request_to_admissible(client, db, travel):
    application = submitted_application()
    sign_in(client, screener_of(application.call))
    url = reverse("screening_request", args=[application.pk])
    assert client.get(url).status_code == 200
    response = client.post(url, {"items": "", "due_on": "2021-01-01"})
    assert set(response.context["form"].errors) == {"items", "due_on"}
    response = client.post(url, {"items": "La délibération", "due_on": "2022-04-01"})
    assert "au plus" in response.context["form"].errors["due_on"][0]
    typed = {"items": "La délibération\n\nLe RIB", "due_on": "2021-05-01", "message": "Bonjour"}
    read = client.post(url, typed)
    assert [row["term"] for row in read.context["rows"]] == [
        "Éléments manquants",
        "Message au porteur",
        "Réponse attendue jusqu’au",
    ]
    assert "mai 2021" in read.context["rows"][2]["description"]
    assert "<textarea" in client.post(url, {**typed, "corriger": "oui"}).content.decode()
    assert not application.completion_requests.exists()
    client.post(url, {**typed, "confirmer": "oui"})
    application.refresh_from_db()
    pending = application.open_completion_request()
    assert pending.items == ["La délibération", "Le RIB"]
    assert timezone.localtime(pending.due_at).strftime("%Y-%m-%d %H:%M:%S") == "2021-05-01 23:59:59"
    answer_completion(
        application=application, user=applicant_of(application.organisation), at=timezone.now(), message="Voilà"
    )
    client.post(reverse("screening_complete", args=[application.pk]))
    application.refresh_from_db()
    assert application.completed_at is not None
    client.post(reverse("screening_admissible", args=[application.pk]), {"note": "Bon dossier"})
    application.refresh_from_db()
    assert application.state == "admissible"
    assert "Bon dossier" in client.get(reverse("screening_detail", args=[application.pk])).content.decode()
    sign_in(client, applicant_of(application.organisation))
    page = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    assert "recevable" in page
    assert "Bon dossier" not in page


def test_answer_to_a_request_is_shown_first_with_what_was_joined(client, db, travel):
    application = completion_requested_application()
    screener, applicant = screener_of(application.call), applicant_of(application.organisation)
    sign_in(client, screener)
    detail, listed = reverse("screening_detail", args=[application.pk]), reverse("screening_list")
    assert "Compléments reçus" not in client.get(detail).content.decode()
    assert "Compléments reçus" not in client.get(listed).content.decode()
    later = FIRST_RELEVE + timedelta(days=1)
    joined = attach(application, AttachmentKind.OTHER, at=later)[0]
    answer_completion(application=application, user=applicant, at=later, message="Voilà")
    page = client.get(detail).content.decode()
    shown = page.split("Compléments reçus le", 1)[1].split("</div>", 1)[0]
    for item in application.completion_requests.get().items:
        assert item in shown
    assert reverse("attachment_download", args=[application.pk, joined.pk]) in shown
    assert shown.count("/pieces/") == 1
    assert "Compléments reçus" in client.get(listed).content.decode()
    client.post(reverse("screening_admissible", args=[application.pk]), {"note": ""})
    assert "Compléments reçus le" not in client.get(detail).content.decode()


def test_screener_sets_aside_with_a_reason(client, db, travel):
    application = submitted_application()
    sign_in(client, screener_of(application.call))
    url = reverse("screening_inadmissible", args=[application.pk])
    assert "reason" in client.post(url, {}).context["form"].errors
    read = client.post(url, {"reason": "Le projet a déjà commencé."})
    assert "Le projet a déjà commencé." in read.content.decode() and "Relisez avant d’envoyer" in read.content.decode()
    application.refresh_from_db()
    assert application.state == "submitted"
    client.post(url, {"reason": "Le projet a déjà commencé.", "confirmer": "oui"})
    application.refresh_from_db()
    assert application.state == "inadmissible"
    told = client.get(reverse("screening_detail", args=[application.pk])).content.decode()
    assert "le porteur peut former un recours gracieux auprès du service (" in told
    sign_in(client, applicant_of(application.organisation))
    page = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    assert "Le projet a déjà commencé." in page
    assert "vous pouvez former un recours gracieux auprès du service (" in page
    assert "tribunal administratif de Paris" in page


def test_auditor_reads_and_cannot_act(client, db, travel):
    application = submitted_application()
    sign_in(client, MandateFactory(call=application.call, role="auditor").user)
    page = client.get(reverse("screening_detail", args=[application.pk]))
    assert page.status_code == 200
    assert page.context["actions"] == set()
    assert "Vérifiez que le dossier est complet" not in page.content.decode()
    assert client.post(reverse("screening_admissible", args=[application.pk])).status_code == 404
    application.refresh_from_db()
    assert application.state == "submitted"


def test_message_of_the_service_hides_the_agent_from_the_applicant(client, db, travel):
    application = submitted_application()
    screener = screener_of(application.call)
    sign_in(client, screener)
    client.post(reverse("screening_message", args=[application.pk]), {"body": "Pouvez-vous préciser ?"})
    assert str(screener) in client.get(reverse("screening_detail", args=[application.pk])).content.decode()
    sign_in(client, applicant_of(application.organisation))
    page = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    assert "Pouvez-vous préciser" in page
    assert str(screener) not in page


def test_request_typed_a_moment_too_late_stays_on_the_page(client, db):
    application = submitted_application()
    screener = screener_of(application.call)
    after = application.completeness_due_at + timedelta(seconds=1)
    with time_machine.travel(after, tick=False):
        sign_in(client, screener)
        url = reverse("screening_request", args=[application.pk])
        typed = {"items": "La délibération signée", "due_on": (after + timedelta(days=30)).date().isoformat()}
        page = client.post(url, {**typed, "message": "Bonjour, il manque encore ceci."})
        content = page.content.decode()
        assert "ne peut plus suspendre" in content
        assert "La délibération signée" in content and "Bonjour, il manque encore ceci." in content
        assert content.count("ne peut plus suspendre") == 1
        assert f">{page.context['row'].label}</button>" not in content
        assert client.get(url).status_code == 302
    application.refresh_from_db()
    assert application.state == "submitted"
    assert not application.completion_requests.exists()


def test_second_tab_that_sets_a_dossier_aside_again_is_told_once_and_leads_back(client, db):
    application = submitted_application()
    sign_in(client, screener_of(application.call))
    url = reverse("screening_inadmissible", args=[application.pk])
    assert "<textarea" in client.get(url).content.decode()
    client.post(url, {"reason": "La collectivité n’est pas éligible.", "confirmer": "oui"})
    again = client.post(url, {"reason": "Le projet est hors de l’axe."}).content.decode()
    assert again.count("Cet acte n’est plus possible") == 1
    assert "Le projet est hors de l’axe." in again
    assert "<textarea" not in again
    assert (
        reverse("screening_detail", args=[application.pk])
        in again.split("Voir où en est le dossier")[0].split("<dl")[1]
    )
    application.refresh_from_db()
    assert application.state == "inadmissible"


def test_history_names_the_capacity_sworn_and_the_section_corrected(client, db, travel):
    application = completion_requested_application()
    applicant = applicant_of(application.organisation)
    save_section(
        application=application,
        user=applicant,
        at=timezone.now(),
        section="projet",
        version=Application.objects.get(pk=application.pk).version,
        values={"title": "Un guichet partagé"},
    )
    sign_in(client, screener_of(application.call))
    history = client.get(reverse("screening_detail", args=[application.pk])).content.decode().split("Historique", 1)[1]
    corrected = history.split("Rubrique corrigée", 1)[1].split("</li>", 1)[0]
    assert BY_SLUG["projet"].title in corrected
    filed = history.split("Dossier déposé", 1)[1].split("</li>", 1)[0]
    assert "Attesté en qualité de personne mandatée" in filed
