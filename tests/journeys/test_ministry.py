"""The ministry: one prepares the list, another releases it; the money, the conventions and the figures follow."""

import re

import pytest
from django.urls import reverse

from budget.models import LedgerEntry
from conventions.models import Convention
from jury.models import DecisionList
from tests.browser.support import check_page
from tests.journeys.stage import AJACCIO, BASTIA, MENDE, RENNES_METROPOLE, fresh_code, let_the_worker_work
from tests.journeys.walk import follow, guide, plain, press, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_officer_prepares_and_another_person_releases(stage, arrive):
    # The envelope of axis 1 holds 30 000 000 €: the two largest do not fit together.
    stage.asking = {RENNES_METROPOLE: "18000000", AJACCIO: "12500000", BASTIA: "64000", MENDE: "38000"}
    stage.deliberated()
    page = arrive(stage.cast.officer)
    take_menu(page, "Listes de décisions")
    reads(page, "Délibérations qui attendent une liste", "4 dossiers sans décision")
    check_page(page, "ministere-listes")
    follow(page, "Préparer une liste")
    page.get_by_label("Intitulé de la liste").fill("Lauréats de la relève")
    press_button(page, "Créer la liste")
    check_page(page, "ministere-liste")
    award_the_rest(page)
    reads(page, "L’enveloppe ne suffit pas", "il reste 30 000 000,00 €, la liste demande 30 602 000,00 €")
    check_page(page, "ministere-liste-trop-longue")
    press_button(page, "Proposer à la libération")
    check_page(page, "ministere-liste-proposee")
    assert page.get_by_role("link", name="Relire et libérer").count() == 0

    releaser = arrive(stage.cast.releaser)
    release(releaser, stage.cast.releaser)
    reads(releaser, "30 000 000,00 €", "Axe 1")
    assert "reste" in plain(releaser.locator(".fr-alert--error, .fr-error-text").first.inner_text())
    check_page(releaser, "ministere-liberation-refusee")
    assert DecisionList.objects.get().state == "prepared"
    assert not LedgerEntry.objects.filter(movement="reserve").exists()

    send_back(releaser)
    page.reload()
    reads(page, "À revoir", "Deux grands projets ne tiennent pas ensemble", f"Renvoyée par {stage.cast.releaser}")
    check_page(page, "ministere-liste-a-revoir")
    set_aside(page, "Ajaccio")
    reads(page, "18 102 000,00 €")
    press_button(page, "Proposer à la libération")
    take_menu(releaser, "Listes de décisions")
    follow(releaser, DecisionList.objects.get().number)
    follow(releaser, "Relire et libérer")
    check_page(releaser, "ministere-liberation")
    guide(releaser, "ministere-liberation", at=".guichet-act")
    releaser.get_by_label("Code de confirmation").fill("000000")
    press_button(releaser, "Libérer la liste")
    reads(releaser, "Ce code n’est pas le bon")
    releaser.get_by_label("Code de confirmation").fill(fresh_code(stage.cast.releaser))
    press_button(releaser, "Libérer la liste")
    reads(releaser, "est libérée", "18 102 000,00 € sont réservés pour 3 dossiers")
    check_page(releaser, "ministere-liberee")
    follow_the_batch(page)
    follow_the_money(page, stage)


def decisions(page):
    """The rows of the list's own table; another one above tells what it takes from each envelope."""
    return page.get_by_role("region", name="Décisions de la liste").locator("tbody tr")


def award_the_rest(page):
    """The officer departs from the jury's opinion, with a motive, on each dossier that was not awarded."""
    for row in range(decisions(page).count()):
        line = decisions(page).nth(row)
        if "€" in line.locator("td[data-label='Proposé']").inner_text():
            continue
        press(line.get_by_role("link", name=re.compile("^Modifier")))
        page.locator("main input[name=outcome][value=awarded]").check(force=True)
        page.locator("main [name=motive]").fill("Projet prioritaire pour le territoire.")
        press_button(page, "Enregistrer la décision")


def set_aside(page, name):
    line = decisions(page).filter(has_text=name)
    press(line.get_by_role("link", name=re.compile("^Modifier")))
    page.locator("main input[name=outcome][value=waitlisted]").check(force=True)
    page.locator("main [name=motive]").fill("Les crédits de l’axe ne suffisent pas cette année.")
    check_page(page, "ministere-decision")
    press_button(page, "Enregistrer la décision")


def release(page, user):
    take_menu(page, "Listes de décisions")
    follow(page, DecisionList.objects.get().number)
    follow(page, "Relire et libérer")
    page.get_by_label("Code de confirmation").fill(fresh_code(user))
    press_button(page, "Libérer la liste")


def send_back(page):
    """What does not fit is given back to whoever prepares, with the reason."""
    follow(page, "Renvoyer à la préparation")
    check_page(page, "ministere-renvoi")
    press_button(page, "Renvoyer à la préparation")
    reads(page, "Ce qui est à revoir")
    check_page(page, "ministere-renvoi-erreur")
    page.locator("main [name=reason]").fill("Deux grands projets ne tiennent pas ensemble dans l’axe 1.")
    press_button(page, "Renvoyer à la préparation")
    reads(page, "La liste est renvoyée à la préparation, avec votre motif.")
    check_page(page, "ministere-renvoyee")


def follow_the_batch(page):
    """Nothing is written yet, then the worker does its work and the page says so."""
    take_menu(page, "Rédaction en cours")
    check_page(page, "ministere-lots")
    follow(page, DecisionList.objects.get().number)
    reads(page, "0 sur 3")
    check_page(page, "ministere-lot-en-cours")
    let_the_worker_work()
    page.reload()
    reads(page, "Les 3 conventions sont rédigées et cachetées.")
    check_page(page, "ministere-lot-fini")
    assert Convention.objects.filter(state="sealed").count() == 3


def follow_the_money(page, stage):
    """88 = 30 + 24 + 34; what is reserved opens the dossiers behind it."""
    take_menu(page, "Budget")
    reads(page, "88 000 000,00 €", "30 000 000,00 €", "24 000 000,00 €", "34 000 000,00 €", "18 102 000,00 €")
    check_page(page, "ministere-enveloppes")
    guide(page, "ministere", at="main h1")
    figure = page.locator(
        f"main table a[href='{reverse('envelope_dossiers', args=[stage.call.code, 'axe-1', 'reserve'])}']"
    )
    press(figure.first)
    reads(page, "Rennes Métropole", "18 000 000,00 €", "Bastia", "Mende")
    assert "Ajaccio" not in page.locator("main").inner_text()
    check_page(page, "ministere-dossiers")


def test_auditor_reads_and_changes_nothing(stage, arrive):
    stage.prepared(3)
    page = arrive(stage.cast.auditor)
    take_menu(page, "Dossiers déposés")
    check_page(page, "controle-dossiers")
    follow(page, "TN-")
    no_act(page)
    check_page(page, "controle-dossier")
    take_menu(page, "Listes de décisions")
    follow(page, DecisionList.objects.get().number)
    no_act(page)
    check_page(page, "controle-liste")
    take_menu(page, "Suivi des jurys")
    follow(page, "Jury")
    no_act(page)
    check_page(page, "controle-jury")
    take_menu(page, "Budget")
    reads(page, "88 000 000,00 €")
    no_act(page)
    check_page(page, "controle-enveloppes")


def no_act(page):
    """No form of this page writes: what remains searches, or belongs to the frame of every page."""
    assert page.locator("main form[method=post]").count() == 0
