"""Install the call of 88 M€ described as data."""

from typing import Any

from django.utils import timezone

from calls.installation import install_call, vintages_of_call
from core.commands import PreparingCommand
from territories.referential.load import load_missing


class Command(PreparingCommand):
    help = "Load the territories and install the 88 M€ call; run again, changes nothing that exists."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        load_missing(at=now, years=vintages_of_call())
        call = install_call(now)
        self.stdout.write(
            f"{call.code} : {call.axes.count()} axes, {call.rules_versions.count()} versions du règlement."
        )
