"""``manage.py anchor_journal``: seals the journal now, outside the daily schedule."""

from typing import Any

from django.core.management.base import BaseCommand

from core.anchors import anchor_journal


class Command(BaseCommand):
    help = "Scelle les têtes du journal par un jeton d'horodatage."

    def handle(self, *args: Any, **options: Any) -> None:
        anchor = anchor_journal()
        self.stdout.write(f"Ancrage n° {anchor.number} : {anchor.sha256}")
