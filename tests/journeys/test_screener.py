"""The service: finds a dossier, asks for what is missing, declares one admissible and another inadmissible."""

import pytest

from applications.models import Application
from core.models import OutboxMessage
from tests.browser.support import check_page
from tests.journeys.stage import let_the_worker_work
from tests.journeys.walk import follow, guide, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REASON = "Les dépenses ne portent que sur du personnel, exclu par le règlement de l’appel."


def test_screener_completes_admits_and_sets_aside(stage, arrive):
    rennes, angers, *_ = stage.filed(4, days_ago=6)
    let_the_worker_work()
    page = arrive(stage.cast.screener)
    take_menu(page, "Dossiers déposés")
    reads(page, "4 dossiers", rennes.number, "Rennes Métropole (35)", "180 000,00 €")
    check_page(page, "instructeur-liste")
    guide(page, "instructeur", at="main h1")
    find(page, "angers", "1 dossier")
    assert page.get_by_role("link", name=rennes.number).count() == 0
    find(page, "introuvable", "Aucun dossier ne correspond")
    check_page(page, "instructeur-vide")
    follow(page, "Voir tous les dossiers")
    page.get_by_label("État").select_option("admissible")
    page.locator("#resultats", has_text="Aucun dossier ne correspond").wait_for()
    follow(page, "Voir tous les dossiers")

    find(page, "rennes", "1 dossier")
    follow(page, rennes.number)
    reads(page, "Rennes Métropole", "Éligibilité au dépôt", "180 000,00 €")
    check_page(page, "instructeur-dossier")
    ask_for_completion(page)
    answer(arrive(stage.secretary_of(rennes.organisation)), rennes)
    page.reload()
    reads(page, "La délibération est jointe, signée du président.")
    follow(page, "Déclarer recevable")
    check_page(page, "instructeur-recevable")
    press_button(page, "Déclarer recevable")
    reads(page, "Le dossier est recevable", "Historique")
    check_page(page, "instructeur-admis")

    take_menu(page, "Dossiers déposés")
    find(page, "angers", "1 dossier")
    follow(page, angers.number)
    follow(page, "Déclarer irrecevable")
    press_button(page, "Relire avant d’envoyer")
    check_page(page, "instructeur-irrecevable-erreur")
    assert Application.objects.get(pk=angers.pk).state == "submitted"
    page.locator("main textarea[name=reason]").fill(REASON)
    press_button(page, "Relire avant d’envoyer")
    reads(page, "Relisez avant d’envoyer", REASON)
    check_page(page, "instructeur-irrecevable-relecture")
    assert Application.objects.get(pk=angers.pk).state == "submitted"
    press_button(page, "Déclarer irrecevable")
    reads(page, REASON)
    check_page(page, "instructeur-irrecevable")

    let_the_worker_work()
    assert Application.objects.get(pk=rennes.pk).state == "admissible"
    assert Application.objects.get(pk=angers.pk).state == "inadmissible"
    page = arrive(stage.secretary_of(angers.organisation))
    take_menu(page, "Mes dossiers")
    follow(page, angers.title)
    reads(page, "Irrecevable", REASON, "tribunal administratif")
    check_page(page, "secretaire-irrecevable")
    assert OutboxMessage.objects.filter(kind="core.mail", delivered_at__isnull=True).count() == 0


def find(page, typed, expected):
    page.get_by_label("Recherche").fill(typed)
    page.locator("#resultats", has_text=expected).wait_for()


def ask_for_completion(page):
    """The clock stops until the applicant answers."""
    follow(page, "Demander des compléments")
    press_button(page, "Relire avant d’envoyer")
    reads(page, "Indiquez au moins un élément manquant.")
    check_page(page, "instructeur-complements-erreur")
    page.get_by_label("Éléments manquants").fill("La délibération signée\nLe devis détaillé")
    press_button(page, "Relire avant d’envoyer")
    press_button(page, "Corriger")
    press_button(page, "Relire avant d’envoyer")
    press_button(page, "Demander des compléments")
    reads(page, "Le délai de décision est suspendu", "La délibération signée", "Le devis détaillé")
    check_page(page, "instructeur-suspendu")


def answer(page, application):
    """The secretary reads what is asked, and answers."""
    take_menu(page, "Mes dossiers")
    check_page(page, "secretaire-a-completer")
    follow(page, application.title)
    reads(page, "Le service attend des compléments", "La délibération signée")
    check_page(page, "secretaire-complements-demandes")
    follow(page, "Compléter et répondre")
    page.get_by_label("Votre réponse").fill("La délibération est jointe, signée du président.")
    check_page(page, "secretaire-complements")
    press_button(page, "Envoyer les compléments")
    reads(page, "Votre réponse est envoyée")
