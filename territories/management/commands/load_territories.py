"""Load the shipped vintages of territories into the database."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from core.commands import PreparingCommand
from territories.referential import archive
from territories.referential.load import load_vintage


class Command(PreparingCommand):
    help = "Load communes, EPCI, EPT, départements and régions of each shipped vintage (once)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--year", type=int, action="append", help="only this vintage (may be repeated)")

    def handle(self, *args: Any, **options: Any) -> None:
        available = archive.available_years()
        for year in options["year"] or available:
            if year not in available:
                shipped = ", ".join(str(known) for known in available)
                raise CommandError(f"Le millésime {year} n'est pas fourni ; millésimes fournis : {shipped}.")
            started = time.monotonic()
            loaded = load_vintage(year=year, at=timezone.now())
            seconds = time.monotonic() - started
            if loaded.was_already_loaded:
                self.stdout.write(f"{year} : déjà chargé, {loaded.territories} territoires.")
            else:
                self.stdout.write(
                    f"{year} : {loaded.territories} territoires et {loaded.memberships} appartenances "
                    f"chargés en {seconds:.1f} s."
                )
