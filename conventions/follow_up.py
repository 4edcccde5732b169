"""The convention, seen from the page of its dossier."""

from typing import Any

from django.urls import reverse

from applications.hooks import FollowUp
from applications.models import Application
from conventions.models import Convention


def convention_of(application: Application, user: Any) -> FollowUp | None:
    """Where the convention of a dossier stands, for whoever may read it."""
    convention = Convention.objects.visible_to(user).filter(application=application).first()
    if convention is None:
        return None
    return FollowUp(
        text=f"Convention {convention.number} : {convention.get_state_display()}.".replace("'", "’"),
        label="Ouvrir la convention",
        url=reverse("convention_detail", args=[convention.number]),
    )
