"""A convention: signed by the mayor, then for the State, paid, downloaded by both, verified by anyone."""

import pytest
from django.utils import timezone

from conventions.models import Convention
from tests.browser.support import check_page
from tests.journeys.stage import fresh_code
from tests.journeys.walk import follow, guide, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_both_parties_sign_the_ministry_pays_and_anyone_verifies(stage, arrive, open_browser, tmp_path):
    convention = stage.sealed(2)[0]
    head = stage.head_of(convention.application.organisation)
    mayor = arrive(head)
    take_menu(mayor, "Conventions")
    check_page(mayor, "representant-conventions")
    follow(mayor, convention.number)
    reads(mayor, "Ce fichier porte le cachet de l’État, qui n’est pas une signature.")
    check_page(mayor, "representant-convention")
    follow(mayor, "Lire et signer")
    reads(mayor, "en votre qualité de représentant légal", "Ce que signer veut dire")
    check_page(mayor, "representant-signature")
    guide(mayor, "representant", at="main h1")
    sign(mayor, head, wrong=True)
    reads(mayor, "Votre signature est enregistrée", "la signature de la collectivité")
    check_page(mayor, "representant-signee")

    state = arrive(stage.cast.signatory)
    take_menu(state, "À signer pour l’État")
    reads(state, "1 convention à signer", convention.number)
    check_page(state, "signataire-file")
    follow(state, "Lire et signer")
    reads(state, "Vous signez pour l’État", "deviennent des crédits engagés")
    check_page(state, "signataire-signature")
    guide(state, "signataire", at="main h1")
    sign(state, stage.cast.signatory)
    reads(state, "Votre signature est enregistrée", "les deux signatures")
    check_page(state, "signataire-signee")

    pay(arrive(stage.cast.officer), stage.cast.officer, convention)
    mayor.reload()
    reads(mayor, "Versement", "versés le", "DP-2026-000123")
    check_page(mayor, "representant-versee")
    kept, theirs = download(mayor), download(state)
    assert kept == theirs
    assert kept.startswith(b"%PDF-")
    verify(open_browser(), Convention.objects.get(pk=convention.pk), kept, tmp_path)


def sign(page, user, *, wrong=False):
    """A code of another moment is refused, and nothing is signed; then the right one."""
    if wrong:
        page.get_by_label("J’ai lu la convention").check(force=True)
        page.get_by_label("Code de confirmation").fill("000000")
        press_button(page, "Signer la convention")
        reads(page, "Ce code n’est pas le bon")
        check_page(page, "representant-code-refuse")
        assert Convention.objects.filter(beneficiary_signed_at__isnull=False).count() == 0
    box = page.get_by_label("J’ai lu la convention")
    if not box.is_checked():
        box.check(force=True)
    page.get_by_label("Code de confirmation").fill(fresh_code(user))
    press_button(page, "Signer la convention")


def pay(page, user, convention):
    take_menu(page, "Conventions")
    follow(page, convention.number)
    check_page(page, "ministere-convention")
    follow(page, "Enregistrer le versement")
    today = timezone.localdate().isoformat()
    page.locator("[name=service_done_on]").fill(today)
    page.locator("[name=paid_on]").fill(today)
    page.locator("[name=reference]").fill("DP-2026-000123")
    check_page(page, "ministere-versement")
    press_button(page, "Continuer")
    reads(page, "Relisez, puis confirmez", "DP-2026-000123")
    check_page(page, "ministere-versement-confirmer")
    page.get_by_label("Code de confirmation").fill(fresh_code(user))
    press_button(page, "Enregistrer le versement")
    reads(page, "est enregistré", "DP-2026-000123")
    check_page(page, "ministere-versee")


def download(page):
    with page.expect_download() as waiting:
        page.locator("main a[download]").first.click()
    return waiting.value.path().read_bytes()


def verify(page, convention, content, tmp_path):
    """By number and code, by upload, and once with one byte changed."""
    take_menu(page, "Vérifier un document")
    page.get_by_label("Numéro de la convention").fill(convention.number)
    page.get_by_label("Code de vérification").fill(convention.verification_code)
    press_button(page, "Vérifier avec le numéro")
    reads(page, "Document authentique", "intact", "Cachet électronique", "Signature électronique")
    check_page(page, "verification-numero")
    follow(page, "Vérifier un autre document")
    upload(page, tmp_path, "convention.pdf", content)
    reads(page, "Document authentique", "Il n’a pas été modifié", "PAdES B-")
    check_page(page, "verification-fichier")
    guide(page, "verification", at="main h1")
    follow(page, "Vérifier un autre document")
    at = len(content) // 3
    upload(page, tmp_path, "copie.pdf", content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    reads(page, "Document refusé")
    check_page(page, "verification-refus")


def upload(page, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    page.locator("[name=file]").set_input_files(path)
    press_button(page, "Vérifier ce fichier")
