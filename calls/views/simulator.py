"""Am I eligible? Everything is in the address, nothing is written."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from calls.eligibility import AxisVerdict, candidate_of, evaluate_axes, rules_version_at
from calls.eligibility.rules import inhabitants
from calls.eligibility.wording import figures_in_words
from calls.enums import RuleKind, Verdict
from calls.links import application_start_url
from calls.models import Call, RulesVersion
from calls.services import current_call, running_calls
from core.errors import Refused
from territories.lookup import Authority, find_by_references, reference_of
from territories.models import Vintage
from territories.names import normalise
from territories.search import SHOWN, Hit, nothing_found, search_territories

MAXIMUM_MEMBERS = 50
TONES = {Verdict.ELIGIBLE: "success", Verdict.NOT_ELIGIBLE: "error", Verdict.UNKNOWN: "warning"}
_ANSWERS = {"oui": True, "non": False}
UNREADABLE_DAY = "Cette date n’existe pas\u00a0: écrivez-la sous la forme 31/12/2021 ou 31 décembre 2021."
# As ``normalise`` writes them: one types them with accents or without.
_MONTHS = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
)
_IN_WORDS = re.compile(r"(\d{1,2})(?:er)?\s+([^\s\d]+)\s+(\d{4})", re.ASCII)
_IN_FIGURES = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", re.ASCII)


@dataclass
class Question:
    """What the address asks: who, on which day, with which facts."""

    call: str
    references: list[str]
    day: str
    on: datetime
    text: str
    authorised: bool | None
    already: bool | None
    error: str = ""

    @property
    def is_today(self) -> bool:
        """Whether the answer holds for whoever files now."""
        return timezone.localdate(self.on) == timezone.localdate()

    def today(self) -> str:
        """The address of the same question on the present day."""
        return f"{reverse('eligibility')}?{replace(self, day='').query()}#resultat"

    def query(self, **changes: Any) -> str:
        """The address of the same question with changes; « qui » is a list."""
        pairs: list[tuple[str, str]] = [("appel", self.call)]
        pairs += [("qui", item) for item in changes.get("qui", self.references)]
        answers = {True: "oui", False: "non", None: ""}
        pairs += [("le", self.day), ("habilitation", answers[self.authorised]), ("deja", answers[self.already])]
        return urlencode([(name, value) for name, value in pairs if value])

    def hidden(self) -> list[tuple[str, str]]:
        """What the search form keeps of the address."""
        return parse_qsl(self.query())


def read_day(text: str) -> date | None:
    """A day as one writes it: « 31 décembre 2021 », « 1er juin 2021 », « 31/12/2021 » or 2021-12-31; None otherwise."""
    text = " ".join(text.split())
    written = _IN_WORDS.fullmatch(text.lower())
    month = normalise(written.group(2)) if written else ""
    if written and month in _MONTHS:
        parts = (written.group(3), str(_MONTHS.index(month) + 1), written.group(1))
    elif in_figures := _IN_FIGURES.fullmatch(text):
        parts = (in_figures.group(3), in_figures.group(2), in_figures.group(1))
    else:
        parts = tuple(text.split("-"))  # type: ignore[assignment]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return None
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        return None


def read_question(query: QueryDict) -> Question:
    """The question of an address; a day that cannot be read is said, and today is taken."""
    day = query.get("le", "").strip()
    on, error = timezone.now(), ""
    if day:
        parsed = read_day(day)
        if parsed is None:
            day, error = "", f"{UNREADABLE_DAY} La réponse ci-dessous est celle d’aujourd’hui."
        else:
            day = parsed.isoformat()
            on = timezone.make_aware(datetime(parsed.year, parsed.month, parsed.day))  # noqa: DTZ001
    references = list(dict.fromkeys(item for item in query.getlist("qui") if item))[:MAXIMUM_MEMBERS]
    return Question(
        call=query.get("appel", "")[:40],
        references=references,
        day=day,
        on=on,
        text=query.get("q", "").strip()[:100],
        authorised=_ANSWERS.get(query.get("habilitation", "")),
        already=_ANSWERS.get(query.get("deja", "")),
        error=error,
    )


@login_not_required
@require_safe
def eligibility(request: HttpRequest) -> HttpResponse:
    """The simulator: an authority or a grouping, and the verdict of each axis on a day. One hit is taken as chosen."""
    question, call, now = _asked(request)
    context: dict[str, Any] = {"question": question, "call": call, "error": question.error, "nothing": ""}
    context["calls"] = _choice(call, now)
    if call is not None:
        try:
            version = rules_version_at(call, question.on)
        except Refused as refusal:
            context["error"] = refusal.message
            # The question stays as it was asked: only its day is to be changed.
            context["members"] = _members(question, _latest_year())[0]
        else:
            hits = _hits(question, version.vintage_id) if question.text else []
            if len(hits) == 1:
                return redirect(hits[0][1])
            context |= {"hits": hits, "nothing": "" if hits else nothing_found(question.text)}
            context |= _answer(call, version, question)
    return render(request, "calls/eligibility.html", context)


@login_not_required
@require_safe
def eligibility_search(request: HttpRequest) -> HttpResponse:
    """The list under the search field, as one types."""
    question, call, _ = _asked(request)
    hits: list[tuple[Hit, str]] = []
    if call is not None:
        try:
            hits = _hits(question, rules_version_at(call, question.on).vintage_id)
        except Refused:
            hits = []
    return render(request, "territories/search_options.html", {"hits": hits, "text": question.text})


def _asked(request: HttpRequest) -> tuple[Question, Call | None, datetime]:
    """The question, the call that answers it and the instant; the name of no call is forgotten."""
    question, now = read_question(request.GET), timezone.now()
    call = current_call(now, question.call)
    if call is None or call.code != question.call:
        question.call = ""
    return question, call, now


def _choice(shown: Call | None, at: datetime) -> list[Call]:
    """The calls between which one chooses: those that run or are to come, and the one shown."""
    calls = list(running_calls(at))
    return calls if shown is None or shown in calls else [*calls, shown]


def _answer(call: Call, version: RulesVersion, question: Question) -> dict[str, Any]:
    members, unknown = _members(question, version.vintage_id)
    answer: dict[str, Any] = {"version": version, "unknown": unknown, "members": members}
    authorities = [authority for authority, _, _ in members]
    verdicts = _verdicts(call, authorities, question) if authorities else []
    # A call to come may have no axis yet.
    if verdicts:
        population = verdicts[0].population
        answer |= {
            "verdicts": [_shown(call, verdict, question) for verdict in verdicts],
            "population": population,
            "population_text": population_in_words(population.total, population.known_total),
            "asks_facts": any(
                rule.code == RuleKind.PRIOR_AUTHORISATION for verdict in verdicts for rule in verdict.rules
            ),
        }
    return answer


def _members(question: Question, year: int) -> tuple[list[tuple[Authority, str, str]], list[str]]:
    """Who is asked about, each with its reference and the address of the question without it; then who is unknown."""
    authorities, unknown = find_by_references(question.references, year)
    return [(item, reference_of(item), _without(question, reference_of(item))) for item in authorities], unknown


def _latest_year() -> int:
    return Vintage.objects.order_by("-year").values_list("year", flat=True).first() or 0


def _verdicts(call: Call, authorities: list[Authority], question: Question) -> list[AxisVerdict]:
    axes = list(call.axes.order_by("position"))
    prior = None if question.already is None else {axis.code: int(question.already) for axis in axes}
    candidate = candidate_of(authorities, prior_requests=prior, prior_authorisation=question.authorised)
    return evaluate_axes(call=call, axes=axes, on=question.on, candidate=candidate)


def _shown(call: Call, verdict: AxisVerdict, question: Question) -> dict[str, Any]:
    start = (
        ""
        if verdict.verdict == Verdict.NOT_ELIGIBLE or not question.is_today
        else application_start_url(call=call.code, axis=verdict.axis, authorities=question.references)
    )
    return {
        "axis": verdict.axis,
        "title": verdict.axis_title,
        "label": str(verdict.verdict.label).capitalize(),
        "tone": TONES[verdict.verdict],
        "rules": [(rule, figures_in_words(rule)) for rule in verdict.rules],
        "start_url": start,
    }


def _hits(question: Question, year: int) -> list[tuple[Hit, str]]:
    page = reverse("eligibility")
    return [
        (hit, f"{page}?{question.query(qui=[*question.references, hit.reference])}#resultat")
        for hit in search_territories(question.text, year, limit=SHOWN)
    ]


def _without(question: Question, reference: str) -> str:
    others = [item for item in question.references if item != reference]
    return f"{reverse('eligibility')}?{question.query(qui=others)}"


def population_in_words(total: int | None, known: int) -> str:
    """« 451 762 habitants », what is known when a figure is missing, or that nothing is."""
    if total is not None:
        return inhabitants(total)
    return f"au moins {inhabitants(known)}" if known else "inconnue"
