"""The plainest valid call with its tree of envelopes, and dossiers to give money to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from accounts.models import User
from applications.enums import ApplicationState
from applications.models import Application
from budget import services
from budget.models import Envelope
from calls.enums import MandateRole, Rhythm
from calls.models import Axis, Call, Mandate, Session
from territories.enums import OrganisationKind
from territories.models import Organisation

AT = datetime(2021, 10, 4, 9, 0, tzinfo=UTC)
_numbers = count(1)


def make_person(**fields: Any) -> User:
    number = next(_numbers)
    values = {"email": f"personne{number}@ministere.example", "first_name": "Camille", "last_name": f"Martin{number}"}
    return User.objects.create(**{**values, **fields})


def make_call(**fields: Any) -> Call:
    number = next(_numbers)
    values = {
        "code": f"appel-{number}",
        "title": f"Appel {number}",
        "summary": "Présentation",
        "steward": "Direction",
        "contact_name": "Bureau",
        "contact_address": "1 rue de l’Exemple, 75001 Paris",
        "contact_email": "bureau@ministere.example",
        "contact_phone": "01 00 00 00 00",
        "appeal_court": "Tribunal administratif de Paris",
        "announced_amount": Decimal("1000000.00"),
        "opens_at": AT - timedelta(days=60),
        "published_at": AT - timedelta(days=60),
    }
    return Call.objects.create(**{**values, **fields})


def make_axis(call: Call, **fields: Any) -> Axis:
    number = next(_numbers)
    values = {
        "code": f"axe-{number}",
        "position": number % 30000,
        "title": f"Axe {number}",
        "summary": "Présentation",
        "steward": "Direction",
        "rhythm": Rhythm.SESSIONS,
    }
    return Axis.objects.create(call=call, **{**values, **fields})


def make_session(axis: Axis) -> Session:
    session, _ = Session.objects.get_or_create(
        axis=axis,
        code="releve",
        defaults={"title": "Relève", "opens_at": AT - timedelta(days=60), "closes_at": AT + timedelta(days=60)},
    )
    return session


def make_applications(axis: Axis, size: int, **fields: Any) -> list[Application]:
    """``size`` submitted, admissible dossiers of one axis, each of its own commune."""
    session, author = make_session(axis), make_person()
    organisations = Organisation.objects.bulk_create(
        Organisation(kind=OrganisationKind.SYNDICAT, name=f"Syndicat {number}", search_name=f"syndicat {number}")
        for number in (next(_numbers) for _ in range(size))
    )
    values = {
        "state": ApplicationState.ADMISSIBLE,
        "title": "Guichet en ligne",
        "amount_requested": Decimal("10000.00"),
        "created_at": AT,
        "created_by": author,
        "submitted_at": AT,
        "submitted_by": author,
    }
    return Application.objects.bulk_create(
        Application(
            **{
                "call": axis.call,
                "axis": axis,
                "session": session,
                "organisation": organisation,
                "number": f"D-{next(_numbers):06d}",
                **values,
                **fields,
            }
        )
        for organisation in organisations
    )


def make_application(axis: Axis, **fields: Any) -> Application:
    return make_applications(axis, 1, **fields)[0]


def make_key() -> str:
    return str(uuid4())


class Tree:
    """A call with a root, one leaf per axis, and credits of payment for 2021 (all that was given, unless ``cp`` says)."""

    def __init__(self, *leaves: str, cp: str = "") -> None:
        self.call = make_call(announced_amount=sum((Decimal(each) for each in leaves), Decimal(0)))
        self.actor = make_person()
        self.root = Envelope.objects.create(call=self.call, code="racine", name="Appel")
        total = self.call.announced_amount
        assert total is not None
        common = {"at": AT, "actor": self.actor}
        services.allocate(envelope=self.root, amount=total, key=make_key(), **common)
        services.open_payment_credits(
            envelope=self.root, year=2021, amount=Decimal(cp or total), key=make_key(), **common
        )
        self.leaves = []
        self.axes = []
        for position, amount in enumerate(leaves, start=1):
            axis = make_axis(self.call, title=f"Axe {position}")
            leaf = Envelope.objects.create(
                call=self.call, parent=self.root, code=axis.code, name=f"Axe {position}", axis=axis, position=position
            )
            services.delegate(parent=self.root, child=leaf, amount=Decimal(amount), key=make_key(), **common)
            self.axes.append(axis)
            self.leaves.append(leaf)

    @property
    def leaf(self) -> Envelope:
        return self.leaves[0]

    def application(self, position: int = 0) -> Application:
        return make_application(self.axes[position])

    def applications(self, size: int, position: int = 0) -> list[Application]:
        return make_applications(self.axes[position], size)


def make_mandate(user: User, call: Call, role: MandateRole, **fields: Any) -> Mandate:
    return Mandate.objects.create(user=user, call=call, role=role, starts_at=AT - timedelta(days=30), **fields)
