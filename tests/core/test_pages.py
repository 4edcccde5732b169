"""Public duties, menu, error pages."""

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path, resolve, reverse

from config import urls as site
from core import navigation
from core.context_processors import partner_logos
from core.views.pages import server_error
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.calls import MandateFactory, the_call

PUBLIC = ["legal_notice", "privacy", "accessibility_statement", "security_contact", "help", "site_map"]


def title(response: HttpResponse) -> str:
    found = re.search(r"<title>(.*?)</title>", response.content.decode(), re.S)
    assert found
    return found.group(1).strip()


@login_not_required
def trouble(request: HttpRequest, kind: str) -> HttpResponse:
    raise {
        "400": SuspiciousOperation("secret"),
        "403": PermissionDenied("secret"),
        "404": Http404("secret"),
        "500": RuntimeError("secret"),
        "503": OperationalError("secret"),
    }[kind]


urlpatterns = [path("trouble/<kind>/", trouble), *site.urlpatterns]
handler400, handler403, handler404, handler500 = site.handler400, site.handler403, site.handler404, site.handler500


@pytest.fixture
def no_menu(monkeypatch):
    navigation._discover()  # else the rooms would register into the list of this test, once for all
    monkeypatch.setattr(navigation, "_entries", [])


# ---------------------------------------------------------------- public duties
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page_opens_for_a_visitor_without_asking_the_database(name, client):
    # No « db » fixture: a query would fail the test.
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert response.content.decode().count("<h1") == 1


def test_public_titles_are_unique_and_name_the_service(client):
    titles = [title(client.get(reverse(name))) for name in PUBLIC]
    assert len(set(titles)) == len(PUBLIC)
    assert all(text.endswith("– Guichet") and not text.startswith("–") for text in titles)


def test_notice_shows_what_the_operator_set_and_what_is_missing(client, settings):
    settings.PUBLIC_NOTICE = dict.fromkeys(settings.PUBLIC_NOTICE, "")
    missing = client.get(reverse("legal_notice")).content.decode()
    assert missing.count("à compléter par l’exploitant") == 6
    settings.PUBLIC_NOTICE = {name: f"<{name}>" for name in settings.PUBLIC_NOTICE}
    page = client.get(reverse("legal_notice")).content.decode()
    assert "à compléter" not in page
    assert "&lt;publisher&gt;" in page


def test_notice_never_shows_html_of_the_operator(client, settings):
    settings.PUBLIC_NOTICE = dict.fromkeys(settings.PUBLIC_NOTICE, "<script>x</script>")
    for name in PUBLIC:
        assert "<script>x</script>" not in client.get(reverse(name)).content.decode()


@pytest.mark.parametrize(("email", "contact"), [("cert@example.test", "mailto:cert@example.test"), ("", "/securite/")])
def test_security_txt_has_a_contact_and_a_date_within_a_year(client, settings, email, contact):
    settings.PUBLIC_NOTICE = {**settings.PUBLIC_NOTICE, "security_email": email}
    response = client.get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Contact"].endswith(contact)
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now().astimezone()
    assert timedelta(days=30) < left < timedelta(days=365)


def test_robots_are_kept_out_of_the_demonstration(client, settings):
    settings.DEMONSTRATION = True
    assert "Disallow: /\n" in client.get("/robots.txt").content.decode()
    settings.DEMONSTRATION = False
    assert "Disallow: /\n" not in client.get("/robots.txt").content.decode()


def test_demonstration_banner_is_shown_only_there(client, settings):
    settings.DEMONSTRATION = True
    assert "données fictives" in client.get(reverse("privacy")).content.decode()
    settings.DEMONSTRATION = False
    assert "données fictives" not in client.get(reverse("privacy")).content.decode()


def test_privacy_notice_says_that_address_and_browser_are_kept_as_long_as_the_session(client):
    page = " ".join(client.get(reverse("privacy")).content.decode().split())
    row = re.search(r"<tr>(?:(?!<tr>).)*adresse IP.*?</tr>", page)
    assert row
    assert "navigateur" in row.group()
    assert "la nuit qui suit la fin de la session" in row.group()
    assert "connexions (identifiants" not in page


def test_funders_are_named_on_public_pages_and_official_files_replace_them(client, settings, tmp_path):
    partner_logos.cache_clear()
    page = client.get(reverse("privacy")).content.decode()
    assert "France Relance" in page
    assert "NextGenerationEU" in page
    assert "Financé par l’Union européenne" in page
    (tmp_path / "nextgenerationeu.svg").write_text("<svg/>")
    settings.LOGOS_DIR = str(tmp_path)
    partner_logos.cache_clear()
    page = client.get(reverse("privacy")).content.decode()
    assert 'src="/static/logos/nextgenerationeu.svg"' in page
    assert 'alt="Financé par l’Union européenne – NextGenerationEU"' in page
    partner_logos.cache_clear()


def test_pages_carry_the_strict_policy_with_a_fresh_nonce(client):
    first, second = (client.get(reverse("privacy")) for _ in range(2))
    policy = first["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy).group(1)
    assert "default-src 'none'" in policy
    assert "object-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert f'nonce="{nonce}"' in first.content.decode()
    assert nonce not in second["Content-Security-Policy"]


# ---------------------------------------------------------------- menu
def menu(path: str, user=None) -> list:
    request = RequestFactory().get(path)
    request.user = user or AnonymousUser()
    return navigation.sections(request)


def test_menu_shows_each_reader_their_entries_in_order(no_menu):
    navigation.register("Jury", "Mes dossiers", "privacy", visible=lambda user: user.is_authenticated, order=2)
    navigation.register("Appels", "Plan", "site_map", visible=navigation.everyone, order=1)
    navigation.register("Appels", "Mentions", "legal_notice", visible=navigation.everyone, order=3)
    navigation.register("Rien", "Inconnue", "no_such_page", visible=navigation.everyone)
    assert [(item.label, item.is_menu) for item in menu("/")] == [("Appels", True)]
    person = SimpleNamespace(is_authenticated=True)
    assert [item.label for item in menu("/", person)] == ["Appels", "Jury"]


def test_menu_marks_the_nearest_entry_only(no_menu):
    navigation.register("A", "Sécurité", "security_contact", visible=navigation.everyone)
    navigation.register("A", "Mentions", "legal_notice", visible=navigation.everyone)
    at = {link.label: link.current for link in menu("/securite/")[0].links}
    below = {link.label: link.current for link in menu("/securite/plus-loin/")[0].links}
    assert at == {"Sécurité": "page", "Mentions": ""}
    assert below == {"Sécurité": "true", "Mentions": ""}
    assert not menu("/ailleurs/")[0].is_current


def test_menu_registered_twice_shows_once(no_menu):
    for _ in range(2):
        navigation.register("A", "Plan", "site_map", visible=navigation.everyone)
    assert len(menu("/")[0].links) == 1


def test_once_computes_once_for_a_person():
    person, calls = SimpleNamespace(), []
    for _ in range(3):
        assert navigation.once(person, "mandates", lambda: calls.append(1) or ["juror"]) == ["juror"]
    assert calls == [1]
    navigation.once(SimpleNamespace(), "mandates", lambda: calls.append(1))
    assert len(calls) == 2


# ---------------------------------------------------------------- errors
@pytest.mark.urls("tests.core.test_pages")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("400", "Demande incomprise"),
        ("403", "Accès refusé"),
        ("404", "Page introuvable"),
        ("500", "Une erreur est survenue"),
        ("503", "momentanément indisponible"),
    ],
)
def test_error_page_says_what_to_do_and_nothing_of_the_cause(kind, words):
    # No « db » fixture: the pages must stand while the database is away.
    response = Client(raise_request_exception=False).get(f"/trouble/{kind}/")
    page = response.content.decode()
    assert response.status_code == int(kind)
    assert words in page
    assert "secret" not in page
    assert page.count("<h1") == 1
    assert 'href="/"' in page
    assert "Content-Security-Policy" in response


@pytest.mark.urls("tests.core.test_pages")
def test_database_away_asks_to_come_back():
    response = Client(raise_request_exception=False).get("/trouble/503/")
    assert response["Retry-After"] == "30"


@pytest.mark.parametrize("name", ["500.html", "503.html"])
def test_last_pages_need_no_list_of_static_files(name, settings):
    from django.template.loader import get_template

    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    page = get_template(name).render({})
    assert "/static/dsfr/dist/dsfr.min.css" in page


def test_expired_form_says_that_nothing_was_recorded():
    client = Client(enforce_csrf_checks=True)
    response = client.post(reverse("account_login"), {"login": "a@b.fr", "password": "x"})
    assert response.status_code == 403
    assert "Votre page a expiré" in response.content.decode()
    assert "rien n’a été envoyé" in response.content.decode()


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/dossiers/?page=2", "/dossiers/?page=2"),
        ("https://ailleurs.example/dossiers/", ""),
        ("http://testserver//ailleurs.example/", ""),
        ("http://testserver/nulle-part/", ""),
        ("http://testserver/compte/connexion/", ""),
        ("", ""),
    ],
)
def test_expired_form_leads_to_the_door_and_back_to_its_page(referer, back):
    assert resolve(reverse("account_login")).url_name == "account_login"
    referer = referer.replace("/compte/connexion/", reverse("account_login"))
    client = Client(enforce_csrf_checks=True)
    page = client.post(reverse("account_login"), {"login": "a@b.fr"}, headers={"Referer": referer})
    link = f"{reverse('account_login')}?next={quote(back, safe='')}" if back else reverse("account_login")
    assert f'<a class="fr-btn" href="{link}">Se connecter</a>' in page.content.decode()
    assert "« Retour »" in page.content.decode().replace("&nbsp;", " ")


def test_expired_form_of_somebody_signed_in_opens_its_page_again(db):
    client = Client(enforce_csrf_checks=True)
    sign_in(client, UserFactory())
    page = client.post("/dossiers/", headers={"Referer": "http://testserver/dossiers/"}).content.decode()
    assert '<a class="fr-btn" href="/dossiers/">Rouvrir la page</a>' in page
    assert ">Se connecter</a>" not in page.partition("<main")[2]


def test_form_sent_after_the_session_is_over_says_so_and_comes_back_to_its_page(client, db):
    answer = client.post("/dossiers/nouveau/", headers={"Referer": "http://testserver/dossiers/"})
    assert answer.url == f"{reverse('account_login')}?next=/dossiers/"
    assert "n’est pas enregistré" in client.get(answer.url).content.decode()
    away = client.post("/dossiers/nouveau/", headers={"Referer": "http://ailleurs.example/dossiers/"})
    assert away.url == f"{reverse('account_login')}?next=/dossiers/nouveau/"
    assert "n’est pas enregistré" not in Client().get(client.get("/dossiers/").url).content.decode()


def test_database_away_outside_of_a_view_answers_503(rf):
    try:
        raise OperationalError("secret")
    except OperationalError:
        response = server_error(rf.get("/"))
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert server_error(rf.get("/")).status_code == 500


def test_site_map_keeps_the_headings_that_the_menu_folds(client, db):
    user = AgentFactory()
    for role in ("officer", "screener", "juror", "administrator", "auditor"):
        MandateFactory(call=the_call(), role=role, user=user)
    sign_in(client, user)
    page = client.get(reverse("site_map"))
    plan = [section.label for section in page.context["sections"]]
    assert "Autres pages" in [section.label for section in page.context["site"]["sections"]]
    assert "Autres pages" not in plan
    assert len(plan) > navigation.MOST_SECTIONS
