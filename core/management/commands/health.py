"""``manage.py health web|worker|beat``: exit 0 when that process is well, for the container's health check."""

import urllib.error
import urllib.request
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.models import Heartbeat


class Command(BaseCommand):
    help = "Vérifie qu'un processus du site est en bonne santé."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("process", choices=["web", "worker", "beat"])
        parser.add_argument("--address", default="http://127.0.0.1:8000", help="adresse locale du web")

    def handle(self, *args: Any, **options: Any) -> None:
        check = {"web": self.check_web, "worker": self.check_worker, "beat": self.check_beat}[options["process"]]
        check(options["address"])
        self.stdout.write("ok")

    def check_web(self, address: str) -> None:
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's
            f"{address}/sante/web/", headers={"Host": settings.ALLOWED_HOSTS[0]}
        )
        try:
            with urllib.request.urlopen(request, timeout=8):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError) as error:
            raise CommandError(f"Le site ne répond pas : {error}") from error

    def check_worker(self, address: str) -> None:
        if not current_app.control.ping(timeout=5):
            raise CommandError("Aucun worker ne répond.")

    def check_beat(self, address: str) -> None:
        beat = Heartbeat.objects.filter(name="beat").first()
        if beat is None or timezone.now() - beat.seen_at > timedelta(seconds=60):
            raise CommandError("Le planificateur n'a pas donné signe de vie depuis une minute.")
