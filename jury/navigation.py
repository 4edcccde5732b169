"""Menu entries of this room, what waits on its pages, and the colours of its states."""

from typing import Any

from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.components import states
from core.navigation import Link, counted, register
from jury.enums import DecisionListState
from jury.permissions import (
    due_evaluations,
    follows_juries,
    is_juror,
    reader_scope,
    sessions_without_jury,
    visible_lists,
)
from jury.waiting import chair_work, to_prepare, to_propose


def _reads_decisions(user: Any) -> bool:
    return bool(reader_scope(user))


def to_evaluate(user: Any) -> str:
    """What the person has still to hand in."""
    return counted(due_evaluations(user).count(), "dossier à évaluer", "dossiers à évaluer")


def _links(rows: list[tuple[int, str, str, list[str]]], several: str) -> list[Link]:
    """A link for each kind of work (number, one, many, addresses): to its page, or to ``several`` when it has many."""
    return [
        Link(label=counted(number, one, many), url=urls[0] if len(set(urls)) == 1 else several)
        for number, one, many, urls in rows
        if number
    ]


def on_juries(user: Any) -> list[Link]:
    """For a chair: seats, proposal, meeting to summon, meeting to close. For the secretariat: sessions without jury."""
    work = chair_work(user).values()
    orphans = list(sessions_without_jury(user, timezone.now()).order_by("pk").values_list("pk", flat=True))
    missing = [f"{reverse('jury_detail', args=[row.jury.pk])}?voir=manques#dossiers" for row in work if row.missing]
    runs = [reverse("assignment_run", args=[row.run]) for row in work if row.run]
    summon = [reverse("deliberation_summon", args=[row.jury.pk]) for row in work if row.may_summon]
    close = [reverse("deliberation_detail", args=[pk]) for row in work for pk in row.to_close]
    seats = [reverse("jury_constitute", args=[pk]) for pk in orphans]
    return _links(
        [
            (sum(row.missing for row in work), "place sans lecteur", "places sans lecteur", missing),
            (len(runs), "affectation à confirmer", "affectations à confirmer", runs),
            (len(summon), "jury à convoquer", "jurys à convoquer", summon),
            (len(close), "délibération à clore", "délibérations à clore", close),
            (len(seats), "relève sans jury", "relèves sans jury", seats),
        ],
        reverse("jury_index"),
    )


def on_lists(user: Any) -> list[Link]:
    """For whoever prepares: deliberations without list, lists to propose. For whoever releases: lists to release."""
    prepare = [reverse("decision_list_prepare", args=[row.pk]) for row in to_prepare(user)]
    propose = [reverse("decision_list_detail", args=[row.pk]) for row in to_propose(user)]
    release = [reverse("decision_list_detail", args=[pk]) for pk in _to_release(user)]
    return _links(
        [
            (len(prepare), "délibération sans liste de décisions", "délibérations sans liste de décisions", prepare),
            (len(propose), "liste de décisions à proposer", "listes de décisions à proposer", propose),
            (len(release), "liste de décisions à libérer", "listes de décisions à libérer", release),
        ],
        reverse("decision_index"),
    )


def _to_release(user: Any) -> list[Any]:
    """Lists that another person prepared, for whoever releases."""
    if not territory_scope(user, [MandateRole.RELEASER], timezone.now()):
        return []
    rows = visible_lists(user).filter(state=DecisionListState.PREPARED).exclude(prepared_by=user)
    return list(rows.order_by("created_at", "pk").values_list("pk", flat=True))


register("Jury et décisions", "Mes évaluations", "jury_desk", visible=is_juror, order=35, todo=to_evaluate)
register("Jury et décisions", "Suivi des jurys", "jury_index", visible=follows_juries, order=36, todo=on_juries)
register(
    "Jury et décisions", "Listes de décisions", "decision_index", visible=_reads_decisions, order=40, todo=on_lists
)

states.register(
    {
        "assigned": "new",
        "open": "info",
        "closed": "success",
        "preparing": "new",
        "prepared": "warning",
        "released": "success",
        "cancelled": "",
    }
)
