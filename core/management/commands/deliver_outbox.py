"""``manage.py deliver_outbox``: does now what the worker would do, for a site without one."""

from typing import Any

from core import outbox
from core.commands import PreparedCommand


class Command(PreparedCommand):
    help = "Traite les messages sortants en attente (documents, courriels) sans passer par le worker."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{outbox.deliver_all()} message(s) traité(s).")
