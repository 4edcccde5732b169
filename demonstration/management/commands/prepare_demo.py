"""``manage.py prepare_demo``: what « demo » does before it serves. Each step is skipped when it is done."""

import os
import shutil
import time
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import IntegrityError, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from core.management.commands.prepare import collect_static
from demonstration.arguments import dossier_count
from demonstration.rebuild import rebuild_database
from demonstration.record import Record, new_password, read_record
from demonstration.stamp import preparation_stamp, static_digest

DOSSIERS = 80
SEED = 88
STATIC_STAMP = "static.stamp"


class Command(BaseCommand):
    help = "Prépare la démonstration : base, territoires, fichiers statiques, appel joué. Appelée par « demo »."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=float, help="instant du début, d'après l'horloge monotone")
        parser.add_argument("--dossiers", type=dossier_count, default=DOSSIERS, help="dossiers joués, de 40 à 600")

    def handle(self, *args: Any, **options: Any) -> None:
        self.since = options["since"] or time.monotonic()
        self.data_dir = Path(settings.DATA_DIR)
        record = read_record(self.data_dir)
        if record is not None and not record.is_complete:
            self.step("Le premier démarrage avait été interrompu : la base de démonstration est refaite")
            rebuild_database()
        self.bring_up_to_date(record)
        self.load_territories()
        self.collect_static()
        if record is None or not record.is_complete:
            record = record or Record(new_password())
            self.play(options["dossiers"], record)
        record.open_until = open_until(at=timezone.now())
        record.prepared_for = preparation_stamp(os.environ["DATABASE_URL"])
        record.is_complete = True
        record.write(self.data_dir)

    def step(self, sentence: str) -> None:
        """One line of progress, with the seconds since the beginning."""
        self.stdout.write(f"[{time.monotonic() - self.since:4.0f} s] {sentence}")
        self.stdout.flush()

    def bring_up_to_date(self, record: Record | None) -> None:
        """Migrate; the base of an older demonstration that a new rule refuses is made anew, and played again."""
        try:
            self.migrate()
        except IntegrityError:
            if record is None:
                raise
            self.step(
                "La base vient d’une version antérieure qui ne se laisse pas reprendre : la démonstration est refaite"
            )
            rebuild_database()
            record.is_complete = False
            self.migrate()

    def migrate(self) -> None:
        executor = MigrationExecutor(connections["owner"])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self.step(f"Base de données : {len(plan)} migration{'s' if len(plan) > 1 else ''}")
            call_command("migrate", verbosity=0, interactive=False)

    def load_territories(self) -> None:
        from territories.models import Vintage
        from territories.referential import archive
        from territories.referential.load import load_missing

        loaded = dict(Vintage.objects.values_list("year", "checksum"))
        if loaded != {year: archive.checksum(archive.path_of(year)) for year in archive.available_years()}:
            self.step("Territoires : communes, intercommunalités, départements et régions de 2021 et 2026")
            load_missing(at=timezone.now())

    def collect_static(self) -> None:
        digest = static_digest()
        stamp = self.data_dir / STATIC_STAMP
        if not stamp.exists() or stamp.read_text() != digest:
            self.step("Pages : fichiers statiques")
            shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
            collect_static(is_compressed=False)
            stamp.write_text(digest)

    def play(self, count: int, record: Record) -> None:
        """The call of 2021, then the present day."""
        from calls.data.transformation_numerique import CODE, OPENING
        from calls.installation import install_call
        from calls.models import Call
        from demonstration.play.cast import assemble
        from demonstration.play.story import default_output, has_been_played, play_call, prepare_stage
        from demonstration.today import stage_today

        call = Call.objects.filter(code=CODE).first()
        if call is None or not has_been_played(call):
            record.write(self.data_dir)
            call = prepare_stage()
            self.step(f"Appel de 88 M€ : {count} dossiers de collectivités réelles, du dépôt à la signature")
            play_call(
                call=call,
                count=count,
                seed=SEED,
                output=default_output() / CODE,
                password=record.password,
                say=self.tell,
            )
        self.step("Le jour présent : une session ouverte, et du travail pour chacun")
        now = timezone.now()
        install_call(now)
        cast = assemble(call=call, at=OPENING, password=record.password)
        accounts = stage_today(call=call, cast=cast, password=record.password, at=now)
        record.accounts = [asdict(account) for account in accounts]
        record.documents = str(default_output() / CODE)

    def tell(self, sentence: str) -> None:
        """A step of the play, which counts its own seconds: ours replace them."""
        self.step(f"  {sentence.partition('] ')[2] or sentence}")


def open_until(*, at: datetime) -> str:
    """The last whole day on which every axis takes dossiers; another session is opened when one has closed."""
    from calls.installation import install_call
    from calls.models import Session

    install_call(at)  # opens a session where none is
    rows = Session.objects.filter(is_demonstration=True, opens_at__lte=at, closes_at__gt=at)
    return (min(row.closes_at for row in rows) - timedelta(days=1)).date().isoformat()
