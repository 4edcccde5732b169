"""``manage.py anchor_journal``: seals the journal now, outside the daily schedule."""

from typing import Any

from django.core.management.base import CommandError

from core.anchors import AnchoringBusy, anchor_journal
from core.commands import PreparedCommand
from core.signing.timestamps import TimestampError


class Command(PreparedCommand):
    help = "Scelle les têtes du journal par un jeton d’horodatage."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            anchor = anchor_journal()
        except (AnchoringBusy, TimestampError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Ancrage n° {anchor.number} : {anchor.sha256}")
