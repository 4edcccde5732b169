"""What leaves for the Sentry that an operator configures: where the code broke, and nothing that anybody wrote."""

import json
import logging

import pytest
import sentry_sdk
from django.core.mail import EmailMessage
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from sentry_sdk.transport import Transport

import accounts.forms
from core import outbox
from core.error_reports import start_error_reports
from core.logs import json_formatter
from core.mail import queue_mail
from core.models import StoredFile

# Not as it is written: a report quotes the lines of the source around the error.
NAME, SECRET, CODE = "uaednaruD"[::-1], "4321-esarhP"[::-1], "HGFE-DCBA"[::-1]
ACCOUNT = "6149 7001 0003 67RF"[::-1]


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self, options=None):
        super().__init__(options)
        self.events = []

    def capture_envelope(self, envelope):
        self.events += [json.loads(item.payload.get_bytes()) for item in envelope.items]


@pytest.fixture
def reports():
    transport = Kept()
    start_error_reports("http://key@127.0.0.1/1", transport=transport)
    yield transport.events
    sentry_sdk.init()


def test_report_of_a_broken_form_says_where_and_nothing_of_what_was_typed(db, monkeypatch, reports):
    def broken(self, *args, **kwargs):
        raise RuntimeError(f"Formulaire de jeanne@example.fr cassé : {NAME}, {ACCOUNT}")

    monkeypatch.setattr(accounts.forms.SignupForm, "clean", broken)
    typed = {"first_name": "Jeanne", "last_name": NAME, "email": "jeanne@example.fr", "password1": SECRET}
    answer = Client(raise_request_exception=False).post(f"{reverse('account_signup')}?vers={NAME}", typed)
    assert answer.status_code == 500
    assert [event["exception"]["values"][-1]["type"] for event in reports] == ["RuntimeError"]
    assert set(reports[0]["request"]) <= {"method"}
    assert reports[0]["transaction"]
    text = json.dumps(reports, ensure_ascii=False)
    for secret in (SECRET, "jeanne@example.fr", NAME, ACCOUNT):
        assert secret not in text, secret


def test_report_of_a_mail_not_sent_holds_neither_address_nor_text(transactional_db, monkeypatch, reports):
    def refuse(self, *args, **kwargs):
        raise ConnectionRefusedError("serveur de courriel absent")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    with transaction.atomic():
        queue_mail(
            to=["jeanne@example.fr"],
            subject="Votre code",
            template="emails/accounts/message.txt",
            context={"body": f"Votre code : {CODE}"},
            dedupe_key="code",
        )
    outbox.deliver_all()
    assert reports
    text = json.dumps(reports, ensure_ascii=False)
    assert "ConnectionRefusedError" in text
    assert "jeanne@example.fr" not in text and CODE not in text


def test_neither_log_nor_report_quotes_the_row_of_a_broken_constraint(db, caplog, reports):
    def broken():
        with transaction.atomic():
            StoredFile.objects.create(
                name=f"Jeanne\n{NAME}.pdf", kind="x", media_type="text/plain", size=1, sha256="z", storage_key="z"
            )

    with pytest.raises(IntegrityError, match=NAME):
        broken()
    try:
        broken()
    except IntegrityError:
        logging.getLogger("guichet").exception("Envoi refusé")
    line = json.loads(json_formatter().format(caplog.records[-1]))
    assert "core_storedfile_sha256_is_hexadecimal" in str(line)
    assert "[ligne]" in str(line) and NAME not in str(line)
    assert "in broken" in str(line), "what follows the row is kept"
    text = json.dumps(reports, ensure_ascii=False)
    assert "constraint core_storedfile_sha256_is_hexadecimal" in text and NAME not in text


def test_report_of_a_log_keeps_the_constant_of_our_own_loggers_alone(reports):
    logging.getLogger("guichet.outbox").error("outbox_delivery_failed", extra={"message_id": "7"})
    logging.getLogger("elsewhere").error("no such person: %s", NAME)
    logging.getLogger("elsewhere").error(f"no such person: {NAME}")
    text = json.dumps(reports, ensure_ascii=False)
    assert len(reports) == 3
    assert "outbox_delivery_failed" in text and NAME not in text


def test_report_of_a_value_that_postgresql_quotes_does_not_quote_it(db, reports):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT %s::text::integer", [f"{NAME} FR76"])
    except DataError:
        logging.getLogger("guichet").exception("Lecture refusée")
    text = json.dumps(reports, ensure_ascii=False)
    assert "InvalidTextRepresentation" in text and NAME not in text
