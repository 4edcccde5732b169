"""Filing, completing and withdrawing by the pages, and who may read them."""

import re
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.urls import reverse

from applications.content import content_sha256
from applications.enums import AttachmentKind
from applications.models import Application
from applications.services import form_grouping, submit_application
from core.models import OutboxMessage
from core.templatetags.guichet import paris_date
from territories.models import Affiliation
from tests.applications.pages import bare, filing_of, section_url
from tests.factories.accounts import sign_in
from tests.factories.applications import (
    ApplicationFactory,
    applicant_of,
    attach,
    completion_requested_application,
    fill,
    pdf,
    start,
    submitted_application,
    the_only_call,
)
from tests.factories.calls import FIRST_RELEVE, PARIS, session_of
from tests.factories.territories import OrganisationFactory


def test_submit_one_second_after_closing_is_refused_with_the_hour(client, db):
    application = ApplicationFactory()
    closing = application.session.closes_at
    sign_in(client, applicant_of(application.organisation))
    Application.objects.filter(pk=application.pk).update(starts_on=date(2021, 7, 1))
    filing = filing_of(application)
    with time_machine.travel(closing + timedelta(seconds=1), tick=False):
        response = client.post(reverse("application_submit", args=[application.pk]), filing)
    content = response.content.decode()
    assert "close depuis le 15 juin 2021 à 12 h 00, heure de Paris" in content.replace("\u00a0", " ")
    application.refresh_from_db()
    assert application.state == "draft"
    with time_machine.travel(closing, tick=False):
        response = client.post(reverse("application_submit", args=[application.pk]), filing)
    application.refresh_from_db()
    assert application.state == "submitted"


def test_second_submit_with_the_same_key_answers_the_same_and_with_another_is_friendly(client, db, travel):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    url = reverse("application_submit", args=[application.pk])
    filing = filing_of(application)
    first, again = client.post(url, filing), client.post(url, filing)
    assert first.url == again.url == reverse("application_submitted", args=[application.pk])
    other = client.post(url, {**filing, "idempotency_key": str(uuid4())}, follow=True)
    application.refresh_from_db()
    assert f"déjà déposé sous le numéro {application.number}" in other.content.decode()


def test_submit_without_the_sworn_statement_is_refused_at_its_field(client, db, travel):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    url = reverse("application_submit", args=[application.pk])
    response = client.post(url, {"idempotency_key": str(uuid4())})
    assert set(response.context["form"].errors) == {"sworn", "sworn_as"}
    application.refresh_from_db()
    assert application.state == "draft"


def test_only_a_legal_representative_files_as_one(client, db, travel):
    application = ApplicationFactory()
    for role, files in (("contributor", False), ("legal_representative", True)):
        user = applicant_of(application.organisation)
        Affiliation.objects.filter(user=user).update(role=role)
        sign_in(client, user)
        url = reverse("application_submit", args=[application.pk])
        answer = client.post(url, {**filing_of(application), "sworn_as": "representative"})
        application.refresh_from_db()
        assert (application.state != "draft") is files
        if not files:
            assert "n’est pas celui d’un représentant légal" in answer.context["form"].errors["sworn_as"][0]


def test_dossier_changed_since_it_was_read_is_not_sworn_to(client, db, travel):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    url = reverse("application_submit", args=[application.pk])
    read = client.get(url)
    data = {**filing_of(application), "shown": read.context["form"]["shown"].value()}
    Application.objects.filter(pk=application.pk).update(title="Ce que le collègue a écrit")
    refused = client.post(url, data)
    assert "modifié ailleurs" in refused.context["form"].non_field_errors()[0]
    assert "Ce que le collègue a écrit" in refused.content.decode()
    application.refresh_from_db()
    assert application.state == "draft"
    assert client.post(url, {**data, "shown": ""}).status_code == 200
    data["shown"] = refused.context["form"]["shown"].value()
    assert client.post(url, data).status_code == 302
    application.refresh_from_db()
    assert (application.state, application.title) == ("submitted", "Ce que le collègue a écrit")


def test_draft_after_the_closing_says_that_it_cannot_be_filed(client, db):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    pages = [
        reverse("application_detail", args=[application.pk]),
        reverse("application_missing", args=[application.pk]),
        section_url(application, "projet"),
    ]
    with time_machine.travel(FIRST_RELEVE, tick=False):
        before = [client.get(page).content.decode() for page in pages]
    with time_machine.travel(application.session.closes_at + timedelta(days=10), tick=False):
        after = [client.get(page).content.decode() for page in pages]
        listed = client.get(reverse("application_list")).content.decode()
    for open_page, closed_page in zip(before, after, strict=True):
        assert "La relève est close" not in open_page
        assert "La relève est close" in closed_page
        assert "peut être déposé" not in closed_page
        assert "possible jusqu’au" not in closed_page
    assert "ce brouillon ne peut plus être déposé" in listed


def test_submit_of_an_unfinished_dossier_links_each_gap(client, db, travel):
    application = ApplicationFactory(skip=["financement", "pieces"])
    sign_in(client, applicant_of(application.organisation))
    url = reverse("application_submit", args=[application.pk])
    page = client.get(url)
    assert section_url(application, "financement") in page.content.decode()
    assert section_url(application, "pieces") in page.content.decode()
    response = client.post(url, filing_of(application))
    assert response.context["form"].non_field_errors()
    application.refresh_from_db()
    assert application.state == "draft"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vide.pdf", b"", "Le fichier est vide"),
        ("gros.pdf", b"%PDF-" + b"0" * (10 * 1024 * 1024), "dépasse 10"),
        ("note.txt", b"bonjour", "Ce type de fichier n’est pas accepté"),
        ("image.png", None, "ne correspond pas à son nom"),
        ("double.pdf", "polyglot", "deux types à la fois"),
    ],
)
def test_attachment_refused_at_its_field_leaves_nothing(client, db, travel, name, content, message):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    if content == "polyglot":
        import io
        import zipfile

        tail = io.BytesIO()
        with zipfile.ZipFile(tail, "w") as archive:
            archive.writestr("autre.txt", "deux")
        content = pdf() + tail.getvalue()
    sent = SimpleUploadedFile(name, pdf() if content is None else content)
    url = reverse("attachment_add", args=[application.pk])
    response = client.post(url, {"kind": "deliberation", "file": sent})
    assert message in response.context["form"].errors["file"][0]
    assert not application.attachments.exists()


def test_attachment_is_downloaded_by_those_who_see_the_dossier_only(client, db, travel):
    application = submitted_application()
    attachment = application.attachments.first()
    url = reverse("attachment_download", args=[application.pk, attachment.pk])
    unknown = reverse("attachment_download", args=[application.pk, uuid4()])
    sign_in(client, applicant_of(application.organisation))
    response = client.get(url)
    assert response.status_code == 200
    assert response["X-Content-Type-Options"] == "nosniff"
    sign_in(client, applicant_of(OrganisationFactory()))
    strange, missing = client.get(url), client.get(unknown)
    assert strange.status_code == missing.status_code == 404
    assert bare(strange) == bare(missing)


def test_stranger_and_nobody_get_the_same_bytes_on_every_page(client, db, travel):
    application = submitted_application()
    sign_in(client, applicant_of(OrganisationFactory()))
    for name in (
        "application_detail",
        "application_submit",
        "application_submitted",
        "application_withdraw",
        "completion_answer",
        "acknowledgement_download",
        "application_missing",
        "screening_detail",
    ):
        strange = client.get(reverse(name, args=[application.pk]))
        missing = client.get(reverse(name, args=[uuid4()]))
        assert strange.status_code == missing.status_code == 404, name
        assert bare(strange) == bare(missing), name


def test_completion_is_answered_after_a_document_is_added(client, db):
    application = completion_requested_application()
    sign_in(client, applicant_of(application.organisation))
    with time_machine.travel(FIRST_RELEVE + timedelta(days=10), tick=True):
        page = client.get(reverse("completion_answer", args=[application.pk])).content.decode()
        assert "La délibération signée" in page
        sent = SimpleUploadedFile("deliberation.pdf", pdf("nouvelle"))
        client.post(reverse("attachment_add", args=[application.pk]), {"kind": "deliberation", "file": sent})
        client.post(reverse("completion_answer", args=[application.pk]), {"message": "La voici."})
    application.refresh_from_db()
    assert application.state == "submitted"
    assert application.attachments.filter(kind="deliberation").count() == 2
    receipt = OutboxMessage.objects.get(kind="core.mail", payload__template__endswith="completion_received.txt")
    assert applicant_of(application.organisation).email in receipt.payload["to"]
    text = render_to_string(
        receipt.payload["template"], {**receipt.payload["context"], "site_url": "https://guichet.test"}
    )
    assert application.number in text and paris_date(application.decision_due_at) in text


def test_withdraw_needs_its_confirmation(client, db, travel):
    application = submitted_application()
    sign_in(client, applicant_of(application.organisation))
    url = reverse("application_withdraw", args=[application.pk])
    assert "confirmed" in client.post(url, {}).context["form"].errors
    application.refresh_from_db()
    assert application.state == "submitted"
    client.post(url, {"confirmed": "on"})
    application.refresh_from_db()
    assert application.state == "withdrawn"
    page = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    assert "Vous avez retiré ce dossier" in page
    assert "fr-stepper" not in page


def test_filed_dossier_is_no_longer_edited(client, db, travel):
    application = submitted_application()
    sign_in(client, applicant_of(application.organisation))
    response = client.post(section_url(application, "projet"), {"version": application.version, "title": "Autre"})
    assert response.url == reverse("application_detail", args=[application.pk])
    application.refresh_from_db()
    assert application.title != "Autre"


def test_draft_page_tells_the_closing_hour_in_paris(client, db):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    with time_machine.travel(datetime(2021, 5, 1, 12, tzinfo=PARIS), tick=True):
        page = client.get(section_url(application, "projet")).content.decode()
    assert "15 juin 2021 à 12\u00a0h\u00a000" in page


def test_sections_reopened_for_an_answer_say_until_when_and_lead_back(client, db, travel):
    application = completion_requested_application()
    sign_in(client, applicant_of(application.organisation))
    page = client.get(section_url(application, "pieces")).content.decode()
    assert "Compléments attendus jusqu’au" in page
    assert reverse("completion_answer", args=[application.pk]) in page
    assert "Dépôt possible jusqu’au" not in page


def test_message_beside_a_request_is_told_to_be_no_answer(client, db, travel):
    for application, awaited in ((completion_requested_application(), True), (submitted_application(), False)):
        sign_in(client, applicant_of(application.organisation))
        url = reverse("application_message", args=[application.pk])
        page = client.post(url, {"body": "Voici la délibération."}, follow=True).content.decode()
        assert "Votre message est envoyé au service." in page
        assert ("Il ne répond pas à sa demande de compléments" in page) is awaited


def test_second_filing_is_told_as_what_it_is_and_no_error(client, db, travel):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    page = client.get(reverse("application_submit", args=[application.pk]))
    filing = filing_of(application, page.context["form"]["idempotency_key"].value())
    client.post(reverse("application_submit", args=[application.pk]), filing)
    again = client.post(
        reverse("application_submit", args=[application.pk]), {**filing, "idempotency_key": str(uuid4())}, follow=True
    )
    assert "est déjà déposé" in again.content.decode()
    assert [message.level_tag for message in again.context["messages"]] == ["info"]


def test_filing_page_shows_what_a_colleague_saved_beside_the_hash_of_it(client, db, travel, monkeypatch):
    application = fill(start())
    sign_in(client, applicant_of(application.organisation))
    read = filing_of(application)

    def overtaken(**filing):
        Application.objects.filter(pk=application.pk).update(title="Le titre du collègue")
        return submit_application(**filing)

    monkeypatch.setattr("applications.views.filing.submit_application", overtaken)
    page = client.post(reverse("application_submit", args=[application.pk]), read)
    content = page.content.decode()
    assert "Le titre du collègue" in content
    current = Application.objects.get(pk=application.pk)
    assert f'value="{content_sha256(current)}"' in content
    assert current.state == "draft"


def test_filing_page_of_a_grouping_does_not_tell_whether_a_member_has_asked(client, db, travel):
    """Two worlds: the neighbour named in the draft has filed its own request, or has not."""
    lead, neighbour = OrganisationFactory(), OrganisationFactory()
    session = session_of(the_only_call(), "pack-franceconnect", "guichet-2021")
    grouping = form_grouping(lead=lead, members=[neighbour], user=applicant_of(lead), at=FIRST_RELEVE)
    draft = fill(start(session=session, grouping=grouping), cost="5000.00", requested="5000.00")
    theirs = fill(start(session=session, organisation=neighbour), cost="5000.00", requested="5000.00")
    sign_in(client, applicant_of(lead))
    url = reverse("application_submit", args=[draft.pk])
    before = client.get(url)
    assert before.context["verdict"].verdict == "not_eligible"
    submit_application(application=theirs, user=applicant_of(neighbour), at=FIRST_RELEVE, key=str(uuid4()))
    after = client.get(url)
    keys = rb'idempotency_key" value="[^"]+'
    assert re.sub(keys, b"", bare(after)) == re.sub(keys, b"", bare(before))


def test_document_leaves_the_draft_once_asked(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    (joined,) = attach(application, AttachmentKind.OTHER)
    url = reverse("attachment_remove", args=[application.pk, joined.pk])
    page = client.get(url).content.decode()
    assert "Retirer cette pièce" in page and joined.file.name in page
    assert url in client.get(section_url(application, "pieces")).content.decode()
    joined.refresh_from_db()
    assert joined.removed_at is None
    assert client.post(url).status_code == 302
    joined.refresh_from_db()
    assert joined.removed_at is not None
