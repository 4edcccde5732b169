"""Which conventions a person may see."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from applications.models import Application
from applications.roles import AGENT_ROLES
from calls.permissions import territory_scope
from conventions.models import Convention
from territories.models import Affiliation


def visible_conventions(queryset: QuerySet[Convention], user: Any) -> QuerySet[Convention]:
    """Conventions of the dossiers a person sees as applicant or agent of the State.

    A seat in the jury opens the dossier, not what follows the decision; a denial closes both.
    """
    if not getattr(user, "is_authenticated", False):
        return queryset.none()
    now = timezone.now()
    dossiers = Application.objects.visible_to(user)
    mine = Affiliation.objects.current(now).filter(user=user).values("organisation_id")
    scope = territory_scope(user, AGENT_ROLES, now)
    return queryset.filter(application__in=dossiers).filter(
        scope.as_q(
            call="application__call_id", axis="application__axis_id", departement="application__departement_code"
        )
        | Q(application__organisation_id__in=mine)
    )
