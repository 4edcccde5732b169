"""Health of web, worker and beat, from inside a container and from a load balancer."""

import os
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
import time_machine
from celery.beat import ScheduleEntry
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from config.celery import app
from core import mail, outbox
from core.anchors import anchor_journal
from core.beat import LivingScheduler
from core.health import Unwell, allowed_host, check_beat, check_web, check_worker, main
from core.journal import record
from core.models import Heartbeat, OutboxMessage

NOWHERE = "redis+socket://:x@/nonexistent/redis.sock?virtual_host=0"


@pytest.fixture
def heartbeat(transactional_db):
    """Writes a sign of life of so many seconds ago."""

    def write(name, seconds):
        seen_at = timezone.now() - timedelta(seconds=seconds)
        Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": seen_at})

    return write


# ------------------------------------------------------------------ pages


def test_web_is_well_when_its_database_answers(client, db):
    response = client.get("/sante/web/")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_web_says_503_when_its_database_is_away(client, db, monkeypatch):
    def away():
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", away)
        response = client.get("/sante/web/")
    assert response.status_code == 503
    assert response.json() == {"status": "database unavailable"}


@pytest.mark.parametrize(("seconds", "status"), [(5, 200), (55, 200), (65, 503)])
def test_jobs_are_well_when_a_worker_was_seen_within_a_minute(client, heartbeat, seconds, status):
    heartbeat("worker", seconds)
    assert client.get("/sante/travaux/").status_code == status


def test_jobs_are_silent_before_any_worker_and_waiting_messages_are_counted(client, transactional_db):
    with transaction.atomic():
        mail.queue_mail(to=["a@example.org"], subject="S", template="x", context={}, dedupe_key="k")
    assert client.get("/sante/travaux/").json() == {
        "status": "silent",
        "message": "Aucun worker n’a donné signe de vie depuis une minute.",
        "waiting": 1,
        "retried": 0,
        "abandoned": 0,
    }
    OutboxMessage.objects.update(attempts=3)
    assert client.get("/sante/travaux/").json()["retried"] == 1
    OutboxMessage.objects.update(delivered_at=timezone.now())
    answer = client.get("/sante/travaux/").json()
    assert (answer["waiting"], answer["retried"]) == (0, 0)


def test_jobs_are_unwell_while_a_message_is_set_aside(client, heartbeat):
    heartbeat("worker", 5)
    assert client.get("/sante/travaux/").json()["message"] == ""
    with transaction.atomic():
        for key in ("a", "b"):
            outbox.enqueue(kind="core.mail", payload={}, dedupe_key=key)
    OutboxMessage.objects.update(abandoned_at=timezone.now())
    answer = client.get("/sante/travaux/")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["waiting"], answer.json()["abandoned"]) == ("abandoned", 0, 2)
    assert "2 messages abandonnés" in answer.json()["message"]
    assert "deliver_outbox --abandoned" in answer.json()["message"]
    OutboxMessage.objects.filter(dedupe_key="a").update(delivered_at=timezone.now())
    assert "1 message abandonné après" in client.get("/sante/travaux/").json()["message"]
    OutboxMessage.objects.update(delivered_at=timezone.now())
    assert client.get("/sante/travaux/").status_code == 200


def test_jobs_are_unwell_when_the_journal_was_not_sealed_for_a_day_and_a_half(client, heartbeat, settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "files"},
        },
    }
    heartbeat("worker", 5)
    assert client.get("/sante/travaux/").status_code == 200
    written_at = timezone.now()
    with transaction.atomic():
        record(chain="essai", action="essai.opened", at=written_at, actor=None)
    for hours, sealed, status in ((35, False, 200), (37, False, 503), (37, True, 200)):
        if sealed:
            with time_machine.travel(written_at + timedelta(hours=2), tick=True):
                anchor_journal()
        with time_machine.travel(written_at + timedelta(hours=hours), tick=False):
            heartbeat("worker", 5)
            answer = client.get("/sante/travaux/")
            assert answer.status_code == status, (hours, sealed)
            assert ("36 heures" in answer.json()["message"]) is (status == 503)


def test_health_pages_need_no_session_and_no_query_per_message(client, transactional_db, django_assert_num_queries):
    for rows in (1, 3, 30):
        with transaction.atomic():
            for number in range(rows):
                outbox.enqueue(kind="core.mail", payload={}, dedupe_key=f"{rows}:{number}")
        with django_assert_num_queries(4):
            client.get("/sante/travaux/")


# ------------------------------------------------------------------ beat


def entry(name):
    return ScheduleEntry(name=name, task="core.tasks.heartbeat_task", schedule=timedelta(seconds=15), app=app)


def test_living_scheduler_shows_life_even_when_the_broker_is_away(transactional_db, monkeypatch):
    monkeypatch.setattr(LivingScheduler, "apply_async", lambda *args, **options: (_ for _ in ()).throw(OSError("away")))
    scheduler = LivingScheduler(app=app, lazy=True)
    scheduler.apply_entry(entry("outbox-sweep"))
    assert not Heartbeat.objects.exists()
    scheduler.apply_entry(entry("heartbeat"))
    assert timezone.now() - Heartbeat.objects.get(name="beat").seen_at < timedelta(seconds=10)


def test_living_scheduler_outlives_a_database_that_is_away(transactional_db, monkeypatch):
    published = []
    monkeypatch.setattr(LivingScheduler, "apply_async", lambda self, entry, **options: published.append(entry.name))

    def away(*args, **options):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(Heartbeat.objects, "update_or_create", away)
    LivingScheduler(app=app, lazy=True).apply_entry(entry("heartbeat"))
    assert published == ["heartbeat"]


@pytest.mark.parametrize("seconds", [0, 55])
def test_beat_is_well_when_seen_within_a_minute(heartbeat, seconds):
    heartbeat("beat", seconds)
    check_beat(os.environ["DATABASE_URL"])


def test_beat_is_unwell_when_silent_or_never_seen(heartbeat):
    with pytest.raises(Unwell, match="signe de vie"):
        check_beat(os.environ["DATABASE_URL"])
    heartbeat("beat", 65)
    heartbeat("worker", 0)
    with pytest.raises(Unwell, match="signe de vie"):
        check_beat(os.environ["DATABASE_URL"])


def test_beat_check_says_when_the_database_is_away():
    with pytest.raises(Unwell, match="La base ne répond pas"):
        check_beat("postgresql://guichet_app:x@/guichet?host=/nonexistent")
    with pytest.raises(Unwell, match="DATABASE_URL"):
        check_beat("")


# ------------------------------------------------------------------ web and worker, from inside


def test_web_check_fails_where_nobody_listens_and_on_an_error_page(live_server):
    check_web(live_server.url)
    with pytest.raises(Unwell, match="ne répond pas comme il faut"):
        check_web("http://127.0.0.1:9")
    with pytest.raises(Unwell, match="ne répond pas comme il faut"):
        check_web(f"{live_server.url}/no-such-place")


def test_worker_check_fails_without_worker_and_without_broker():
    with pytest.raises(Unwell, match="Aucun worker"):
        check_worker(os.environ["BROKER_URL"], anywhere=True)
    with pytest.raises(Unwell, match="Redis ne répond pas"):
        check_worker(NOWHERE)
    with pytest.raises(Unwell, match="BROKER_URL"):
        check_worker("")


@pytest.mark.parametrize(
    ("listed", "host"),
    [("", "localhost"), ("*", "localhost"), (".example.org, b", "example.org"), ("a.example,b", "a.example")],
)
def test_allowed_host_is_one_that_the_site_accepts(listed, host):
    assert allowed_host(listed) == host


def test_command_line_answers_by_its_exit_code(heartbeat, capsys):
    heartbeat("beat", 0)
    assert main(["beat"]) == 0
    assert capsys.readouterr().out == "ok\n"
    heartbeat("beat", 65)
    assert main(["beat"]) == 1
    assert "signe de vie" in capsys.readouterr().err
    assert main(["web", "--address", "http://127.0.0.1:9"]) == 1


def test_health_check_is_quick_because_it_loads_no_django():
    code = "import sys, core.health; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_beat_reads_its_role_alone(heartbeat):
    """What serves may read signs of life with the weak role."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as found:
        assert found.info.user == "guichet_app"
