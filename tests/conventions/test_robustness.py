"""Real processes: workers killed in the middle of a batch, and a broker that goes away."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from budget.models import AwardBalance
from calls.enums import MandateRole
from config.celery import app
from conventions.enums import BatchState, ConventionState
from conventions.models import Batch, Convention, Revision
from core.embedded import Servers
from core.embedded.testing import start_test_servers
from core.models import JournalEntry, OutboxMessage
from core.tasks import sweep_outbox_task
from jury.models import DecisionList
from jury.services import list_digest
from tests.factories.accounts import code_of, sign_in
from tests.factories.conventions import ConventionWorld

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PATIENCE = 300  # seconds: two cores may be busy with other workers


def wait_for(reached: Callable[[], bool], what: str) -> None:
    """Until it is so, looking ten times a second."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        pause.wait(0.1)


class Worker:
    """``celery -A config worker`` on this test's database and broker, in a process group of its own."""

    def __init__(self, broker: str, log: Path) -> None:
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency=2", "--loglevel=WARNING"]
        command += ["--without-gossip", "--without-mingle", f"--hostname={uuid4().hex}@test"]
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env={**os.environ, "BROKER_URL": broker, "GUICHET_PROCESS": "command"},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """-9 for the worker and its children at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """A broker of this test's own, which it may stop."""
    made = start_test_servers()
    yield made
    made.stop()


@pytest.fixture
def broker(servers, monkeypatch) -> str:
    """The address of that broker, which this process publishes to as well."""
    url = servers.endpoints.broker_url
    monkeypatch.setattr(app.conf, "broker_url", url)
    monkeypatch.setattr(app.conf, "broker_write_url", url)
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    return url


@pytest.fixture
def start_worker(broker, tmp_path) -> Iterator[Callable[[], Worker]]:
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(broker, tmp_path / "worker.log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def sealed() -> int:
    return Revision.objects.filter(kind="sealed").count()


def assert_whole(count: int) -> None:
    """``count`` documents: no half one, no double, no gap."""
    rows = Convention.objects.order_by("number")
    assert rows.count() == count
    numbers = [int(row.number.rsplit("-", 1)[1]) for row in rows]
    assert numbers == list(range(1, count + 1))
    assert {row.state for row in rows} == {ConventionState.SEALED}
    for kind in ("rendered", "sealed"):
        assert Revision.objects.filter(kind=kind).count() == count
    assert Revision.objects.values("sha256").distinct().count() == 2 * count
    assert JournalEntry.objects.filter(action="convention.seal").count() == count
    mails = OutboxMessage.objects.filter(kind="core.mail", dedupe_key__endswith=":ready")
    assert mails.count() == count
    assert {batch.state for batch in Batch.objects.all()} == {BatchState.DONE}


def test_worker_killed_three_times_leaves_twenty_documents(start_worker, broker):
    world = ConventionWorld(20)
    world.release()
    for reached in (3, 8, 13):
        worker = start_worker()
        # What the killed worker had taken is announced again by the sweep, as beat does every fifteen seconds.
        sweep_outbox_task()
        wait_for(lambda reached=reached: sealed() >= reached, f"{reached} documents sealed")
        worker.kill()
        assert sealed() < 20, "killed too late to prove anything"
    start_worker()
    sweep_outbox_task()
    wait_for(lambda: Batch.objects.get().state == BatchState.DONE, "the batch ends")
    assert_whole(20)


def release_by_page(world: ConventionWorld, decision_list: DecisionList) -> None:
    """One release by the page, as a person does it; each releaser has their own code."""
    releaser = world.agent(MandateRole.RELEASER)
    client = Client()
    sign_in(client, releaser)
    url = reverse("decision_list_release", args=[decision_list.pk])
    assert client.get(url).status_code == 200
    data = {
        "idempotency_key": str(uuid4()),
        "confirmation_code": code_of(releaser),
        "shown": list_digest(decision_list),
    }
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.content.decode()[:2000]


def test_redis_stopped_during_ten_decisions_loses_none(start_worker, servers, broker):
    world = ConventionWorld(10)
    lists = [world.prepared_list(application) for application in world.applications]
    servers.redis.stop()
    for decision_list in lists:
        release_by_page(world, decision_list)
    assert {row.state for row in DecisionList.objects.all()} == {"released"}
    assert AwardBalance.objects.filter(reserved=10_000).count() == 10
    assert Convention.objects.filter(state=ConventionState.PENDING).count() == 10
    assert OutboxMessage.objects.filter(kind="conventions.write", delivered_at__isnull=True).count() == 10

    servers.redis.start()
    start_worker()
    assert sweep_outbox_task() >= 10
    wait_for(lambda: sealed() == 10 and not Batch.objects.exclude(state=BatchState.DONE).exists(), "ten documents")
    assert_whole(10)
