"""``manage.py demo`` as a person types it: first start, accounts, second start, and every way of ending."""

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
from pathlib import Path

import psutil
import pytest
import requests
from django.urls import reverse

from core.embedded import Servers
from demonstration.management.commands.demo import is_free
from demonstration.record import Record, new_password, read_record
from tests.core.compose import free_port
from tests.core.embedded_fixtures import alive, eventually

ROOT = Path(__file__).resolve().parents[2]
# A second start takes a few seconds alone on two cores; other tests run beside this one.
SECOND_START_SECONDS = 60
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
            env=environment(data_dir),
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
        assert_accounts_open(data_dir, address, record)
        second = manage(data_dir, "demo")
        assert second.returncode == 1
        assert f"processus {first.process.pid}" in second.stderr
        assert address in second.stderr
        rest = first.end(signal.SIGINT)
        assert first.process.returncode == 0
        assert "Tout est arrêté." in rest

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


def assert_accounts_open(data_dir: Path, address: str, record: Record) -> None:
    """Someone without a second factor is in; someone with one is asked for the code, which the command prints."""
    by_code = {account["needs_code"]: account for account in record.accounts}
    session = sign_in(address, by_code[False]["email"], record.password)
    assert "sessionid" in session.cookies
    assert reverse("account_logout") in session.get(f"{address}/", timeout=60).text
    email = by_code[True]["email"]
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
