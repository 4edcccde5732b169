"""The jury: a juror declares, recuses, marks with the keyboard; the chair meets, deliberates and closes."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from demonstration.play import judging
from jury.models import Deliberation, Evaluation, Recusal
from tests.browser.support import check_page
from tests.journeys.stage import let_the_worker_work
from tests.journeys.walk import follow, guide, press, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_juror_declares_recuses_and_marks_with_the_keyboard(stage, arrive, watch):
    watch.expected.append("404")
    jury = stage.jury(4, jurors=4)
    user = next(row for row in stage.cast.jurors if Evaluation.objects.filter(juror__user=row).count() >= 2)
    mine = list(Evaluation.objects.filter(juror__user=user, juror__jury=jury).select_related("application"))
    page = arrive(user)
    take_menu(page, "Mes évaluations")
    reads(page, f"{len(mine)} dossiers à évaluer")
    check_page(page, "jure-bureau")

    left = mine[-1].application
    follow(page, left.number)
    reads(page, "Quelque chose vous lie‑t‑il à ce dossier ?", left.title)
    address = page.url
    check_page(page, "jure-conflit")
    follow(page, "Je me déporte")
    page.locator("main textarea[name=reason]").fill("J’ai conseillé cette collectivité l’an dernier.")
    check_page(page, "jure-deport")
    press_button(page, "Je me déporte de ce dossier")
    assert page.get_by_role("link", name=left.number).count() == 0
    reads(page, f"{len(mine) - 1} dossier")
    assert Recusal.objects.get().application == left
    page.goto(address)
    reads(page, "Page introuvable")
    assert left.title not in page.content()
    check_page(page, "introuvable")
    page.go_back()

    follow(page, "Ouvrir le prochain dossier")
    press_button(page, "Rien ne me lie à ce dossier")
    reads(page, "Le dossier", "La grille")
    check_page(page, "jure-grille")
    press_button(page, "Relire et remettre")
    check_page(page, "jure-grille-erreurs")
    mark_with_the_keyboard(page)
    page.get_by_label("Avis d’ensemble").fill("Projet solide, bien mesuré, utile au-delà de la collectivité.")
    press_button(page, "Enregistrer")
    assert page.locator("main input[type=radio][value='4']:checked").count() == jury.grid.criteria.count()
    guide(page, "jure", at="main h1")
    press_key_on(page, "Relire et remettre")
    reads(page, "Votre note : 16,00 sur 20", "Projet solide, bien mesuré", "elle n’est pas encore remise")
    assert not Evaluation.objects.filter(juror__user=user, state="submitted").exists()
    check_page(page, "jure-relecture")
    press_key_on(page, "Remettre mon évaluation")
    evaluation = Evaluation.objects.get(juror__user=user, state="submitted")
    assert evaluation.total is not None
    check_page(page, "jure-remise")
    take_menu(page, "Mes évaluations")
    reads(page, "Évaluations remises")
    check_page(page, "jure-bureau-suite")


def press_key_on(page, button):
    """The button by the keyboard alone, and the page that answers."""
    page.get_by_role("button", name=button).focus()
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("Enter")


def mark_with_the_keyboard(page):
    """Tab reaches each criterion once, arrows choose: four steps down from the first level is the fifth, 4."""
    groups = page.locator("main fieldset").filter(has=page.locator("input[type=radio][value='4']"))
    for group in groups.all():
        group.locator("input[type=radio]").first.focus()
        for _ in range(10):
            if group.locator("input[value='4']").is_checked():
                break
            page.keyboard.press("ArrowDown")
        assert group.locator("input[value='4']").is_checked()


def test_chair_ranks_meets_and_closes(stage, arrive):
    jury = stage.jury(6, jurors=4)
    judging.evaluate(jury=jury, fates={}, seed=1, at=stage.ago(12))
    chair = stage.cast.chairs["axe-1"]
    page = arrive(chair)
    take_menu(page, "Suivi des jurys")
    follow(page, jury.name)
    reads(page, "Dossiers restant à examiner", "Évaluations remises", "Ancien agent de la collectivité.")
    check_page(page, "presidence-suivi")
    follow(page, "Voir le classement")
    reads(page, "Reste dans l’enveloppe", "Rennes Métropole", "Cumul")
    check_page(page, "presidence-classement")
    guide(page, "presidence", at="main h1")

    page.go_back()
    follow(page, "Convoquer le jury")
    fill_summons(page, days=2)
    reads(page, "La convocation part cinq jours au moins avant la séance.")
    check_page(page, "presidence-convocation-erreur")
    fill_summons(page, days=8)
    reads(page, "La convocation part par courriel")
    check_page(page, "presidence-seance")
    with time_machine.travel(timezone.now() + timedelta(days=9), tick=True):
        hold_the_meeting(arrive(chair), Deliberation.objects.get())


def fill_summons(page, days):
    instant = timezone.localtime() + timedelta(days=days)
    page.locator("[name=held_at]").fill(instant.strftime("%Y-%m-%dT14:00"))
    page.locator("[name=place]").fill("Paris, salle Condorcet")
    press_button(page, "Envoyer la convocation")


def hold_the_meeting(page, deliberation):
    """Nine days later: who is there, what the jury says of each dossier, then nothing changes any more."""
    page.goto(f"/jury/deliberations/{deliberation.pk}/")
    follow(page, "Enregistrer les présences")
    check_page(page, "presidence-presences")
    selects = page.locator("main select[name^=attendance_]")
    for member in range(selects.count() - 1):
        selects.nth(member).select_option("present")
    selects.nth(selects.count() - 1).select_option("remote")
    press_button(page, "Enregistrer les présences")
    reads(page, "Le quorum", "est atteint")
    follow(page, "Confirmer en bloc")
    check_page(page, "presidence-bloc")
    press(page.get_by_role("link", name="Annuler"))
    dossiers = page.get_by_role("link", name=re.compile("^Enregistrer l’avis"))
    first = True
    while dossiers.count():
        press(dossiers.first)
        if first:
            press_button(page, "Enregistrer l’avis")
            check_page(page, "presidence-avis-erreur")
        page.locator("main input[name=outcome][value=awarded]").check(force=True)
        page.locator("main [name=motive]").fill("Projet abouti, partagé avec les communes voisines.")
        press_button(page, "Enregistrer l’avis")
        first = False
    check_page(page, "presidence-avis")
    follow(page, "Relire et clore la délibération")
    check_page(page, "presidence-cloture")
    press_button(page, "Clore la délibération")
    deliberation.refresh_from_db()
    reads(page, "Délibération close le", deliberation.minutes_number)
    check_page(page, "presidence-close")
    let_the_worker_work()
    page.reload()
    with page.expect_download() as waiting:
        page.locator("main").get_by_role("link", name=re.compile("PV-|procès-verbal", re.IGNORECASE)).first.click()
    assert waiting.value.path().read_bytes().startswith(b"%PDF-")
