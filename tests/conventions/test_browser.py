"""Conventions in Chromium: both parties sign, the ministry pays, anyone verifies; each page passes axe."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import UsedCode
from conventions.enums import ConventionState
from conventions.models import Convention, Repayment
from core import files
from tests.browser.support import check_page
from tests.factories.accounts import PASSWORD, code_of
from tests.factories.conventions import ConventionWorld, pay_as, representative_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ready_bytes"),
]


def press(locator):
    """Press and wait for the whole page that answers."""
    with locator.page.expect_navigation(wait_until="load"):
        locator.click()


def fresh_code(user):
    """A code of this moment: those already typed in this test are forgotten, as thirty seconds would."""
    UsedCode.objects.filter(user=user).delete()
    return code_of(user)


def enter(new_context, user):
    """This person's own browser, signed in with their second factor."""
    page = new_context().new_page()
    page.goto(reverse("account_login"), wait_until="load")
    page.locator("main input[name=login]").fill(user.email)
    page.locator("main input[name=password]").fill(PASSWORD)
    press(page.locator("main").get_by_role("button", name="Se connecter"))
    page.locator("main input[name=code]").fill(fresh_code(user))
    press(page.locator("main form").get_by_role("button").first)
    return page


def sign_in_page(page, user):
    """On the page that asks for it: read, tick, type the code, sign."""
    page.get_by_label("J’ai lu la convention").check(force=True)
    page.locator("input[name=confirmation_code]").fill(fresh_code(user))
    press(page.get_by_role("button", name="Signer la convention"))


def test_both_parties_sign_and_the_ministry_pays(new_context):
    world = ConventionWorld(1)
    convention = world.sealed()
    representative = representative_of(convention)
    path = reverse("convention_detail", args=[convention.number])

    page = enter(new_context, representative)
    page.goto(reverse("convention_list"), wait_until="load")
    check_page(page, "conventions-liste")
    press(page.get_by_role("link", name=convention.number))
    check_page(page, "convention-a-signer")
    press(page.get_by_role("link", name="Lire et signer la convention"))
    check_page(page, "convention-signature")
    press(page.get_by_role("button", name="Signer la convention"))
    check_page(page, "convention-signature-erreurs")
    sign_in_page(page, representative)
    assert "Votre signature est enregistrée" in page.locator("main").inner_text()
    check_page(page, "convention-signee-beneficiaire")

    state = enter(new_context, world.signatory)
    state.goto(reverse("signing_queue"), wait_until="load")
    check_page(state, "convention-file-signature")
    press(state.get_by_role("link", name="Lire et signer"))
    check_page(state, "convention-signature-etat")
    sign_in_page(state, world.signatory)
    check_page(state, "convention-signee")
    assert Convention.objects.get().state == ConventionState.SIGNED

    today = timezone.localdate()
    world.open_credits(today.year)
    officer = enter(new_context, world.officer)
    officer.goto(path, wait_until="load")
    press(officer.get_by_role("link", name="Enregistrer le versement"))
    check_page(officer, "convention-versement")
    officer.get_by_label("Service fait constaté le").fill(today.isoformat())
    officer.get_by_label("Versé le").fill(today.isoformat())
    officer.get_by_label("Numéro de la demande de paiement").fill("DP-2026-7")
    press(officer.get_by_role("button", name="Continuer"))
    check_page(officer, "convention-versement-confirmation")
    officer.locator("input[name=confirmation_code]").fill(fresh_code(world.officer))
    press(officer.get_by_role("button", name="Enregistrer le versement"))
    check_page(officer, "convention-versee-service")

    page.goto(path, wait_until="load")
    assert "DP-2026-7" in page.locator("main").inner_text()
    check_page(page, "convention-versee")
    press(page.get_by_role("link", name="Envoyer un compte rendu"))
    check_page(page, "convention-compte-rendu")


def test_repayment_seen_from_both_sides(new_context):
    world = ConventionWorld(1)
    convention = world.signed()
    pay_as(convention, world.officer)
    officer = enter(new_context, world.officer)
    officer.goto(reverse("repayment_notify", args=[convention.number]), wait_until="load")
    check_page(officer, "reversement-notification")
    officer.get_by_label("projet non achevé").check(force=True)
    officer.get_by_label("Montant envisagé").fill("4 000,00")
    officer.get_by_label("Motif").fill("Le projet n’est pas achevé.")
    officer.get_by_label("Réponse attendue").fill((timezone.localdate() + timedelta(days=45)).isoformat())
    press(officer.get_by_role("button", name="Relire avant d’envoyer"))
    check_page(officer, "reversement-relecture")
    press(officer.get_by_role("button", name="Prévenir la collectivité"))
    check_page(officer, "reversement-attente")

    page = enter(new_context, representative_of(convention))
    page.goto(reverse("repayment_detail", args=[convention.number, Repayment.objects.get().pk]), wait_until="load")
    check_page(page, "reversement-beneficiaire")
    page.get_by_label("Vos observations").fill("Nous demandons un délai.")
    press(page.get_by_role("button", name="Envoyer mes observations"))
    check_page(page, "reversement-observations")

    officer.goto(reverse("repayment_decide", args=[convention.number, Repayment.objects.get().pk]), wait_until="load")
    officer.get_by_label("Motif de la décision").fill("Le délai demandé est accordé en partie.")
    press(officer.get_by_role("button", name="Continuer"))
    check_page(officer, "reversement-decision")


def test_batch_of_a_list(new_context):
    world = ConventionWorld(3)
    world.release()
    page = enter(new_context, world.officer)
    page.goto(reverse("batch_list"), wait_until="load")
    check_page(page, "lots")
    press(page.locator("main").get_by_role("link", name="LISTE"))
    check_page(page, "lot")


def test_anyone_verifies_a_document(visit, tmp_path):
    world = ConventionWorld(1)
    convention = world.signed()
    good, bad = tmp_path / "convention.pdf", tmp_path / "faux.pdf"
    content = files.read(convention.current_revision().file)
    good.write_bytes(content)
    bad.write_bytes(content + b"\n% rien\n")
    page = visit("/verifier/")
    check_page(page, "verifier")
    press(page.get_by_role("button", name="Vérifier ce fichier"))
    check_page(page, "verifier-erreurs")
    page.locator("input[type=file]").set_input_files(good)
    press(page.get_by_role("button", name="Vérifier ce fichier"))
    assert "Document authentique" in page.locator("main").inner_text()
    check_page(page, "verifier-authentique")
    visit("/verifier/").locator("input[type=file]").set_input_files(bad)
    press(page.get_by_role("button", name="Vérifier ce fichier"))
    assert "Document refusé" in page.locator("main").inner_text()
    check_page(page, "verifier-refuse")
    visit("/verifier/").get_by_label("Numéro de la convention").fill(convention.number)
    page.get_by_label("Code de vérification").fill(convention.verification_code)
    press(page.get_by_role("button", name="Vérifier avec le numéro"))
    assert "est intact" in page.locator("main").inner_text()
    check_page(page, "verifier-numero")


def test_wrong_code_and_open_data(visit, watch):
    watch.expected.append("404")
    page = visit("/verifier/CONV-2021-00001/?code=AAAA-BBBB-CCCC")
    check_page(page, "verifier-code-faux")
    check_page(visit("/donnees-ouvertes/"), "donnees-ouvertes-vide")
    ConventionWorld(1).signed()
    check_page(visit("/donnees-ouvertes/"), "donnees-ouvertes")
