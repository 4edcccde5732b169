"""What the site refuses to start with."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.checks import (
    antivirus_reads_every_attachment,
    demonstration_keys_stay_in_demonstrations,
    mail_is_encrypted_one_way_only,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("secure", "home_made", "demonstration", "refused"),
    [(True, True, False, 1), (True, True, True, 0), (True, False, False, 0), (False, True, False, 0)],
)
def test_public_site_does_not_seal_with_its_own_authority(settings, secure, home_made, demonstration, refused):
    settings.SECURE, settings.DEMONSTRATION_PKI, settings.DEMONSTRATION = secure, home_made, demonstration
    assert len(demonstration_keys_stay_in_demonstrations()) == refused


@pytest.mark.parametrize(
    ("address", "largest", "refused"), [("clamav:3310", 12, 0), ("clamav:3310", 13, 1), ("", 13, 0)]
)
def test_attachments_larger_than_the_antivirus_reads_are_not_accepted(settings, address, largest, refused):
    settings.CLAMD_ADDRESS, settings.ATTACHMENT_MAX_BYTES = address, largest * 1024 * 1024
    settings.CLAMD_MAX_BYTES = 12 * 1024 * 1024
    assert [found.id for found in antivirus_reads_every_attachment()] == ["guichet.E002"] * refused


def test_antivirus_of_the_composition_reads_what_the_site_believes(settings):
    configuration = (ROOT / "deploy" / "clamd.conf").read_text()
    for name in ("StreamMaxLength", "MaxFileSize"):
        found = re.search(rf"^{name} (\d+)M$", configuration, re.MULTILINE)
        assert found is not None
        assert int(found[1]) * 1024 * 1024 == settings.CLAMD_MAX_BYTES
    assert settings.ATTACHMENT_MAX_BYTES <= settings.CLAMD_MAX_BYTES


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [587, True, False]),
        ({"GUICHET_SMTP_SSL": "1"}, [465, False, True]),
        ({"GUICHET_SMTP_SSL": "1", "GUICHET_SMTP_PORT": "4650"}, [4650, False, True]),
        ({"GUICHET_SMTP_TLS": "0"}, [587, False, False]),
    ],
)
def test_mail_is_encrypted_as_the_environment_says(given, expected):
    words = "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL"
    code = f"import json; from config import settings; print(json.dumps([getattr(settings, n) for n in {words}]))"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GUICHET_SMTP")}
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, "GUICHET_SMTP_HOST": "smtp.example.fr", **given},
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(said.stdout) == expected


@pytest.mark.parametrize(("ssl", "starttls", "refused"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_mail_encrypted_both_ways_is_refused_at_the_start(settings, ssl, starttls, refused):
    settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = ssl, starttls
    assert [found.id for found in mail_is_encrypted_one_way_only()] == ["guichet.E003"] * refused


def test_sign_of_life_has_a_queue_of_its_own(settings):
    from config.celery import app

    routed = app.amqp.router.route({}, "core.tasks.heartbeat_task")["queue"].name
    other = app.amqp.router.route({}, "conventions.tasks.write_convention_task")["queue"].name
    assert (routed, other) == ("pulse", "celery")
    assert {"pulse", "celery"} <= set(app.amqp.queues)
