"""``manage.py deliver_outbox``: does now what the worker would do, for a site without one."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from core import outbox
from core.commands import PreparedCommand
from core.navigation import counted


class Command(PreparedCommand):
    help = (
        "Traite les messages sortants en attente (documents, courriels) sans passer par le worker. Sort en erreur s’il en reste "
        "qui ont échoué."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--abandoned", action="store_true", help="remet d’abord en file les messages abandonnés après trop d’essais"
        )

    def handle(self, *, abandoned: bool, **options: object) -> None:
        if abandoned:
            self.stdout.write(f"{outbox.put_back_abandoned()} message(s) remis en file.")
        done = outbox.deliver_all()
        self.stdout.write(counted(done, "message traité", "messages traités") or "Aucun message traité.")
        if left := outbox.abandoned_messages().count():
            told = counted(left, "message abandonné", "messages abandonnés")
            self.stdout.write(f"{told} : --abandoned pour les reprendre.")
        failed, due = outbox.failed_messages(), len(outbox.due_messages())
        if failed:
            told = counted(len(failed), "message en échec, qui sera repris", "messages en échec, qui seront repris")
            why = failed[0].last_error or "essai interrompu"
            raise CommandError(f"{told}. Le plus ancien ({failed[0].kind}) : {why}")
        if due:
            raise CommandError(f"{counted(due, 'message reste', 'messages restent')} à traiter : relancez la commande.")
