"""Commands that meet a base nobody has prepared yet: some prepare it, the others say how."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection


def has_tables() -> bool:
    """False on a base where no migration ever ran."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.django_migrations') IS NOT NULL")
        return bool(cursor.fetchone()[0])


class PreparedCommand(BaseCommand):
    """Reads what is there. Raises CommandError, with what to do, on a base without tables."""

    def execute(self, *args: Any, **options: Any) -> Any:
        if not has_tables():
            raise CommandError("La base est vide : « manage.py prepare » ou « make demo » la préparent.")
        return super().execute(*args, **options)


class PreparingCommand(BaseCommand):
    """Makes the tables first on a base without any; a base that has some is left to ``prepare``."""

    def execute(self, *args: Any, **options: Any) -> Any:
        if not has_tables():
            self.stderr.write("Préparation de la base…")
            call_command("migrate", verbosity=0, interactive=False)
        return super().execute(*args, **options)
