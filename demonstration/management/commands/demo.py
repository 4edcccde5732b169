"""``manage.py demo`` (``make demo``): from an empty data directory to the served site; Ctrl-C stops it all.

The servers, the preparation and the three processes of the site are children of this command, each behind a
guard. What serves gets the weak database role alone.
"""

import http.client
import os
import socket
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.embedded import AlreadyRunning, EmbeddedError, Servers
from core.embedded.processes import Program, run_to_end
from core.management.commands.serve import command_line
from demonstration.arguments import dossier_count
from demonstration.processes import serve
from demonstration.record import Record, read_record
from demonstration.stamp import preparation_stamp

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
PORTS_TRIED = 50
# Celery says at each start, and at length, that root should not run it: a demonstration may.
QUIET_ROOT = "ignore:You're running the worker with superuser privileges"
# Two processes of four threads serve a room full of people on two cores; the worker writes two documents at a time.
PROCESSES = 2
# What the public pages say of the operator, where the person has said nothing: all of it invented, and says so.
FICTITIOUS_OPERATOR = {
    "GUICHET_PUBLISHER": "Ministère fictif des projets locaux (démonstration)",
    "GUICHET_PUBLISHER_ADDRESS": "1 place de l’Exemple, 75000 Paris (démonstration)",
    "GUICHET_PUBLICATION_DIRECTOR": "Camille Exemple, personne fictive (démonstration)",
    "GUICHET_HOST": "Hébergeur fictif (démonstration)",
    "GUICHET_HOST_ADDRESS": "2 place de l’Exemple, 75000 Paris, 01 99 00 88 88 (démonstration)",
    "GUICHET_CONTACT_EMAIL": "contact@guichet.example",
    "GUICHET_PRIVACY_EMAIL": "donnees-personnelles@guichet.example",
    "GUICHET_SECURITY_EMAIL": "securite@guichet.example",
    "GUICHET_ACCESSIBILITY_EMAIL": "accessibilite@guichet.example",
}


class Command(BaseCommand):
    help = "Lance la démonstration complète avec ses propres serveurs (DATABASE_URL et REDIS_URL sont ignorés)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=os.environ.get("PORT"), help="port du site (8000 par défaut)")
        parser.add_argument("--dossiers", type=dossier_count, help="dossiers joués au premier démarrage, de 40 à 600")

    def handle(self, *args: Any, **options: Any) -> None:
        self.since = time.monotonic()
        self.data_dir = Path(settings.DATA_DIR).resolve()
        self.log_dir = self.data_dir / "log"
        os.chdir(settings.BASE_DIR)
        try:
            self.step("Serveurs PostgreSQL et Redis")
            with Servers(self.data_dir) as servers:
                code = self.run(servers, options["port"], options["dossiers"])
        except AlreadyRunning as error:
            record = read_record(self.data_dir)
            where = f" Adresse de la démonstration : {record.address}" if record and record.address else ""
            raise CommandError(f"{error}{where}") from error
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            code = 0
        self.stdout.write("Tout est arrêté.")
        sys.exit(code)

    def run(self, servers: Servers, wanted: int | None, dossiers: int | None) -> int:
        """Prepares, serves until Ctrl-C; the exit code."""
        port = self.choose_port(wanted)
        site = {
            "GUICHET_DATA_DIR": str(self.data_dir),
            "GUICHET_DEMONSTRATION": "1",
            "GUICHET_SITE_URL": f"http://{HOST}:{port}",
            **{name: value for name, value in FICTITIOUS_OPERATOR.items() if not os.environ.get(name)},
        }
        record = read_record(self.data_dir)
        if record is None or not is_prepared(record, servers):
            preparation = [sys.executable, "manage.py", "prepare_demo", "--since", str(self.since)]
            if dossiers is not None:
                preparation += ["--dossiers", str(dossiers)]
            code = run_to_end(Program("préparation", preparation, {**servers.endpoints.environ(), **site}))
            if code is None:
                return 0
            record = read_record(self.data_dir)
            if code or record is None:
                raise CommandError("La préparation a échoué. Relancez la commande : elle reprendra où il faut.")
        record.address = site["GUICHET_SITE_URL"]
        record.write(self.data_dir)
        self.step("Site, worker et planificateur")
        programs = [
            Program(
                name,
                command_line(name, bind=f"{HOST}:{port}", workers=PROCESSES),
                {**servers.endpoints.serving_environ(), **site, "GUICHET_PROCESS": name, "PYTHONWARNINGS": QUIET_ROOT},
            )
            for name in ("web", "worker", "beat")
        ]
        return serve(
            programs,
            folder=self.log_dir,
            ready=lambda: is_served(port),
            on_ready=lambda: self.welcome(record),
        )

    def step(self, sentence: str) -> None:
        """One line of progress, with the seconds since the beginning."""
        self.stdout.write(f"[{time.monotonic() - self.since:4.0f} s] {sentence}")
        self.stdout.flush()

    def choose_port(self, wanted: int | None) -> int:
        """The port asked for, else the first free one from 8000 on. CommandError when none is free."""
        if wanted is not None:
            if not is_free(wanted):
                raise CommandError(
                    f"Le port {wanted} est déjà pris. Désignez-en un autre, par exemple : PORT={wanted + 1} make demo"
                )
            return wanted
        for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
            if is_free(port):
                if port != DEFAULT_PORT:
                    self.step(f"Le port {DEFAULT_PORT} est déjà pris : le site sera sur le port {port}")
                return port
        raise CommandError("Aucun port libre à partir de 8000 : « PORT=… make demo » en désigne un autre.")

    def welcome(self, record: Record) -> None:
        """Where the site is, who may sign in, and how to stop."""
        self.step("Prêt")
        width = max(len(account["email"]) for account in record.accounts)
        accounts = [
            f"  {account['email']:<{width}}  {'code' if account['needs_code'] else '    '}  {account['role']}\n"
            f"  {'':<{width}}        {account['task']}"
            for account in record.accounts
        ]
        here = Path.cwd()
        lines = [
            "",
            f"  Guichet           {record.address}/",
            f"  Mot de passe      {record.password}   (le même pour tous les comptes)",
            "  Code à 6 chiffres .venv/bin/python manage.py totp ADRESSE   (comptes marqués « code »)",
            f"  Courriels         {shown(Path(settings.EMAIL_FILE_PATH), here)}",
            f"  PDF signés        {shown(Path(record.documents), here)}",
            f"  Journaux          {shown(self.log_dir, here)}   (web.log, worker.log, beat.log)",
            "",
            *accounts,
            "",
            "  Ctrl-C arrête tout ; « make demo » reprend ensuite en quelques secondes.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def is_prepared(record: Record, servers: Servers) -> bool:
    """True when nothing has changed since the last preparation and its session is still open."""
    today = timezone.localdate().isoformat()
    return (
        record.is_complete
        and today <= record.open_until
        and record.prepared_for == preparation_stamp(servers.database_url)
    )


def shown(path: Path, here: Path) -> str:
    """The path as one types it from the clone."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def is_free(port: int) -> bool:
    """True when nobody listens on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_served(port: int) -> bool:
    """True once the site answers with its database behind it."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/sante/web/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
