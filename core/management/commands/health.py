"""``manage.py health web|worker|beat``: the checks of ``core.health``, by hand."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from core.health import main


class Command(BaseCommand):
    help = "Vérifie qu’un processus du site est en bonne santé (web, worker ou beat)."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(main(argv[2:]))

    def handle(self, *args: Any, **options: Any) -> None:
        if main(list(args)):
            sys.exit(1)
