"""The invented people of the State: one or more per role, with mandates from the opening of the call."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.text import slugify

from accounts.demonstration import create_person, totp_secret_for
from accounts.models import User
from calls.enums import MandateRole
from calls.models import Axis, Call, Mandate
from calls.services import grant_mandate
from demonstration.play.subjects import FEMININE, FIRST_NAMES, LAST_NAMES

DOMAIN = "guichet.example"
JURORS = 12


@dataclass
class Cast:
    """Who plays; users by role. ``jurors`` sit in every jury, each axis has its chair."""

    officer: User
    releaser: User
    signatory: User
    screener: User
    auditor: User
    administrator: User
    chairs: dict[str, User] = field(default_factory=dict)
    jurors: list[User] = field(default_factory=list)


def invented_name(seed: str, shift: int = 0) -> tuple[str, str]:
    """A given name and a family name, always the same for one seed; ``shift`` gives the same person another family."""
    digest = hashlib.sha256(seed.encode()).digest()
    return FIRST_NAMES[digest[0] % len(FIRST_NAMES)], LAST_NAMES[(digest[1] + shift) % len(LAST_NAMES)]


def name_of_nobody_else(email: str) -> tuple[str, str]:
    """The invented name of this address, which no account made before it bears: a journal tells people by their names."""
    others = User.objects.exclude(email=email)
    names = (invented_name(email, shift) for shift in range(len(LAST_NAMES)))
    return next(
        (name for name in names if not others.filter(first_name=name[0], last_name=name[1]).exists()),
        invented_name(email),
    )


def person(local: str, job_title: str | tuple[str, str], *, password: str | None, second_factor: bool) -> User:
    """An invented person; without password nobody signs in as them, their acts are played by services only.

    ``job_title`` as it is, or in the feminine and the masculine.
    """
    email = f"{local}@{DOMAIN}"
    first_name, last_name = name_of_nobody_else(email)
    if not isinstance(job_title, str):
        job_title = job_title[0 if first_name in FEMININE else 1]
    return create_person(
        email=email,
        first_name=first_name,
        last_name=last_name,
        job_title=job_title,
        password=password,
        totp_secret=totp_secret_for(email) if second_factor else None,
    )


def assemble(*, call: Call, at: datetime, password: str | None) -> Cast:
    """The people of the State with their mandates on the call, from ``at`` on; called again, adds nothing twice."""

    def agent(local: str, job_title: str, role: MandateRole) -> User:
        user = person(local, job_title, password=password, second_factor=True)
        mandate(user, call, role, at)
        return user

    cast = Cast(
        officer=agent("gestion", "gestionnaire de l’enveloppe", MandateRole.OFFICER),
        releaser=agent("ordonnateur", "cheffe du service, ordonnatrice", MandateRole.RELEASER),
        signatory=agent("signature", "sous-directeur, signataire de l’État", MandateRole.SIGNATORY),
        screener=agent("instruction", "instructrice", MandateRole.SCREENER),
        auditor=agent("controle", "magistrat, contrôle", MandateRole.AUDITOR),
        administrator=agent("administration", "administratrice de l’appel", MandateRole.ADMINISTRATOR),
    )
    for axis in call.axes.order_by("position"):
        local = "presidence" if axis.code == "axe-1" else f"presidence.{slugify(axis.code)}"
        cast.chairs[axis.code] = person(local, "présidence du jury", password=password, second_factor=True)
    for rank in range(1, JURORS + 1):
        local = "jure" if rank == 1 else f"jure.{rank}"
        cast.jurors.append(person(local, "expert du numérique public", password=password, second_factor=True))
    return cast


def mandate(user: User, call: Call, role: MandateRole, at: datetime, axis: Axis | None = None) -> None:
    """Grants the mandate unless the person has it already."""
    if not Mandate.objects.filter(user=user, call=call, role=role, axis=axis).exists():
        grant_mandate(user=user, call=call, role=role, at=at, appointed_by=None, axis=axis)
