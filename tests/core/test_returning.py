"""Where one comes back after a form was not taken: a page that opens, never the address that only takes forms."""

from uuid import UUID

import pytest
from django.urls import get_resolver, reverse

from core.http import posts_only
from core.returning import page_at, page_before
from tests.factories.accounts import sign_in
from tests.factories.jury import JuryWorld

SOME = {"uuid": str(UUID(int=1)), "int": "1", "str": "x", "slug": "x", "path": "x"}


def addresses_of_forms():
    """Name and address of every view that takes a form and nothing else."""
    found = []

    def walk(patterns, before):
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            elif getattr(pattern.callback, "posts_only", False):
                text = route
                for name, converter in pattern.pattern.converters.items():
                    kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
                    text = text.replace(f"<{kind}:{name}>", SOME[kind]).replace(f"<{name}>", SOME[kind])
                found.append((pattern.name, f"/{text}"))

    walk(get_resolver().url_patterns, "")
    return found


def test_every_address_that_only_takes_forms_leads_to_a_page_that_opens(rf):
    found = addresses_of_forms()
    names = {name for name, _ in found}
    assert {"attachment_add", "application_message", "screening_message", "evaluation_save"} <= names
    for name, address in found:
        assert "<" not in address, address
        page = page_at(address, rf.get("/"))
        assert page not in {"", "/", address}, name
        assert address.startswith(page), name


def test_address_above_which_nothing_opens_leads_nowhere(rf):
    assert page_at("/", rf.get("/")) == ""
    assert page_at("/rien/de/tel/", rf.get("/")) == ""
    asked = rf.post("/", headers={"Referer": "http://testserver/rien/de/tel/"})
    assert page_before(asked) == ""


def test_posts_only_view_takes_forms_alone(rf):
    @posts_only
    def taken(request):
        raise AssertionError

    assert taken(rf.get("/")).status_code == 405


@pytest.mark.parametrize("referer", ["evaluation_save", None])
def test_grid_sent_again_after_the_session_is_over_comes_back_to_its_page(client, db, referer):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    sent_to = reverse("evaluation_save", kwargs={"pk": evaluation.pk})
    headers = {"Referer": f"http://testserver{sent_to}"} if referer else {}
    answer = client.post(sent_to, {"version": "0"}, headers=headers)
    page = reverse("evaluation_page", kwargs={"pk": evaluation.pk})
    assert answer.url == f"{reverse('account_login')}?next={page}"
    sign_in(client, world.users[0])
    assert client.get(page).status_code == 200
    opened = client.get(sent_to)
    assert opened.status_code == 405
    assert f'href="{page}"' in opened.content.decode()
