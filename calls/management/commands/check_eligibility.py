"""Say whether an authority, or a grouping, is eligible to an axis on a day."""

import json
from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from calls.data import transformation_numerique
from calls.eligibility import AxisVerdict, candidate_of, evaluate, rules_version_at
from calls.enums import Verdict
from calls.installation import install_call, vintages_of_call
from calls.models import Axis, Call
from core.commands import PreparingCommand
from core.errors import Refused
from territories.enums import TerritoryKind
from territories.lookup import Authority, find_by_code, find_by_siren
from territories.referential.load import load_missing


class Command(PreparingCommand):
    help = "Print the verdict of each rule of an axis for an authority or a grouping."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--siren", action="append", default=[], help="SIREN of the authority (may be repeated)")
        parser.add_argument("--code", action="append", default=[], help="INSEE code, with --kind")
        parser.add_argument("--kind", choices=TerritoryKind.values, default=TerritoryKind.COMMUNE.value)
        parser.add_argument("--grouping", nargs="+", default=[], metavar="SIREN", help="SIRENs of further members")
        parser.add_argument("--call", default=transformation_numerique.CODE, help="code of the call")
        parser.add_argument("--axis", required=True, help="code of the axis, for example axe-2")
        parser.add_argument("--on", help="day or instant in Europe/Paris (default: now)")
        parser.add_argument("--prior-authorisation", choices=["yes", "no"], help="authorisation given before")
        parser.add_argument("--prior-requests", type=int, help="earlier requests of the authority on this axis")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        on = _instant(options["on"])
        self.prepare(on)
        axis = _axis(options["call"], options["axis"])
        try:
            year = rules_version_at(axis.call, on).vintage_id
            authorities = _authorities(options, year)
            candidate = candidate_of(
                authorities,
                prior_requests=None if options["prior_requests"] is None else {axis.code: options["prior_requests"]},
                prior_authorisation=None
                if options["prior_authorisation"] is None
                else options["prior_authorisation"] == "yes",
            )
            verdict = evaluate(axis=axis, on=on, candidate=candidate)
        except Refused as refusal:
            raise CommandError(refusal.message, returncode=2) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_json(), ensure_ascii=False, indent=2))
        else:
            self.show(verdict, authorities)

    def prepare(self, on: datetime) -> None:
        """On a fresh database: territories and call, as far as each is missing."""
        load_missing(at=timezone.now(), years=vintages_of_call())
        if not Call.objects.filter(code=transformation_numerique.CODE).exists():
            install_call(timezone.now())

    def show(self, verdict: AxisVerdict, authorities: list[Authority]) -> None:
        names = ", ".join(authority.name for authority in authorities)
        day = timezone.localtime(verdict.on)
        self.stdout.write(f"{names} – {verdict.axis_title}, le {day:%d/%m/%Y à %H:%M}")
        self.stdout.write(
            f"Verdict : {Verdict(verdict.verdict).label} "
            f"(règlement version {verdict.rules_version}, populations {verdict.vintage})"
        )
        for rule in verdict.rules:
            self.stdout.write(f"- {rule.verdict.label} : {rule.message} [{rule.source}]")


def _axis(call_code: str, axis_code: str) -> Axis:
    axes = {axis.code: axis for axis in Axis.objects.filter(call__code=call_code).select_related("call")}
    if axis_code not in axes:
        known = ", ".join(sorted(axes)) or "aucun"
        raise CommandError(f"L’axe « {axis_code} » n’existe pas ; axes connus : {known}.", returncode=2)
    return axes[axis_code]


def _instant(text: str | None) -> datetime:
    """Midnight in Paris for a day; an instant without zone is one of Paris."""
    if text is None:
        return timezone.now()
    try:
        moment: date | datetime | None = parse_datetime(text) if len(text) > 10 else parse_date(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"« {text} » n’est pas une date : écrivez par exemple 2021-06-01.", returncode=2)
    instant = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant)


def _authorities(options: dict[str, Any], year: int) -> list[Authority]:
    found: list[Authority] = []
    for siren in [*options["siren"], *options["grouping"]]:
        authority = find_by_siren(siren, year)
        if authority is None:
            raise CommandError(
                f"Aucune collectivité ne porte le SIREN {siren} dans les millésimes chargés.", returncode=2
            )
        found.append(authority)
    for code in options["code"]:
        territory = find_by_code(options["kind"], code, year)
        if territory is None:
            label = TerritoryKind(options["kind"]).label
            raise CommandError(f"Aucun territoire de nature « {label} » n’a le code {code}.", returncode=2)
        found.append(territory)
    if not found:
        raise CommandError("Indiquez une collectivité : --siren, ou --code avec --kind.", returncode=2)
    return found
