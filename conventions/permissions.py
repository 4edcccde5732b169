"""Which conventions, batches and acts are open to a person."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from applications.models import Application
from applications.permissions import own_dossiers
from applications.roles import AGENT_ROLES
from calls.enums import MandateRole
from calls.permissions import Scope, has_mandate, territory_scope
from conventions.enums import ConventionState, RevisionKind
from conventions.models import Batch, Convention, Revision
from core.navigation import once
from territories.models import Affiliation


def visible_conventions(queryset: QuerySet[Convention], user: Any) -> QuerySet[Convention]:
    """Conventions of the dossiers a person sees as beneficiary or agent of the State.

    A seat in the jury opens the dossier, not what follows the decision; a denial closes both.
    """
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return queryset.none()
    return queryset.filter(application__in=Application.objects.visible_to(user)).filter(
        _in_scope(agent_scope(user)) | _of_beneficiaries(user)
    )


def _in_scope(scope: Scope) -> Q:
    return scope.as_q(
        call="application__call_id", axis="application__axis_id", departement="application__departement_code"
    )


def _of_beneficiaries(user: Any) -> Q:
    """The lead's own people, and those of the other members of its grouping."""
    return own_dossiers(user, timezone.now(), "application__")


def agent_scope(user: Any) -> Scope:
    """What the mandates of an agent of the State cover."""
    return once(user, "conventions.scope", lambda: territory_scope(user, AGENT_ROLES, timezone.now()))


def agent_conventions(user: Any) -> QuerySet[Convention]:
    """Conventions that a person sees as an agent of the State, not as a beneficiary: those of their own organisations
    are not among them."""
    if not getattr(user, "is_authenticated", False):
        return Convention.objects.none()
    seen = Convention.objects.visible_to(user).filter(_in_scope(agent_scope(user)))
    return seen.exclude(_of_beneficiaries(user))


def officer_conventions(user: Any) -> QuerySet[Convention]:
    """Conventions that a person manages as an officer of the ministry, those of their own organisations left out."""
    if not getattr(user, "is_authenticated", False):
        return Convention.objects.none()
    scope = territory_scope(user, [MandateRole.OFFICER], timezone.now())
    return Convention.objects.visible_to(user).filter(_in_scope(scope)).exclude(_of_beneficiaries(user))


def visible_batches(user: Any) -> QuerySet[Batch]:
    """Batches that hold a convention of the agent's axes and territory."""
    return Batch.objects.filter(Exists(agent_conventions(user).filter(batch=OuterRef("pk"))))


def awaiting_signature(user: Any) -> QuerySet[Convention]:
    """What a signatory of the State may sign now, by their mandates; never for both parties."""
    scope = territory_scope(user, [MandateRole.SIGNATORY], timezone.now())
    waiting = Convention.objects.visible_to(user).filter(state=ConventionState.BENEFICIARY_SIGNED)
    signed = Revision.objects.filter(convention=OuterRef("pk"), kind=RevisionKind.BENEFICIARY, signed_by=user)
    return waiting.filter(_in_scope(scope)).exclude(_of_beneficiaries(user)).exclude(Exists(signed))


def is_signatory(user: Any) -> bool:
    """Whether the queue of signatures opens to this person at all."""
    return _has_role(user, MandateRole.SIGNATORY)


def may_retry(user: Any, batch: Batch) -> bool:
    """Whether this person follows conventions for the ministry on the axis of the batch's list."""
    if not getattr(user, "is_authenticated", False):
        return False
    axis = batch.decision_list.deliberation.jury.session.axis
    return has_mandate(user, [MandateRole.OFFICER], axis=axis, at=timezone.now())


def _has_role(user: Any, role: MandateRole) -> bool:
    if not getattr(user, "is_authenticated", False):
        return False
    return once(user, f"conventions.role.{role.value}", lambda: bool(territory_scope(user, [role], timezone.now())))


def reads_conventions(user: Any) -> bool:
    """Whether the list of conventions opens to this person: an agent of the State, or somebody of an organisation."""
    if not getattr(user, "is_authenticated", False):
        return False
    return bool(agent_scope(user)) or once(
        user,
        "applications.affiliated",
        lambda: Affiliation.objects.current(timezone.now()).filter(user=user).exists(),
    )
