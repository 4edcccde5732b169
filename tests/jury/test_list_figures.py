"""What the pages of lists call granted is what the ledger holds; the rest is proposed, or nothing."""

import re
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from accounts.models import Confirmation, UsedCode
from applications.models import Application
from applications.services import withdraw
from budget.models import AwardBalance
from jury import services
from tests.factories.accounts import code_of, sign_in
from tests.factories.applications import applicant_of
from tests.factories.jury import DECIDED, JuryWorld


def text(client, name, **arguments):
    content = client.get(reverse(name, kwargs=arguments)).content.decode().split("<main")[1]
    return " ".join(re.sub("<[^>]+>", " ", content).replace("&nbsp;", " ").split()).replace("\u202f", " ")


def cell(client, number):
    content = client.get(reverse("decision_index")).content.decode().split(f"{number}</a>")[1].split("</tr>")[0]
    found = re.search(r'data-label="Accordé"[^>]*>(.*?)</td>', content, re.DOTALL)
    return " ".join(re.sub("<[^>]+>", " ", found[1]).replace("\u202f", " ").replace("\xa0", " ").split())


def test_list_given_up_counts_for_nothing_and_its_successor_once(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    deliberation = world.deliberated()
    given_up = world.prepared(deliberation)
    sign_in(client, world.officer)
    assert cell(client, given_up.number) == "20 000,00 € proposés"
    assert "Total proposé" in text(client, "decision_list_detail", pk=given_up.pk)
    services.cancel_list(decision_list=given_up, reason="Erreur.", at=DECIDED, actor=world.officer)
    assert cell(client, given_up.number) == "—"
    told = text(client, "decision_list_detail", pk=given_up.pk)
    assert "Total" not in told and "Dossiers à retenir" not in told
    again = world.release(world.prepared(deliberation))
    assert cell(client, again.number) == "20 000,00 €"
    assert "Total accordé" in text(client, "decision_list_detail", pk=again.pk)
    assert sum(row.reserved for row in AwardBalance.objects.all()) == 20_000


def test_dossier_withdrawn_since_leaves_the_totals_and_stops_the_release_before_the_code(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    listed = world.prepared(world.deliberated(["awarded", "waitlisted"]))
    world.release(listed)
    waiting = world.applications[1]
    second = services.award_from_waiting_list(
        deliberation=listed.deliberation,
        applications=[waiting.pk],
        title="Seconde liste",
        at=DECIDED,
        actor=world.officer,
    )
    second = services.mark_prepared(decision_list=second, version=second.version, at=DECIDED, actor=world.officer)
    sign_in(client, world.releaser)
    page = client.get(reverse("decision_list_release", kwargs={"pk": second.pk}))
    assert "10\u202f000,00" in page.content.decode()
    shown = page.context["form"].initial["shown"]
    waiting.refresh_from_db()
    withdraw(application=waiting, user=applicant_of(waiting.organisation), at=DECIDED)
    assert cell(client, second.number).startswith("—")
    told = text(client, "decision_list_detail", pk=second.pk)
    assert f"hors du total : {waiting.number}" in told
    assert "Dossiers à retenir 0" in told
    sent = {"shown": shown, "confirmation_code": code_of(world.releaser), "idempotency_key": KEY}
    url = reverse("decision_list_release", kwargs={"pk": second.pk})
    answer = client.post(url, sent, follow=True).content.decode()
    assert "Cette liste ne peut pas être libérée" in answer
    assert f"{waiting.number} (" in answer
    assert "Libérer la liste</button>" not in answer
    assert not UsedCode.objects.filter(user=world.releaser).exists()
    assert not Confirmation.objects.filter(user=world.releaser, content_sha256=shown).exists()


KEY = "0a56b0a1-2a53-4a35-8f5b-1f7f8a1b2c3f"


def test_award_whose_project_should_be_over_is_said_until_the_release(client, db):
    world = JuryWorld(dossiers=3, jurors=2)
    over, running, refused = world.applications
    listed = world.prepared(world.deliberated(["awarded", "awarded", "refused"]))
    yesterday = timezone.localdate() - timedelta(days=1)
    Application.objects.filter(pk__in=[over.pk, refused.pk]).update(ends_on=yesterday)
    Application.objects.filter(pk=running.pk).update(ends_on=timezone.localdate())
    sign_in(client, world.releaser)
    for name in ("decision_list_detail", "decision_list_release"):
        told = text(client, name, pk=listed.pk).split("La fin prévue au dossier est passée")[1].split(".")[0]
        assert over.number in told and running.number not in told and refused.number not in told
    world.release(listed)
    assert "calendrier dépassé" not in text(client, "decision_list_detail", pk=listed.pk)
