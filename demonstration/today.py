"""The present day of the demonstration: something to do for each person who signs in."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from accounts.models import User
from applications.enums import ApplicationState
from applications.services.drafts import save_section, start_application
from applications.services.screening import declare_admissible
from calls.models import Call, Session
from conventions.enums import ConventionState
from conventions.models import Convention
from demonstration.credits import add_missing_credits, open_credits_of_the_year
from demonstration.play import judging
from demonstration.play.cast import Cast
from demonstration.play.contracting import write_documents
from demonstration.play.draw import Candidate, draw_today
from demonstration.play.filing import file_candidate, people_of
from jury.models import Deliberation
from jury.services.decisions import award_from_waiting_list, mark_prepared
from jury.services.deliberation import summon
from territories.models import Organisation

TO_SCREEN = 5
TO_JUDGE = 10
EXPERTS = 4
TO_AWARD = 3
FIRST_WAITING = "Premiers de la liste d’attente"


@dataclass(frozen=True)
class Account:
    """Someone to sign in as: in French, who they are and what waits for them. ``needs_code``: second factor."""

    role: str
    email: str
    task: str
    needs_code: bool


def stage_today(*, call: Call, cast: Cast, password: str, at: datetime) -> list[Account]:
    """Prepares work for each role in the sessions open at ``at`` (real time), and tells who may sign in."""
    sessions = {row.axis.code: row for row in _open_sessions(call, at)}
    _dossiers_to_screen(sessions["axe-3"], at)
    _dossiers_to_judge(sessions["axe-1"], cast, at)
    _list_to_release(call, cast, at)
    open_credits_of_the_year(call=call, actor=cast.officer, at=at - timedelta(hours=1))
    organisation = _someone_who_must_sign(call)
    secretary, head = people_of(organisation, at, password=password)
    _draft_in_progress(organisation, sessions["axe-3"], secretary, at)
    write_documents(processes=2)
    return [
        Account(
            "Secrétaire de mairie",
            secretary.email,
            f"terminer le dossier de {organisation.name}, suivre les autres",
            False,
        ),
        Account("Représentant légal", head.email, f"signer la convention de {organisation.name}", True),
        Account("Instructrice", cast.screener.email, f"instruire {TO_SCREEN} dossiers reçus cette semaine", True),
        Account("Jurée", cast.jurors[0].email, "déclarer l’absence de conflit et noter ses dossiers", True),
        Account(
            "Présidence du jury",
            cast.chairs["axe-1"].email,
            "suivre les évaluations, tenir la séance d’aujourd’hui",
            True,
        ),
        Account(
            "Gestionnaire", cast.officer.email, "suivre l’enveloppe, préparer une liste, enregistrer un versement", True
        ),
        Account("Ordonnatrice", cast.releaser.email, "libérer la liste préparée par la gestionnaire", True),
        Account(
            "Signataire de l’État", cast.signatory.email, "signer une convention déjà signée par la collectivité", True
        ),
        Account("Contrôle", cast.auditor.email, "lire l’enveloppe, les dossiers et le journal", True),
        Account("Administratrice", cast.administrator.email, "mandats et rattachements", True),
    ]


def _open_sessions(call: Call, at: datetime) -> list[Session]:
    rows = Session.objects.filter(axis__call=call, is_demonstration=True, opens_at__lte=at, closes_at__gt=at)
    return list(rows.select_related("axis__call").order_by("axis__position"))


def _candidates(session: Session, count: int, first_day: datetime) -> list[Candidate]:
    rows = draw_today(session=session, count=count, random=Random(session.axis.code))  # noqa: S311 - a play
    return [replace(row, starts_at=first_day + timedelta(hours=3 * rank)) for rank, row in enumerate(rows)]


def _dossiers_to_screen(session: Session, at: datetime) -> None:
    for candidate in _candidates(session, TO_SCREEN, at - timedelta(days=5)):
        file_candidate(candidate)


def _dossiers_to_judge(session: Session, cast: Cast, at: datetime) -> None:
    """Filed three weeks ago, admissible, read by everybody but the juror of the demonstration. The jury sits today: the
    chair may hold the meeting at once, whatever that juror still has to read."""
    for candidate in _candidates(session, TO_JUDGE, at - timedelta(days=24)):
        application = file_candidate(candidate)
        declare_admissible(application=application, user=cast.screener, at=candidate.starts_at + timedelta(days=7))
    jury = judging.seat_jury(session=session, cast=cast, at=at - timedelta(days=12), experts=EXPERTS)
    judging.assign(jury=jury, cast=cast, at=at - timedelta(days=11))
    chair = cast.chairs[session.axis.code]
    summon(jury=jury, held_at=at, place="Paris et à distance", at=at - timedelta(days=8), actor=chair)
    judging.evaluate_but(jury=jury, absent=cast.jurors[0], seed=1, at=at - timedelta(days=2))


def _list_to_release(call: Call, cast: Cast, at: datetime) -> None:
    """The first of a waiting list with the credits they lacked, proposed by the officer to a second person."""
    rows = Deliberation.objects.filter(
        jury__session__axis__call=call,
        jury__session__axis__is_territorial=True,
        opinions__application__state=ApplicationState.WAITLISTED,
    )
    deliberation = rows.order_by("pk").first()
    if deliberation is None:
        return
    waiting = deliberation.opinions.filter(application__state=ApplicationState.WAITLISTED)
    first = [row.application for row in waiting.select_related("application__axis").order_by("rank")[:TO_AWARD]]
    add_missing_credits(applications=first, actor=cast.officer, at=at - timedelta(hours=4))
    decision_list = award_from_waiting_list(
        deliberation=deliberation,
        title=FIRST_WAITING,
        applications=[application.pk for application in first],
        at=at - timedelta(hours=3),
        actor=cast.officer,
    )
    mark_prepared(
        decision_list=decision_list, version=decision_list.version, at=at - timedelta(hours=2), actor=cast.officer
    )


def _someone_who_must_sign(call: Call) -> Organisation:
    convention = (
        Convention.objects.filter(application__call=call, state=ConventionState.SEALED)
        .select_related("application__organisation")
        .latest("number")
    )
    return convention.application.organisation


def _draft_in_progress(organisation: Organisation, session: Session, secretary: User, at: datetime) -> None:
    """A dossier begun yesterday, with gaps to fill."""
    began = at - timedelta(days=1)
    application = start_application(organisation=organisation, session=session, user=secretary, at=began)
    save_section(
        application=application,
        section="projet",
        user=secretary,
        at=began + timedelta(minutes=10),
        version=application.version,
        values={
            "title": "Répondre aux habitants sans qu’ils se déplacent",
            "summary": "Un service de rendez-vous et de messages, avec un agent qui rappelle ceux qui en ont besoin.",
            "place": organisation.name,
        },
    )
