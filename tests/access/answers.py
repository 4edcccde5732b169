"""Asking a page as somebody, and comparing two answers byte for byte."""

import io
import re
import traceback
import zipfile
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import canonicalize

from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.access.model import VISITOR, Route
from tests.access.world import World
from tests.factories.accounts import sign_in

# Drawn anew at each request, whatever the page says: the nonce of the security policy, the two forms of the CSRF
# token, the key that makes a form serve once. Nothing else is left out of a comparison.
DRAWN = tuple(
    re.compile(pattern)
    for pattern in (
        rb'nonce="[^"]+"',
        rb"'nonce-[^']+'",
        rb'name="csrfmiddlewaretoken" value="[^"]+"',
        rb'"X-CSRFToken": "[^"]+"',
        rb'name="(idempotency_key|key)" value="[^"]+"',
    )
)
SET_BY_THE_DOOR = frozenset({"set-cookie", "content-length"})


@dataclass(frozen=True)
class Answer:
    """What was received, without what is drawn anew at each request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def location(self) -> str:
        return dict(self.headers).get("location", "")

    @property
    def asks_to_sign_in(self) -> bool:
        """Sent to sign in and to come back: a page of entrance out of its turn sends to the same place, for good."""
        return self.status == 302 and self.location.startswith(f"{reverse('account_login')}?next=")


def client_of(world: World, role: str) -> Client:
    """A browser of this role, second factor shown."""
    return Client() if role == VISITOR else client_for(world.person(role))


def client_for(user: User) -> Client:
    """A browser of this person, who has just signed in: with the second factor where they have one."""
    client = Client()
    sign_in(client, user)
    session = client.session
    if "account_authentication_methods" not in session:
        session["account_authentication_methods"] = [{"method": "password", "at": timezone.now().timestamp()}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    # The list of open sessions is written at the first request: once, not at each one that is undone.
    client.get(reverse("robots_txt"))
    return client


def ask(client: Client, url: str, method: str = "get", **data: Any) -> Answer:
    """One request, whose effects are undone; an exception of the page is answered as status 599."""
    cookies = client.cookies.copy()
    try:
        with transaction.atomic():
            answer = _ask(client, url, method, data)
            transaction.set_rollback(True)
    finally:
        client.cookies = cookies
    return answer


def _ask(client: Client, url: str, method: str, data: dict[str, Any]) -> Answer:
    try:
        response = getattr(client, method)(url, data)
        body = b"".join(response.streaming_content) if response.streaming else response.content
    except Exception:
        return Answer(599, (), traceback.format_exc().encode())
    if body[:4] == b"PK\x03\x04":
        body = unpacked(body)
    headers = tuple(
        sorted((name.lower(), value) for name, value in response.items() if name.lower() not in SET_BY_THE_DOOR)
    )
    normal = tuple((name, without_drawn(value.encode()).decode()) for name, value in headers)
    return Answer(response.status_code, normal, without_drawn(body))


def unpacked(archive: bytes) -> bytes:
    """What a spreadsheet holds, without the instant of its making that its container carries.

    In canonical form: odfpy declares its namespaces in another order in the first file that a process writes.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        names = sorted(name for name in opened.namelist() if name not in {"docProps/core.xml", "meta.xml"})
        return b"".join(name.encode() + _canonical(name, opened.read(name)) for name in names)


def _canonical(name: str, content: bytes) -> bytes:
    return canonicalize(content.decode()).encode() if name.endswith((".xml", ".rels")) else content


def without_drawn(body: bytes) -> bytes:
    for pattern in DRAWN:
        body = pattern.sub(b"", body)
    return body


def address(name: str, route: Route, world: World, **other: Any) -> str:
    """The address of a route in this world, with some arguments replaced."""
    return reverse(name, kwargs={**route.kwargs(world), **other})
