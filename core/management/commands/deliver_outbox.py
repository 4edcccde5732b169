"""``manage.py deliver_outbox``: does now what the worker would do, for a site without one."""

from argparse import ArgumentParser

from core import outbox
from core.commands import PreparedCommand


class Command(PreparedCommand):
    help = "Traite les messages sortants en attente (documents, courriels) sans passer par le worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--abandoned", action="store_true", help="remet d’abord en file les messages abandonnés après trop d’essais"
        )

    def handle(self, *, abandoned: bool, **options: object) -> None:
        if abandoned:
            self.stdout.write(f"{outbox.put_back_abandoned()} message(s) remis en file.")
        self.stdout.write(f"{outbox.deliver_all()} message(s) traité(s).")
        if left := outbox.abandoned_messages().count():
            plural = "s" if left > 1 else ""
            self.stdout.write(f"{left} message{plural} abandonné{plural} : --abandoned pour les reprendre.")
