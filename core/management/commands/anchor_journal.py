"""``manage.py anchor_journal``: seals the journal now, outside the daily schedule."""

from typing import Any

from core.anchors import anchor_journal
from core.commands import PreparedCommand


class Command(PreparedCommand):
    help = "Scelle les têtes du journal par un jeton d'horodatage."

    def handle(self, *args: Any, **options: Any) -> None:
        anchor = anchor_journal()
        self.stdout.write(f"Ancrage n° {anchor.number} : {anchor.sha256}")
