"""The acknowledgement: its legal mentions on paper and by mail, written once."""

import io
import re
import subprocess

import pikepdf
import pytest
from django.core import mail
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from applications.models import Acknowledgement, Application
from applications.tasks import acknowledge
from calls.models import Call
from core import files, outbox
from core.models import OutboxMessage, StoredFile
from core.money import euros
from territories.models import Organisation
from tests.factories.applications import IBAN, ApplicationFactory, submitted_application

MENTIONS = (
    "1er avril 2021 à 10 h 00",
    "1 place de l’Exemple, 75000 Paris",
    "contact@appel-collectivites.example",
    "01 99 00 88 88",
    "1er juin 2021",
    "1er décembre 2021",
    "réputée",
    "deux mois",
    "tribunal administratif de Paris",
    "R. 421-1",
)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ").replace("\u202f", " "))


def text_of(content: bytes) -> str:
    shown = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return plain(shown.stdout.decode())


def test_acknowledgement_carries_the_legal_mentions_on_paper_and_by_mail(db):
    application = submitted_application()
    outbox.deliver_all()
    row = Acknowledgement.objects.select_related("file").get()
    content = files.read(row.file)
    text = text_of(content)
    (message,) = mail.outbox
    for mention in (application.number, *MENTIONS):
        assert mention in text, mention
        assert mention in plain(message.body) + message.subject, mention
    assert sorted(message.to) == sorted({"maire@example.fr", "mairie@example.fr", application.created_by.email})
    assert message.attachments[0].content == content
    assert row.sent_at is not None
    assert IBAN not in text


def test_acknowledgement_is_pdf_a_3_and_tagged(db):
    submitted_application()
    outbox.deliver_all()
    with pikepdf.open(io.BytesIO(files.read(Acknowledgement.objects.get().file))) as document:
        metadata = document.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert document.Root.MarkInfo.Marked


def test_acknowledgement_delivered_twice_is_written_and_sent_once(db):
    application = submitted_application()
    for _ in range(2):
        acknowledge({"application": str(application.pk)})
    assert StoredFile.objects.filter(kind="acknowledgement").count() == 1
    assert OutboxMessage.objects.filter(kind="core.mail").count() == 1


def test_acknowledgement_resumes_after_a_death_between_file_and_mail(db, monkeypatch):
    application = submitted_application()
    monkeypatch.setattr("applications.tasks._mail", _die)
    outbox.deliver_all()
    assert Acknowledgement.objects.get().file is not None
    assert Acknowledgement.objects.get().sent_at is None
    monkeypatch.undo()
    acknowledge({"application": str(application.pk)})
    assert StoredFile.objects.filter(kind="acknowledgement").count() == 1
    assert OutboxMessage.objects.filter(kind="core.mail").count() == 1


def _die(row):
    raise ConnectionError("killed")


def test_acknowledgement_of_an_unknown_dossier_stops_quietly(db):
    acknowledge({"application": "00000000-0000-4000-8000-000000000000"})
    assert not StoredFile.objects.exists()


def test_acknowledgement_states_what_was_filed_whatever_changed_before_the_worker(db):
    application = submitted_application()
    filed, organisation = application.title, application.organisation.name
    Application.objects.filter(pk=application.pk).update(title="Autre projet", siret="", amount_requested="1.00")
    application.cost_lines.update(amount="2.00")
    Organisation.objects.filter(pk=application.organisation_id).update(name="Autre collectivité")
    Call.objects.update(contact_name="Autre bureau", appeal_court="autre tribunal")
    outbox.deliver_all()
    text = text_of(files.read(Acknowledgement.objects.get().file))
    told = text + plain(mail.outbox[0].body)
    for mention in (filed, organisation, application.siret, plain(euros(application.amount_requested))):
        assert mention in text, mention
    for changed in ("Autre projet", "Autre collectivité", "Autre bureau", "autre tribunal"):
        assert changed not in told, changed


def test_statement_of_an_acknowledgement_is_written_once(db):
    submitted_application()
    for change in ({"statement": {}}, {"received_at": timezone.now()}, {"number": "TNC-2021-99999"}):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Acknowledgement.objects.update(**change)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Acknowledgement.objects.get().delete()


def test_process_of_the_version_before_still_writes_its_acknowledgement(db):
    application = ApplicationFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO applications_acknowledgement (application_id, number, received_at) VALUES (%s, 'AR-0', now())",
            [application.pk],
        )
    assert Acknowledgement.objects.get(application=application).statement == {}
