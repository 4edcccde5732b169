"""What a page costs: queries and time of the pages that weigh, asked as each role, in whatever base is there.

The people who ask are made for the measure, in a transaction that is undone: nothing of it stays, and nobody could sign
in as them meanwhile.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from applications.models import Application
from calls.enums import MandateRole
from calls.models import Call, Mandate
from conventions.models import Convention
from jury.models import Jury
from territories.enums import AffiliationRole
from territories.models import Affiliation, Organisation


@dataclass(frozen=True)
class Asked:
    """A page and who asks for it. ``path`` with its query; ``client`` signed in, or not, as that person."""

    name: str
    role: str
    path: str
    client: Client


@dataclass(frozen=True)
class Cost:
    """Of one page: statements sent to the database, and median seconds of processor (Python's alone) and of the clock."""

    name: str
    role: str
    status: int
    queries: int
    processor: float
    elapsed: float


def measure(*, call: Call, repeats: int = 5) -> list[Cost]:
    """The cost of each page for ``call``, asked ``repeats`` times after once for nothing. Leaves no trace."""
    with _undone():
        return [_cost(page, repeats) for page in _pages(call)]


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _cost(page: Asked, repeats: int) -> Cost:
    _read(page)  # compiled templates and content types are then at hand, as in a process that serves
    processor, elapsed, queries, status = [], [], 0, 0
    for _ in range(repeats):
        with CaptureQueriesContext(connection) as captured:
            since, start = time.process_time(), time.perf_counter()
            status = _read(page)
            processor.append(time.process_time() - since)
            elapsed.append(time.perf_counter() - start)
        queries = len(captured)
    return Cost(page.name, page.role, status, queries, statistics.median(processor), statistics.median(elapsed))


def _read(page: Asked) -> int:
    response: Any = page.client.get(page.path)
    if response.streaming:
        for _ in response.streaming_content:
            pass
    return int(response.status_code)


def _pages(call: Call) -> Iterator[Asked]:
    visitor = _client(None)
    for name, path in (
        ("accueil", "/"),
        ("appels à projets", reverse("call_list")),
        ("page de l’appel", reverse("call_detail", args=[call.code])),
        ("recherche au fil de la frappe", f"{reverse('eligibility_search')}?q=saint"),
        ("données ouvertes", reverse("open_data")),
        ("vérifier un document", reverse("document_verify")),
    ):
        yield Asked(name, "visiteur", path, visitor)
    filed = Application.objects.filter(axis__call=call).submitted()
    dossier = filed.select_related("organisation").order_by("number").first()
    if dossier is not None:
        yield from _pages_of_dossiers(call, dossier)
    yield from _pages_of_money(call)
    auditor = _client(_agent(call, MandateRole.AUDITOR))
    yield Asked("journal", "contrôle", reverse("journal"), auditor)


def _pages_of_dossiers(call: Call, dossier: Application) -> Iterator[Asked]:
    simulator = reverse("eligibility", query={"qui": f"organisation:{dossier.organisation_id}"})
    yield Asked("éligibilité d’une collectivité", "visiteur", simulator, _client(None))
    applicant = _client(_representative(dossier.organisation))
    yield Asked("mes dossiers", "collectivité", reverse("application_list"), applicant)
    yield Asked("un dossier", "collectivité", reverse("application_detail", args=[dossier.pk]), applicant)
    screener = _client(_agent(call, MandateRole.SCREENER))
    listed = reverse("screening_list")
    yield Asked("accueil", "instruction", "/", screener)
    yield Asked("dossiers à instruire", "instruction", listed, screener)
    yield Asked("les mêmes, cherchés et triés", "instruction", f"{listed}?q=numerique&tri=-montant", screener)
    yield Asked("un dossier", "instruction", reverse("screening_detail", args=[dossier.pk]), screener)


def _pages_of_money(call: Call) -> Iterator[Asked]:
    officer = _client(_agent(call, MandateRole.OFFICER))
    asked = partial(Asked, role="ministère", client=officer)
    yield asked("accueil", path="/")
    envelope = call.envelopes.filter(parent__isnull=False).order_by("code").first()
    if envelope is not None:
        yield asked("enveloppes", path=reverse("budget_call", args=[call.code]))
        yield asked("une enveloppe", path=reverse("envelope_detail", args=[call.code, envelope.code]))
        behind = reverse("envelope_dossiers", args=[call.code, envelope.code, "reserve"])
        yield asked("dossiers derrière un chiffre", path=behind)
    jury = Jury.objects.filter(session__axis__call=call).order_by("pk").first()
    if jury is not None:
        yield asked("suivi d’un jury", path=reverse("jury_detail", args=[jury.pk]))
        yield asked("classement", path=reverse("jury_ranking", args=[jury.pk]))
    yield asked("listes de décisions", path=reverse("decision_index"))
    yield asked("conventions", path=reverse("convention_list"))
    convention = Convention.objects.filter(application__axis__call=call).order_by("number").first()
    if convention is not None:
        yield asked("une convention", path=reverse("convention_detail", args=[convention.number]))


def _person(**fields: Any) -> User:
    return User.objects.create(email=f"mesure-{uuid4().hex}@guichet.invalid", **fields)


def _agent(call: Call, role: MandateRole) -> User:
    now = timezone.now()
    user = _person(requires_second_factor=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt("UNDONE")})
    Mandate.objects.create(user=user, call=call, role=role, starts_at=now)
    return user


def _representative(organisation: Organisation) -> User:
    user = _person()
    now = timezone.now()
    Affiliation.objects.create(
        user=user,
        organisation=organisation,
        role=AffiliationRole.LEGAL_REPRESENTATIVE,
        requested_at=now,
        validated_at=now,
        evidence="Mesure",
    )
    return user


def _client(user: User | None) -> Client:
    client = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0])
    if user is None:
        return client
    client.force_login(user)
    factor = Authenticator.objects.filter(user=user).first()
    if factor is not None:
        session = client.session
        session["account_authentication_methods"] = [
            {"method": "mfa", "at": timezone.now().timestamp(), "id": factor.pk, "type": factor.type}
        ]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return client


Writer = Callable[[str], Any]


def tell(costs: list[Cost], write: Writer) -> None:
    """The table, one line per page."""
    write("| Page | Qui | Requêtes | Processeur | Durée |")
    write("|---|---|---:|---:|---:|")
    for cost in costs:
        write(
            f"| {cost.name} | {cost.role} | {cost.queries} | {cost.processor * 1000:.0f} ms | {cost.elapsed * 1000:.0f} ms |"
        )
