"""The line of the envelope: what an award has taken counts once, and each dossier asks the envelope that pays it."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from applications.models import Application
from budget import services as budget
from budget.models import Envelope
from core.errors import Refused
from jury import services
from jury.enums import Attendance, Outcome
from jury.queries import full_merit, purses_of
from jury.selection import STOP, Floor, Item, referee, two_passes
from jury.services import AttendanceInput
from tests.factories.accounts import sign_in
from tests.factories.budget import AT as OPENED
from tests.factories.budget import make_applications, make_key
from tests.factories.jury import DECIDED, HELD, JuryWorld

LATER = HELD + timedelta(days=40)


def ranked_rows(client, world, user, **parameters):
    """The table as downloaded: number, running sum, whether it is in the envelope."""
    sign_in(client, user)
    response = client.get(reverse("ranking_export", kwargs={"pk": world.jury.pk}), parameters)
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    return [(row["Numéro"], row["Cumul (euros)"], row["Dans l’enveloppe"]) for row in rows]


def ranking(client, world, user, **parameters):
    sign_in(client, user)
    return client.get(reverse("jury_ranking", kwargs={"pk": world.jury.pk}), parameters).content.decode()


def fits(page):
    return [cell.strip() for cell in re.findall(r'<td data-label="Enveloppe">((?:ne )?tien[^<]*)', page)]


@pytest.mark.parametrize("who", ["chair_user", "officer", "releaser"])
def test_ranking_says_the_same_before_and_after_the_release(client, db, who):
    world = JuryWorld(dossiers=3, amount="20000.00")
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.AWARDED, Outcome.REFUSED])
    user = getattr(world, who)
    before, page = ranked_rows(client, world, user), ranking(client, world, user)
    assert [row[0] for row in before] == [row.number for row in world.applications]
    assert fits(page) == ["tient", "tient", "ne tient pas"]
    world.release(world.prepared(deliberation))
    assert ranked_rows(client, world, user) == before
    after = ranking(client, world, user)
    assert fits(after) == ["tient", "tient", "ne tient pas"]
    assert "20\u202f000,00" in after
    assert "décision\u00a0: retenu" in after.replace("&nbsp;", "\u00a0")
    assert "À discuter" not in after


def second_meeting(world):
    """Two more dossiers, read and met about after the first list was released."""
    more = make_applications(world.axis, 2, theme=world.theme, departement_code="35", region_code="53")
    run = services.propose_assignment(jury=world.jury, at=LATER, actor=world.chair_user)
    services.confirm_assignment(run=run, sha256=run.sha256, at=LATER, actor=world.chair_user)
    for application, value in zip(more, (5, 4), strict=True):
        for evaluation in application.evaluations.order_by("juror_id"):
            world.submit(evaluation, value, at=LATER)
    held = LATER + timedelta(days=6)
    meeting = services.summon(jury=world.jury, held_at=held, place="Paris", at=LATER, actor=world.chair_user)
    rows = [AttendanceInput(juror, Attendance.PRESENT) for juror in world.jury.jurors.order_by("pk")]
    services.record_attendance(deliberation=meeting, rows=rows, at=held, actor=world.chair_user)
    return more, meeting, held


def test_pages_of_a_second_meeting_agree_with_the_service(client, db):
    world = JuryWorld(dossiers=2, amount="30000.00")
    world.release(world.prepared())
    (first, second), meeting, held = second_meeting(world)
    assert set(full_merit(world.jury).selection.chosen) == {str(first.pk)}
    sign_in(client, world.chair_user)
    said = []
    for dossier in (first, second):
        url = reverse("deliberation_opinion", kwargs={"pk": meeting.pk, "dossier": dossier.pk})
        said.append("le dossier tient dans l’enveloppe" in client.get(url).content.decode())
    assert said == [True, False]
    block = client.get(reverse("deliberation_block", kwargs={"pk": meeting.pk})).content.decode()
    assert [cell.strip() for cell in re.findall(r'<td data-label="Avis proposé">([^<]*)', block)] == [
        "retenu",
        "au-dessous de la ligne",
    ]
    assert fits(ranking(client, world, world.chair_user)) == ["tient", "ne tient pas"]
    assert fits(ranking(client, world, world.chair_user, voir="decides")) == ["tient", "tient"]
    services.record_opinion(
        deliberation=meeting,
        application=first,
        opinion=services.OpinionInput(outcome=Outcome.AWARDED, amount=first.amount_requested),
        at=held,
        actor=world.chair_user,
    )
    # The ministry reads what is decided while the second meeting is still blind to it.
    assert fits(ranking(client, world, world.officer)) == ["tient", "tient"]


def territorial(*, dossiers=3, here="15000.00", rest="60000.00", policy="skip"):
    """Ille-et-Vilaine holds one dossier of its two; the others are paid by the rest of the axis."""
    world = JuryWorld(dossiers=dossiers, amount="100000.00")
    leaf = world.tree.leaf
    for code, place, amount in (("dep-35", "35", here), ("reste", "", rest)):
        child = Envelope.objects.create(
            call=world.call, parent=leaf, code=code, name=f"Axe 1 – {code}", axis=world.axis, departement_code=place
        )
        budget.delegate(
            parent=leaf, child=child, amount=Decimal(amount), key=make_key(), at=OPENED, actor=world.officer
        )
    Application.objects.filter(pk=world.applications[-1].pk).update(departement_code="29")
    type(world.jury).objects.filter(pk=world.jury.pk).update(selection_rule=policy)
    world.jury.refresh_from_db()
    world.assign()
    world.submit_all()
    return world


def test_two_dossiers_of_a_departement_that_holds_one_do_not_both_fit(client, db):
    world = territorial()
    first, second, elsewhere = world.applications
    page = ranking(client, world, world.chair_user)
    assert fits(page) == ["tient", "ne tient pas", "tient"]
    assert "L’axe a plusieurs enveloppes" in page
    assert "Axe 1 – dep-35" in page
    deliberation = world.meet()
    url = reverse("deliberation_opinion", kwargs={"pk": deliberation.pk, "dossier": second.pk})
    opinion = client.get(url).content.decode()
    assert "la règle ne le retient pas" in opinion
    assert "« Axe 1 – dep-35 » le paierait" in opinion
    written = services.confirm_block(
        deliberation=deliberation, motive="Au-delà de l’enveloppe.", at=HELD, actor=world.chair_user
    )
    assert {row.application_id: row.outcome for row in written} == {
        first.pk: "awarded",
        second.pk: "refused",
        elsewhere.pk: "awarded",
    }
    world.close(deliberation)
    assert world.release(world.prepared(deliberation)).state == "released"
    assert fits(ranking(client, world, world.chair_user)) == ["tient", "ne tient pas", "tient"]


def test_award_beyond_the_departements_envelope_departs_from_the_rule(db):
    world = territorial()
    deliberation = world.meet()
    with pytest.raises(Refused, match="s’écarte"), transaction.atomic():
        world.opine(deliberation, world.applications[1], motive="")
    assert world.opine(deliberation, world.applications[1]).departs_from_merit


def test_stopping_rule_stops_one_envelope_and_not_the_others(db):
    world = territorial(policy="stop")
    assert set(full_merit(world.jury).selection.chosen) == {
        str(world.applications[0].pk),
        str(world.applications[2].pk),
    }


def test_single_envelope_says_nothing_of_envelopes(client, db):
    world = JuryWorld(dossiers=2)
    world.assign()
    world.submit_all()
    assert list(purses_of(world.jury)) == [""]
    assert "plusieurs enveloppes" not in ranking(client, world, world.chair_user)


def item(key, mean, amount, purse):
    return Item(key, Decimal(mean), Decimal(amount), purse)


ITEMS = [item("a", 18, 50, "35"), item("b", 16, 60, "35"), item("c", 14, 30, ""), item("d", 12, 20, "35")]
LEFT = {"35": Decimal(80), "": Decimal(30), "29": Decimal(500)}


def test_each_purse_is_spent_by_its_own_dossiers():
    found = two_passes(ITEMS, LEFT)
    assert found.chosen == ("a", "c", "d")
    assert found.left_by_purse == {"35": Decimal(10), "": Decimal(0), "29": Decimal(500)}
    assert found.left == Decimal(510)
    assert two_passes(ITEMS, LEFT, policy=STOP).chosen == ("a", "c")
    assert two_passes([item("z", 20, 1, "75")], LEFT).chosen == ()


def test_floors_and_referee_keep_to_the_purses():
    both = Floor("both", "Les deux", frozenset({"a", "b"}), 2)
    selection = two_passes(ITEMS, LEFT, floors=[both])
    assert selection.missed == (both,)
    verdict = referee(ITEMS, LEFT, floors=[both], selection=selection)
    assert (verdict.is_feasible, verdict.clash) == (False, (both,))
    plain = two_passes(ITEMS, LEFT)
    # The best sum of mark × euro: b and d (16 × 60 + 12 × 20), with c; against a, c and d.
    assert referee(ITEMS, LEFT, selection=plain).share_of_best == (
        Decimal(18 * 50 + 14 * 30 + 12 * 20) / Decimal(16 * 60 + 12 * 20 + 14 * 30)
    ).quantize(Decimal("0.0001"))


def test_floor_that_is_no_number_of_dossiers_is_told_at_its_field(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    world.submit_all()
    for typed, sentence in (
        ("²", "Écrivez un nombre entier"),
        ("deux", "Écrivez un nombre entier"),
        ("-1", "Indiquez 1 ou plus."),
        ("1000", "Indiquez 999 ou moins."),
    ):
        page = ranking(client, world, world.chair_user, plancher=typed)
        assert sentence in page, typed
        assert f'value="{typed}"' in page, typed
        assert "La règle retient" not in page, typed
    page = ranking(client, world, world.chair_user, plancher="2")
    assert (
        "Il n’y a pas assez de dossiers" in page
        and "1 dossier noté et non éliminé." in page
        and "enveloppe ne permet" not in page
    )
    page = ranking(client, world, world.chair_user, plancher="1")
    assert "La règle retient" in page and "Écrivez un nombre entier" not in page


def test_floor_that_lacks_marked_dossiers_does_not_blame_the_envelope(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    for user in world.readers(world.applications[0]):
        world.submit(world.evaluation(world.applications[0], user))
    page = ranking(client, world, world.chair_user, plancher="2")
    assert "1 dossier noté et non éliminé." in page
    assert "enveloppe ne permet" not in page


def test_version_with_an_exponent_is_an_old_one(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    created = services.prepare_list(deliberation=world.deliberated(), title="Liste", at=DECIDED, actor=world.officer)
    sign_in(client, world.officer)
    url = reverse("decision_list_propose", kwargs={"pk": created.pk})
    assert "a changé depuis" in client.post(url, {"version": "²"}, follow=True).content.decode()
    created.refresh_from_db()
    assert created.state == "preparing"


def test_line_of_the_envelope_says_what_was_passed_over(client, db):
    """A dear dossier in the middle does not fit, a cheaper one below does: not all of them do."""
    world = JuryWorld(dossiers=3, amount="25000.00")
    dear = world.applications[1]
    Application.objects.filter(pk=dear.pk).update(amount_requested=Decimal("50000.00"))
    world.assign()
    world.submit_all()
    page = ranking(client, world, world.chair_user)
    assert fits(page) == ["tient", "ne tient pas", "tient"]
    assert "Tous les dossiers classés tiennent" not in page
    assert "ceux qui ne tiennent pas ont été passés" in page
    Application.objects.filter(pk=dear.pk).update(amount_requested=Decimal("5000.00"))
    assert "Tous les dossiers classés tiennent" in ranking(client, world, world.chair_user)


def test_dossiers_around_which_the_rule_skipped_are_discussed_however_firm_their_ranks(db):
    world = JuryWorld(dossiers=4, amount="25000.00")
    dear = world.applications[1]
    Application.objects.filter(pk=dear.pk).update(amount_requested=Decimal("50000.00"))
    world.assign()
    world.submit_all()
    merit = full_merit(world.jury)
    keys = [str(row.pk) for row in world.applications]
    assert [(row.key, row.best, row.worst) for row in merit.ranked] == [(key, n, n) for n, key in enumerate(keys, 1)]
    assert set(merit.selection.chosen) == {keys[0], keys[2]}
    assert merit.agenda() == {keys[1], keys[2]}
    deliberation = world.meet()
    written = services.confirm_block(
        deliberation=deliberation, at=HELD, actor=world.chair_user, motive="Faute de crédits."
    )
    assert [(row.application_id, row.outcome) for row in written] == [
        (world.applications[0].pk, Outcome.AWARDED),
        (world.applications[3].pk, Outcome.REFUSED),
    ]


def test_block_leaves_to_the_discussion_what_an_award_against_the_order_pushes_out(client, db):
    world = JuryWorld(dossiers=4, amount="20000.00")
    world.assign()
    world.submit_all()
    first, second, third, last = world.applications
    deliberation = world.meet()
    sign_in(client, world.chair_user)
    url = reverse("deliberation_block", kwargs={"pk": deliberation.pk})
    firm = [line.dossier.pk for line in client.get(url).context["lines"]]
    assert firm == [row.pk for row in (first, second, third, last)]
    world.opine(deliberation, last)
    page = client.get(url)
    assert [(line.dossier.pk, line.is_in) for line in page.context["lines"]] == [(first.pk, True), (third.pk, False)]
    written = services.confirm_block(
        deliberation=deliberation, at=HELD, actor=world.chair_user, motive="Faute de crédits."
    )
    assert [(row.application_id, row.outcome) for row in written] == [
        (first.pk, Outcome.AWARDED),
        (third.pk, Outcome.REFUSED),
    ]
    awards = [row.amount_proposed for row in deliberation.opinions.filter(outcome=Outcome.AWARDED)]
    assert sum(awards) <= full_merit(world.jury).available


def test_block_leaves_to_the_discussion_what_a_refusal_against_the_order_lets_in(db):
    world = JuryWorld(dossiers=4, amount="20000.00")
    world.assign()
    world.submit_all()
    first, second, _third, last = world.applications
    deliberation = world.meet()
    world.opine(deliberation, first, Outcome.REFUSED)
    written = services.confirm_block(
        deliberation=deliberation, at=HELD, actor=world.chair_user, motive="Faute de crédits."
    )
    assert [(row.application_id, row.outcome) for row in written] == [
        (second.pk, Outcome.AWARDED),
        (last.pk, Outcome.REFUSED),
    ]


def test_block_of_a_second_meeting_counts_what_the_first_one_awarded(db):
    world = JuryWorld(dossiers=4, amount="20000.00")
    world.assign()
    world.submit_all()
    first, _second, third, last = world.applications
    before = world.meet()
    world.opine(before, last)
    world.close(before)
    again = services.summon(jury=world.jury, held_at=LATER, place="Paris", at=HELD, actor=world.chair_user)
    rows = [AttendanceInput(juror, Attendance.PRESENT) for juror in world.jury.jurors.all()]
    services.record_attendance(deliberation=again, rows=rows, at=LATER, actor=world.chair_user)
    written = services.confirm_block(deliberation=again, at=LATER, actor=world.chair_user, motive="Faute de crédits.")
    assert [(row.application_id, row.outcome) for row in written] == [
        (first.pk, Outcome.AWARDED),
        (third.pk, Outcome.REFUSED),
    ]


def test_line_moved_by_an_opinion_is_tried_against_one_mark_as_well(client, db):
    """Once the first is refused the third enters, one mark from the fourth: neither is firm, and the page says so."""
    world = JuryWorld(dossiers=4, amount="20000.00")
    world.assign()
    first, second, third, last = world.applications
    for application, values in ((first, (5, 5)), (second, (4, 4)), (third, (3, 2)), (last, (3, 2))):
        for user, value in zip(world.readers(application), values, strict=True):
            world.submit(world.evaluation(application, user), value)
    deliberation = world.meet()
    assert not {str(third.pk), str(last.pk)} & full_merit(world.jury).agenda()
    world.opine(deliberation, first, Outcome.REFUSED)
    sign_in(client, world.chair_user)
    lines = client.get(reverse("deliberation_detail", kwargs={"pk": deliberation.pk})).context["lines"]
    assert {line["dossier"].pk for line in lines if line["agenda"]} == {third.pk, last.pk}
    written = services.confirm_block(
        deliberation=deliberation, at=HELD, actor=world.chair_user, motive="Faute de crédits."
    )
    assert [(row.application_id, row.outcome) for row in written] == [(second.pk, Outcome.AWARDED)]


def test_readers_who_differ_beyond_the_gap_are_discussed_whatever_the_rank(client, db):
    """Everything fits in the envelope: no mark changes a fate, yet two readers who differ by 16 points are heard."""
    world = JuryWorld(dossiers=2, jurors=2, amount="1000000.00")
    world.assign()
    apart, close = world.applications
    for application, values in ((apart, (5, 1)), (close, (4, 4))):
        for user, value in zip(world.users, values, strict=True):
            world.submit(world.evaluation(application, user), value)
    assert full_merit(world.jury).agenda() == {str(apart.pk)}
    assert replace(full_merit(world.jury), gap=Decimal(16)).agenda() == set()
    sign_in(client, world.chair_user)
    content = client.get(reverse("jury_ranking", args=[world.jury.pk])).content.decode()
    assert "deux lecteurs s’écartent de plus de 5 points" in content
