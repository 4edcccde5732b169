"""A person's way through their account in Chromium: each page passes axe, on a wide screen and on a phone."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils import timezone

from accounts import recovery, totp
from accounts.models import Confirmation, FactorRecovery, UsedCode, User
from core.models import OutboxMessage
from tests.browser.support import check_page
from tests.factories.accounts import PASSWORD, AdministratorFactory, AgentFactory, UserFactory, code_of, confirmed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(locator):
    """Press and wait for the whole page that answers."""
    with locator.page.expect_navigation(wait_until="load"):
        locator.click()


def fill(page, **values):
    for name, value in values.items():
        page.locator(f"main input[name={name}]").fill(value)


def fill_login(page, user):
    fill(page, login=user.email, password=PASSWORD)
    press(page.locator("main").get_by_role("button", name="Se connecter"))


def fresh_code(user):
    """A code of this moment: those already typed in this test are forgotten, as thirty seconds would."""
    UsedCode.objects.filter(user=user).delete()
    return code_of(user)


def mailed_code():
    body = OutboxMessage.objects.filter(kind="core.mail").latest("created_at").payload["context"]["body"]
    return re.search(r"[A-Z]{4}-[A-Z]{4}", body).group()


def test_applicant_creates_an_account_and_forgets_the_password(visit):
    page = visit(reverse("account_login"))
    check_page(page, "compte-connexion")
    press(page.get_by_role("link", name="Créer un compte"))
    check_page(page, "compte-creation")
    press(page.get_by_role("button", name="Créer mon compte"))
    check_page(page, "compte-creation-erreurs")
    fill(page, first_name="Aude", last_name="Perrin", email="aude@example.fr", password1=PASSWORD, password2=PASSWORD)
    press(page.get_by_role("button", name="Créer mon compte"))
    check_page(page, "compte-code")
    fill(page, code=mailed_code())
    press(page.get_by_role("button", name="Valider le code"))
    page.wait_for_url("**/compte/")
    check_page(page, "compte-accueil-nouveau")
    press(page.get_by_role("link", name="Modifier mon nom"))
    check_page(page, "compte-identite")
    fill(page, job_title="secrétaire générale")
    press(page.get_by_role("button", name="Enregistrer"))
    assert page.get_by_text("Vos informations sont enregistrées.").is_visible()
    for name in ("account_email", "account_change_password", "usersessions_list", "account_logout"):
        page = visit(reverse(name))
        check_page(page, f"compte-{name}")
    press(page.locator("main").get_by_role("button", name="Se déconnecter"))
    page = visit(reverse("account_reset_password"))
    check_page(page, "compte-mot-de-passe-oublie")
    fill(page, email="aude@example.fr")
    press(page.get_by_role("button", name="Recevoir un code"))
    check_page(page, "compte-mot-de-passe-code")
    fill(page, code=mailed_code())
    press(page.get_by_role("button", name="Valider le code"))
    check_page(page, "compte-mot-de-passe-nouveau")
    fill(page, password1="encore une autre phrase", password2="encore une autre phrase")
    press(page.get_by_role("button", name="Enregistrer ce mot de passe"))
    check_page(page, "compte-mot-de-passe-fait")
    assert User.objects.get(email="aude@example.fr").check_password("encore une autre phrase")


def test_agent_enrols_an_application_then_signs_in_with_it(visit):
    user = AgentFactory(second_factor=False)
    page = visit(reverse("account_login"))
    fill_login(page, user)
    page.wait_for_url("**/compte/protection/")
    check_page(page, "protection-a-activer")
    press(page.get_by_role("link", name="Activer une application de codes"))
    check_page(page, "protection-application")
    page.get_by_role("button", name="Je ne peux pas viser le dessin").click()
    secret = (page.locator("#cle-manuelle code").text_content() or "").strip()
    assert secret
    fill(page, code=totp.code_at(secret=secret, at=timezone.now()))
    press(page.get_by_role("button", name="Activer", exact=True))
    check_page(page, "protection-secours")
    press(page.get_by_role("link", name="C’est fait, continuer"))
    check_page(page, "compte-accueil-agent")
    page = visit(reverse("mfa_index"))
    check_page(page, "protection-active")
    press(page.get_by_role("link", name="Créer de nouveaux codes"))
    check_page(page, "protection-secours-nouveaux")
    page = visit(reverse("mfa_deactivate_totp"))
    check_page(page, "protection-retrait-refuse")
    press(page.get_by_role("button", name="Se déconnecter").first)
    page = visit(reverse("account_login"))
    fill_login(page, user)
    page.wait_for_url("**/compte/protection/connexion/")
    check_page(page, "protection-connexion")
    fill(page, code="000000" if fresh_code(user) != "000000" else "111111")
    press(page.locator("main").get_by_role("button", name="Se connecter"))
    check_page(page, "protection-connexion-erreur")
    fill(page, code=fresh_code(user))
    press(page.locator("main").get_by_role("button", name="Se connecter"))
    page.wait_for_url("**/compte/")


def test_lost_factor_from_both_sides(visit, new_context):
    user, agent = AgentFactory(), AdministratorFactory()
    page = visit(reverse("account_login"))
    fill_login(page, user)
    press(page.get_by_role("link", name="J’ai perdu mon téléphone et mes codes de secours"))
    check_page(page, "perte-demande")
    page.locator("textarea[name=reason]").fill("Téléphone tombé dans la Loire. Standard : 02 00 00 00 00.")
    press(page.get_by_role("button", name="Envoyer ma demande"))
    check_page(page, "perte-suivi")

    other = new_context().new_page()
    other.goto(reverse("account_login"))
    fill_login(other, agent)
    fill(other, code=fresh_code(agent))
    press(other.locator("main").get_by_role("button", name="Se connecter"))
    other.wait_for_url("**/compte/")
    press(other.get_by_role("link", name="Demandes de secours à examiner"))
    check_page(other, "perte-demandes")
    press(other.get_by_role("link", name="Examiner"))
    check_page(other, "perte-accord")
    fill(other, confirmation_code=fresh_code(agent))
    press(other.get_by_role("button", name="Donner mon accord"))
    assert other.get_by_text("Votre accord est enregistré.").is_visible()

    request = recovery.open_recovery_of(user, timezone.now())
    assert request.state == "approved_once"
    page = visit(reverse("recovery_cancel", args=[recovery.cancellation_token(request)]))
    check_page(page, "perte-annulation")

    other.goto(reverse("recovery_approve", kwargs={"pk": request.pk}))
    press(other.get_by_role("link", name="Refuser la demande"))
    check_page(other, "perte-refus")
    press(other.get_by_role("button", name="Refuser la demande"))
    check_page(other, "perte-refus-erreur")
    other.locator("textarea[name=refusal_reason]").fill("Au standard, personne ne connaît cette demande.")
    press(other.get_by_role("button", name="Refuser la demande"))
    assert other.get_by_text("La demande est refusée.").is_visible()
    page = visit(reverse("recovery_cancel", args=[recovery.cancellation_token(request)]))
    check_page(page, "perte-terminee")


def test_person_finds_a_request_in_their_account_and_stops_it(visit):
    user, now = UserFactory(), timezone.now()
    page = visit(reverse("account_login"))
    fill_login(page, user)
    page.wait_for_url("**/compte/")
    request = recovery.request_recovery(user=user, reason="téléphone perdu", at=now)
    for agent in (AdministratorFactory(), AdministratorFactory()):
        digest = recovery.approval_digest(request)
        confirmed(agent, act=recovery.APPROVAL_ACT, content_sha256=digest, at=now)
        request = recovery.approve_recovery(recovery=request, by=agent, at=now)
    page = visit(reverse("account_home"))
    check_page(page, "compte-accueil-demande")
    press(page.get_by_role("button", name="Arrêter cette demande"))
    assert page.get_by_text("La demande est arrêtée").is_visible()
    assert recovery.open_recovery_of(user, now) is None


def test_agent_closes_an_account(visit):
    user, agent = UserFactory(first_name="Aude", last_name="Perrin"), AdministratorFactory()
    page = visit(reverse("account_login"))
    fill_login(page, agent)
    fill(page, code=fresh_code(agent))
    press(page.locator("main").get_by_role("button", name="Se connecter"))
    page.wait_for_url("**/compte/")
    press(page.get_by_role("link", name="Fermer ou rouvrir un compte"))
    check_page(page, "compte-fermeture-recherche")
    fill(page, email="personne@ailleurs.fr")
    press(page.get_by_role("button", name="Chercher ce compte"))
    check_page(page, "compte-fermeture-inconnu")
    fill(page, email=user.email)
    press(page.get_by_role("button", name="Chercher ce compte"))
    check_page(page, "compte-fermeture")
    page.locator("textarea[name=closing_reason]").fill("Départ du service.")
    press(page.get_by_role("button", name="Fermer ce compte"))
    assert page.get_by_text("est fermé, ses sessions sont terminées").is_visible()
    fill(page, email=user.email)
    press(page.get_by_role("button", name="Chercher ce compte"))
    check_page(page, "compte-reouverture")
    assert not User.objects.get(pk=user.pk).is_active


def test_passkey_enrolment_sign_in_and_confirmation_of_an_act(visit):
    user = AdministratorFactory(second_factor=False)
    page = visit(reverse("account_login"))
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    fill_login(page, user)
    page.wait_for_url("**/compte/protection/")
    press(page.get_by_role("link", name="Ajouter une clé d’accès"))
    check_page(page, "cle-ajout")
    fill(page, name="ordinateur du bureau")
    press(page.get_by_role("button", name="Ajouter cette clé"))
    page.wait_for_url("**/compte/protection/secours/")
    assert Authenticator.objects.get(user=user, type="webauthn").wrap().name == "ordinateur du bureau"
    page = visit(reverse("mfa_list_webauthn"))
    check_page(page, "cle-liste")
    press(page.get_by_role("link", name="Renommer"))
    check_page(page, "cle-nom")
    page = visit(reverse("mfa_list_webauthn"))
    press(page.get_by_role("link", name="Retirer"))
    check_page(page, "cle-retrait")

    press(page.get_by_role("button", name="Se déconnecter").first)
    page = visit(reverse("account_login"))
    fill_login(page, user)
    check_page(page, "cle-connexion")
    press(page.get_by_role("button", name="Utiliser ma clé d’accès"))
    page.wait_for_url("**/compte/")

    asked = recovery.request_recovery(user=UserFactory(second_factor=True), reason="téléphone perdu", at=timezone.now())
    page = visit(reverse("recovery_approve", kwargs={"pk": asked.pk}))
    check_page(page, "cle-confirmation")
    press(page.get_by_role("button", name="Confirmer avec ma clé d’accès"))
    page.wait_for_url("**/compte/perte/demandes/")
    confirmation = Confirmation.objects.get()
    assert (confirmation.user, confirmation.method) == (user, Confirmation.Method.WEBAUTHN)
    assert confirmation.used_at is not None
    assert FactorRecovery.objects.get(pk=asked.pk).first_approved_by == user
