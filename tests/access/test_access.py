"""Closed by default: every address of the site × every role, against the declared table."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import transaction
from django.urls import reverse

from core.models import JournalEntry, OutboxMessage
from tests.access.answers import Answer, address, ask, client_of
from tests.access.model import (
    ADMINISTRATOR,
    APPLICANT,
    CHAIR,
    EVERYONE,
    JUROR,
    OFFICER,
    OTHER_SCREENER,
    RECUSED,
    RELEASER,
    REPRESENTATIVE,
    SCREENER,
    SIGNATORY,
    STRANGER,
    VISITOR,
    Route,
)
from tests.access.table import ADMIN, BY_THEIR_OWN_TESTS, HEALTH, ROUTES, known_urls

ROLES = sorted(EVERYONE)
UNKNOWN_UUID = UUID("00000000-0000-4000-8000-000000000000")


def site_names() -> set[str]:
    """The names of every address but those of the administration, which is one door."""
    return {name for name in known_urls() if not name.startswith("admin:")}


def test_every_address_of_the_site_is_declared() -> None:
    assert site_names() - set(ROUTES) - BY_THEIR_OWN_TESTS == set()


def test_every_declared_address_exists() -> None:
    assert (set(ROUTES) | BY_THEIR_OWN_TESTS) - site_names() == set()


def test_roles_of_the_table_are_those_of_the_cast(world) -> None:
    assert set(world.people) | {VISITOR} == EVERYONE
    assert {role for route in ROUTES.values() for role in route.allowed} <= EVERYONE


def url_of(name: str, world: Any) -> str:
    return address(name, ROUTES[name], world)


def trouble_of(name: str, route: Route, role: str, answer: Answer, method: str) -> str:
    """What is wrong with this answer, or nothing."""
    what = f"{method} {name}: {answer.status} {answer.location}"
    if answer.status >= 500 and name not in HEALTH:
        return f"{what}\n{answer.body.decode()[-1500:]}"
    if role in route.allowed:
        is_open = answer.status not in {403, 404, 405} if method == "post" else answer.status < 400 or name in HEALTH
        return "" if is_open and not (answer.asks_to_sign_in and role != VISITOR) else f"{what}, should be open"
    if role == VISITOR:
        return "" if answer.asks_to_sign_in else f"{what}, should ask to sign in"
    return "" if answer.status == 404 else f"{what}, should not exist for this role"


@pytest.mark.parametrize("role", ROLES)
def test_walk_of_every_address(world, role) -> None:
    client = client_of(world, role)
    troubles = []
    for name, route in sorted(ROUTES.items()):
        with transaction.atomic():
            # Some arguments are made for the occasion (a request to answer): undone with the answer.
            answer = ask(client, url_of(name, world), route.method)
            transaction.set_rollback(True)
        troubles.append(trouble_of(name, route, role, answer, route.method))
    assert "\n".join(row for row in troubles if row) == ""


@pytest.mark.parametrize("role", ROLES)
def test_the_other_method_opens_nothing_and_nothing_is_written(world, role) -> None:
    """A page that is read refuses a POST from whoever may not read it; an act has no page to read."""
    client = client_of(world, role)
    closed = [(name, route) for name, route in sorted(ROUTES.items()) if role not in route.allowed]
    urls = [(name, url_of(name, world), route) for name, route in closed]
    before = JournalEntry.objects.count(), OutboxMessage.objects.count()
    troubles = []
    for name, url, route in urls:
        answer = getattr(client, "post" if route.method == "get" else "get")(url)
        is_closed = answer.status_code in {404, 405} or (role == VISITOR and answer.status_code == 302)
        if not is_closed:
            troubles.append(f"{name}: {answer.status_code}")
    assert "\n".join(troubles) == ""
    assert (JournalEntry.objects.count(), OutboxMessage.objects.count()) == before


# ---------------------------------------------------------------- the administration


def admin_urls(world: Any) -> list[str]:
    """The index, each model's list and form, and the object of another room."""
    urls = [reverse("admin:index"), "/administration/nulle-part/", "/administration/r/1/1/"]
    for model, shown in admin.site._registry.items():
        options = model._meta
        base = f"admin:{options.app_label}_{options.model_name}"
        urls += [reverse(f"{base}_changelist"), reverse(f"{base}_add")]
        pk = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        urls += [reverse(f"{base}_{page}", args=[pk or 1]) for page in ("change", "delete", "history")]
        assert shown.admin_site == admin.site
    return urls


@pytest.mark.parametrize("role", ROLES)
def test_administration_exists_for_staff_alone(world, role) -> None:
    client = client_of(world, role)
    troubles = []
    urls = admin_urls(world)
    names = [f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry]
    lists = {reverse(name) for name in [*names, "admin:index"]}
    # One door for all of it: every page behind it for three roles, one page in seven for the others.
    for url in urls if role in {ADMINISTRATOR, STRANGER, VISITOR} else urls[::7]:
        answer = ask(client, url)
        if role in ADMIN.allowed:
            # The lists open; a page of adding or changing opens too, or is refused where nothing is written by hand.
            is_right = answer.status == 200 if url in lists else answer.status in {200, 302, 403, 404}
        elif role == VISITOR:
            # Django's own door sends on to ours.
            is_right = answer.asks_to_sign_in or answer.location.startswith(reverse("admin:login"))
        else:
            is_right = answer.status == 404
        if not is_right:
            troubles.append(f"{url}: {answer.status} {answer.location}")
    assert "\n".join(troubles) == ""


def test_administration_opens_to_staff_who_showed_their_second_factor(world) -> None:
    client = client_of(world, ADMINISTRATOR)
    assert ask(client, reverse("admin:index")).status == 200
    assert ask(client, reverse("admin:login")).location == reverse("admin:index")
    assert ask(client, reverse("admin:password_change")).location == reverse("account_change_password")


def test_administration_is_closed_to_staff_without_second_factor(world) -> None:
    from accounts.models import User

    user = world.person(ADMINISTRATOR)
    User.objects.filter(pk=user.pk).update(requires_second_factor=False)
    client = client_of(world, VISITOR)
    client.force_login(user)
    assert ask(client, reverse("admin:index")).status == 404
    assert ask(client, reverse("admin:login")).status == 404


def test_administration_takes_no_password(world) -> None:
    from tests.factories.accounts import PASSWORD

    person = {"username": world.person(ADMINISTRATOR).email, "password": PASSWORD}
    client = client_of(world, VISITOR)
    answer = client.post(reverse("admin:login"), person)
    assert answer.status_code == 302
    assert answer["Location"].split("?")[0] == reverse("account_login")
    assert "_auth_user_id" not in client.session


# ---------------------------------------------------------------- not yours, or does not exist


def unknown(value: Any) -> Any:
    """An argument of the same shape that names nothing."""
    if isinstance(value, UUID):
        return UNKNOWN_UUID
    if isinstance(value, int):
        return 2_000_000_000
    prefix, _, digits = str(value).rpartition("-")
    return f"{prefix}-99999" if digits.isdigit() else "inconnu"


# Each has the door of some room open, and not the object.
@pytest.mark.parametrize("role", [STRANGER, APPLICANT, OTHER_SCREENER, RECUSED, JUROR, CHAIR, SIGNATORY])
def test_what_is_not_yours_answers_like_what_does_not_exist(world, role) -> None:
    client = client_of(world, role)
    different, compared = [], 0
    for name, route in sorted(ROUTES.items()):
        kwargs = route.kwargs(world)
        if role in route.allowed or not kwargs:
            continue
        theirs = ask(client, reverse(name, kwargs=kwargs), route.method)
        for key, value in kwargs.items():
            nobodys = ask(client, reverse(name, kwargs={**kwargs, key: unknown(value)}), route.method)
            compared += 1
            if nobodys != theirs:
                different.append(f"{name} ({key}): {theirs.status} {nobodys.status}")
    assert "\n".join(different) == ""
    assert compared > 40


@pytest.mark.parametrize("role", [REPRESENTATIVE, SCREENER, JUROR, CHAIR, OFFICER, RELEASER])
def test_what_does_not_exist_is_not_found_by_those_who_may_open_the_others(world, role) -> None:
    client = client_of(world, role)
    found = []
    for name, route in sorted(ROUTES.items()):
        kwargs = route.kwargs(world)
        if role not in route.allowed or VISITOR in route.allowed:
            continue
        for key, value in kwargs.items():
            answer = ask(client, reverse(name, kwargs={**kwargs, key: unknown(value)}), route.method)
            if answer.status != 404:
                found.append(f"{name} ({key}): {answer.status}")
    assert "\n".join(found) == ""


def test_a_visitor_is_sent_to_sign_in_whether_it_exists_or_not(world) -> None:
    client = client_of(world, VISITOR)
    for name, route in sorted(ROUTES.items()):
        kwargs = route.kwargs(world)
        if VISITOR in route.allowed or not kwargs:
            continue
        for values in (kwargs, {key: unknown(value) for key, value in kwargs.items()}):
            assert ask(client, reverse(name, kwargs=values), route.method).asks_to_sign_in, name
