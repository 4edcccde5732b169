"""What the browser fixtures must see: a page that does each forbidden thing is caught doing it."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config import urls as site
from tests.browser.support import axe, check_page, overflow

pytestmark = [pytest.mark.browser, pytest.mark.urls("tests.browser.test_support")]

BODIES = {
    "style": '<p style="color: red">x</p>',
    "script": "<script>window.ran = true</script>",
    "handler": '<img src="data:," alt="" onerror="window.ran = true">',
    "outside": '<img src="https://exterieur.example/x.png" alt="x">',
    "missing": '<img src="/static/no-such-file.png" alt="x">',
    "unlabelled": "<input type='text'>",
    "wide": "<table width='2000'><tr><td>x</td></tr></table>",
    "clean": "<p>Rien à dire.</p>",
}


@login_not_required
def page_with(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(
        "<!DOCTYPE html><html lang='fr'><head><title>Essai</title><link rel='icon' href='data:,'>"
        "<meta name='viewport' content='width=device-width'></head>"
        f"<body><main><h1>Essai</h1>{BODIES[name]}</main></body></html>"
    )


urlpatterns = [path("essai/<name>/", page_with), *site.urlpatterns]
handler404 = site.handler404


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("style", "CSP: style-src-attr"),
        ("script", "CSP: script-src-elem"),
        ("handler", "CSP: script-src-attr"),
        ("outside", "CSP: img-src"),
        ("missing", "status of 404"),
    ],
)
def test_watch_sees_what_a_page_must_not_do(visit, watch, name, seen):
    page = visit(f"/essai/{name}/")
    page.wait_for_load_state("networkidle")
    assert any(seen in text for text in watch.unexpected()), watch.problems
    assert page.evaluate("window.ran") is None
    # Provoked on purpose: the fixture would fail this test at its end.
    watch.expected.append(".*")


def test_names_outside_this_machine_do_not_exist(new_context, watch):
    page = new_context().new_page()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("https://exterieur.example/")
    assert any("ERR_NAME_NOT_RESOLVED" in text for text in watch.unexpected())
    watch.expected.append(".*")


def test_axe_sees_an_input_without_label(visit):
    assert [text.split(" ")[0] for text in axe(visit("/essai/unlabelled/"))] == ["label"]


def test_overflow_is_measured(visit):
    page = visit("/essai/wide/")
    assert overflow(page) > 500
    with pytest.raises(AssertionError, match="too wide"):
        check_page(page)


def test_clean_page_passes(visit, watch):
    check_page(visit("/essai/clean/"))
    assert watch.problems == []
