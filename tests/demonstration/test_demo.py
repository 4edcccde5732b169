"""``manage.py demo`` as a person types it: first start, accounts, second start, and every way of ending."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
import requests
from django.urls import reverse

from core.embedded import Servers
from demonstration.management.commands.demo import is_free
from demonstration.record import Record, new_password, read_record
from demonstration.today import FIRST_WAITING
from tests.core.compose import free_port
from tests.core.embedded_fixtures import alive, eventually

ROOT = Path(__file__).resolve().parents[2]
# A second start takes a few seconds alone on two cores; other tests run beside this one.
SECOND_START_SECONDS = 60
CONTACT = "equipe@metropole.example"
# What the releaser and the officer do on their first page, by the services that it calls.
FIRST_ACTS = """
import json
from django.utils import timezone
from accounts.confirmations import confirm_act
from accounts.demonstration import current_code, next_free_moment
from accounts.models import User
from budget.models import Envelope, PaymentCredit
from conventions.models import Convention
from demonstration.play.contracting import pay
from jury.enums import Attendance
from jury.models import DecisionList, Deliberation
from jury.services.deliberation import AttendanceInput, record_attendance
from jury.services.release import ACT, list_digest, release_list

prepared = DecisionList.objects.get(state="prepared")
releaser = User.objects.get(email="ordonnateur@guichet.example")
at = next_free_moment(releaser, at=timezone.now())
digest = list_digest(prepared)
code = current_code(releaser, at=at)
confirmation = confirm_act(user=releaser, act=ACT, content_sha256=digest, code=code, at=at)
released = release_list(decision_list=prepared, user=releaser, at=at, key="first", confirmation=confirmation)
batch = Convention.objects.filter(decision__decision_list=released)
envelopes = {row.application.ledger_entries.get().envelope.name for row in batch}
signed = Convention.objects.filter(state="signed").select_related("application").order_by("number").first()
pay(signed, User.objects.get(email="gestion@guichet.example"), at)
root = Envelope.objects.get(parent=None)
opened = {row.year: row.opened for row in PaymentCredit.objects.filter(envelope=root)}
chair = User.objects.get(email="presidence@guichet.example")
meeting = Deliberation.objects.get(state="open")
members = list(meeting.jury.jurors.order_by("pk"))
rows = [AttendanceInput(juror, Attendance.PRESENT) for juror in members]
record_attendance(deliberation=meeting, rows=rows, at=timezone.now(), actor=chair)
print(json.dumps({
    "present": meeting.attendance.count() == len(members),
    "title": released.title, "state": released.state, "envelopes": sorted(envelopes), "batch": batch.count(),
    "paid": Convention.objects.get(pk=signed.pk).state, "this_year": str(opened[timezone.localtime(at).year]),
    "left": str(root.balance.allocated - sum(opened.values())),
}))
"""
ROLES = {
    "Secrétaire de mairie",
    "Représentant légal",
    "Instructrice",
    "Jurée",
    "Présidence du jury",
    "Gestionnaire",
    "Ordonnatrice",
    "Signataire de l’État",
    "Contrôle",
    "Administratrice",
}


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """What a person's shell has, and where the data go."""
    return {"PATH": os.defpath, "HOME": str(data_dir.parent), "GUICHET_DATA_DIR": str(data_dir), **more}


def manage(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command in another terminal."""
    line = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        line, cwd=ROOT, env=environment(data_dir, **more), capture_output=True, text=True, check=False
    )


class Demo:
    """A running demonstration and what it has printed, in a file: a pipe that nobody empties would stop its servers."""

    def __init__(self, process: subprocess.Popen[bytes], printed: Path) -> None:
        self.process = process
        self.printed = printed

    @property
    def text(self) -> str:
        """All that it has printed so far."""
        return self.printed.read_text(encoding="utf-8")

    def read_until(self, sentence: str) -> str:
        """Waits until it has printed ``sentence``; all the text."""
        assert eventually(lambda: sentence in self.text or self.process.poll() is not None, 600), self.text
        assert sentence in self.text, self.text
        return self.text

    def family(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> str:
        """Sends a signal, waits, and makes sure that nothing is left; the last lines."""
        family = self.family()
        assert family
        before = len(self.text)
        self.process.send_signal(number)
        self.process.wait(90)
        assert eventually(lambda: not alive(family), 30), alive(family)
        return self.text[before:]


@contextmanager
def demo(data_dir: Path, *arguments: str) -> Iterator[Demo]:
    """The command, on a free port; killed at the end whatever happens."""
    printed = data_dir.with_suffix(".printed")
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--dossiers", "40", *arguments],
            cwd=ROOT,
            env=environment(data_dir, GUICHET_CONTACT_EMAIL=CONTACT),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Demo(process, printed)
    finally:
        process.kill()
        process.wait(30)


def sign_in(address: str, email: str, password: str) -> requests.Session:
    """A browser that has given its address and password."""
    session = requests.Session()
    url = f"{address}{reverse('account_login')}"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', session.get(url, timeout=60).text)
    assert token is not None
    answer = session.post(
        url,
        data={"login": email, "password": password, "csrfmiddlewaretoken": token[1]},
        headers={"Referer": url},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:2000]
    session.last = answer  # type: ignore[attr-defined]
    return session


# ------------------------------------------------------------------ small parts


def test_record_is_private_and_read_back(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    record = Record(new_password(), accounts=[{"role": "Jurée"}])
    record.write(tmp_path)
    assert read_record(tmp_path) == record
    assert not record.is_complete
    assert stat.S_IMODE((tmp_path / "demonstration.json").stat().st_mode) == 0o600
    assert re.fullmatch(r"([a-km-z]{4}-){3}[a-km-z]{4}", record.password)
    assert new_password() != record.password


def test_taken_port_is_told_and_another_one_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not is_free(taken.getsockname()[1])
    assert is_free(free_port())


def test_port_that_was_asked_for_and_is_taken_stops_the_command(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = manage(tmp_path / "data", "demo", PORT=port)
    assert refused.returncode == 1
    assert f"Le port {port} est déjà pris" in refused.stderr
    assert "Traceback" not in refused.stderr


# ------------------------------------------------------------------ the whole


@pytest.mark.slow
def test_first_start_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with demo(data_dir, "--port", str(free_port())) as killed:
        text = killed.read_until("Dépôt et instruction")
        for step in ("Serveurs PostgreSQL", "Base de données", "Territoires", "fichiers statiques", "Appel de 88 M€"):
            assert re.search(rf"^\[ *\d+ s\] .*{step}", text, re.MULTILINE), text
        killed.end(signal.SIGKILL)
    record = read_record(data_dir)
    assert record is not None
    assert not record.is_complete
    with demo(data_dir, "--port", str(free_port())) as again:
        text = again.read_until("Dépôt et instruction")
        assert "Le premier démarrage avait été interrompu" in text
        assert "fichiers statiques" not in text  # done once
        rest = again.end(signal.SIGINT)
        assert again.process.returncode == 0
        assert "Tout est arrêté." in rest


@pytest.mark.slow
@pytest.mark.xdist_group("played")
def test_demonstration_from_its_first_start_to_kill_9(played, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    archive = tmp_path / "played.tar"
    saved = played.manage("backup", str(archive))
    assert saved.returncode == 0, saved.stderr
    with Servers(data_dir):
        restored = manage(data_dir, "restore", str(archive))
        assert restored.returncode == 0, restored.stderr
        for command in (["verify_ledger"], ["verify_journal"], ["verify_document", "--all"]):
            proof = manage(data_dir, *command)
            assert proof.returncode == 0, proof.stderr

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with demo(data_dir, "--port", str(port)) as first:
        text = first.read_until("Ctrl-C arrête tout")
        record = read_record(data_dir)
        assert record is not None
        assert record.password in text
        assert address in text
        assert {account["role"] for account in record.accounts} == ROLES
        for account in record.accounts:
            assert account["email"] in text
            assert account["task"] in text
        assert_served(address)
        assert_weak_role_alone(first)
        assert_operator_is_fictitious(address)
        administrator = assert_accounts_open(data_dir, address, record)
        assert administrator.get(f"{address}{reverse('admin:calls_mandate_changelist')}", timeout=60).status_code == 200
        assert_first_acts_succeed(data_dir)
        assert_logs_are_in_files(first, data_dir, address)
        second = manage(data_dir, "demo")
        assert second.returncode == 1
        assert f"processus {first.process.pid}" in second.stderr
        assert address in second.stderr
        rest = first.end(signal.SIGINT)
        assert first.process.returncode == 0
        assert "Tout est arrêté." in rest
        assert '{"' not in first.text

    started = time.monotonic()
    with demo(data_dir, "--port", str(port)) as again:
        text = again.read_until("Ctrl-C arrête tout")
        seconds = time.monotonic() - started
        steps = re.findall(r"^\[ *\d+ s\] (.*)$", text, re.MULTILINE)
        assert steps == ["Serveurs PostgreSQL et Redis", "Site, worker et planificateur", "Prêt"]
        assert seconds < SECOND_START_SECONDS
        assert requests.get(f"{address}/", timeout=60).status_code == 200
        again.end(signal.SIGKILL)
        assert is_free(port)


def assert_served(address: str) -> None:
    """The page, its banner, and files named by their content."""
    home = requests.get(f"{address}/", timeout=60)
    assert home.status_code == 200
    assert "Démonstration" in home.text
    style = re.search(r'href="(/static/guichet/guichet\.[0-9a-f]+\.css)"', home.text)
    assert style is not None
    assert requests.get(f"{address}{style[1]}", timeout=60).status_code == 200
    assert eventually(lambda: requests.get(f"{address}/sante/travaux/", timeout=60).status_code == 200, 90)


def assert_weak_role_alone(running: Demo) -> None:
    """What faces the network holds neither the owner's address nor the superuser's."""
    serving = [
        process for process in running.family() if {"gunicorn", "celery"} & set(process.cmdline()) and process.environ()
    ]
    assert len(serving) >= 3
    for process in serving:
        names = process.environ()
        assert names["DATABASE_URL"].startswith("postgresql://guichet_app:")
        assert not {"OWNER_DATABASE_URL", "SUPERUSER_DATABASE_URL"} & set(names)


def assert_operator_is_fictitious(address: str) -> None:
    """The public pages are complete, say that what they say is invented, and keep what the person has set."""
    for name in ("legal_notice", "privacy", "accessibility_statement", "security_contact"):
        page = requests.get(f"{address}{reverse(name)}", timeout=60).text
        assert "à compléter" not in page.lower(), name
        assert "(démonstration)" in page or "@guichet.example" in page, name
    assert CONTACT in requests.get(f"{address}{reverse('legal_notice')}", timeout=60).text


def assert_first_acts_succeed(data_dir: Path) -> None:
    """The list that waits is released with its conventions, a signed convention is paid within the call's money, and
    the meeting of today is held."""
    done = manage(data_dir, "shell", "--no-imports", "-c", FIRST_ACTS)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert (found["state"], found["paid"], found["present"]) == ("released", "paid", True)
    assert 2 <= found["batch"] <= 3
    assert found["title"] == FIRST_WAITING
    assert found["envelopes"]
    assert Decimal(found["this_year"]) > 0
    assert Decimal(found["left"]) >= 0
    proof = manage(data_dir, "verify_ledger")
    assert proof.returncode == 0, proof.stderr


def assert_logs_are_in_files(running: Demo, data_dir: Path, address: str) -> None:
    """What the processes say in English and in JSON is kept for whoever asks; the terminal says where."""
    assert requests.get(f"{address}/page-inconnue/", timeout=60).status_code == 404
    for name in ("web", "worker", "beat"):
        path = data_dir / "log" / f"{name}.log"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert eventually(lambda: "page-inconnue" in (data_dir / "log" / "web.log").read_text(), 30)
    assert "page-inconnue" not in running.text
    assert '{"' not in running.text
    assert str(data_dir / "log") in running.text


def assert_accounts_open(data_dir: Path, address: str, record: Record) -> requests.Session:
    """Someone without a second factor is in; someone with one is asked for the code, which the command prints.

    The second is the administrator: their session.
    """
    without_code = next(account["email"] for account in record.accounts if not account["needs_code"])
    session = sign_in(address, without_code, record.password)
    assert "sessionid" in session.cookies
    assert reverse("account_logout") in session.get(f"{address}/", timeout=60).text
    email = next(account["email"] for account in record.accounts if account["role"] == "Administratrice")
    session = sign_in(address, email, record.password)
    page = session.last  # type: ignore[attr-defined]
    assert page.url.startswith(f"{address}{reverse('mfa_authenticate')}")
    printed = manage(data_dir, "totp", email)
    assert printed.returncode == 0, printed.stderr
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    session.post(
        page.url,
        data={"code": printed.stdout.split()[0], "csrfmiddlewaretoken": token[1]},
        headers={"Referer": page.url},
        timeout=60,
    )
    assert reverse("account_logout") in session.get(f"{address}/", timeout=60).text
    return session
