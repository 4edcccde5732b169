"""The budget pages: who reads what, the figures, the dossiers behind them, and a constant number of queries."""

from decimal import Decimal as D

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from applications.enums import AccessEffect, AccessSource
from applications.models import Access
from budget import services
from budget.forms import PaymentCreditsForm
from budget.models import AwardBalance, Envelope, LedgerEntry, PaymentCredit
from calls.enums import MandateRole
from core.money import euros
from territories.models import Grouping
from tests.factories.accounts import AdministratorFactory, AgentFactory, sign_in
from tests.factories.budget import AT, Tree, make_axis, make_key, make_mandate
from tests.factories.territories import AffiliationFactory

READERS = [MandateRole.OFFICER, MandateRole.RELEASER, MandateRole.AUDITOR, MandateRole.SIGNATORY]
OTHERS = [MandateRole.SCREENER, MandateRole.JUROR, MandateRole.ADMINISTRATOR]


def award(tree, application, amount, committed="0", paid="0"):
    common = {"application": application, "at": AT, "actor": tree.actor}
    services.reserve(amount=D(amount), key=make_key(), **common)
    if D(committed):
        services.commit(amount=D(committed), key=make_key(), reference="EJ-77", **common)
    if D(paid):
        services.record_payment(amount=D(paid), key=make_key(), **common)


def agent(client, tree, role=MandateRole.OFFICER, **fields):
    user = AgentFactory()
    make_mandate(user, tree.call, role, **fields)
    sign_in(client, user)
    return user


def addresses(tree, envelope=None):
    code = (envelope or tree.leaf).code
    return {
        "call": reverse("budget_call", args=[tree.call.code]),
        "export": reverse("budget_export", args=[tree.call.code, "csv"]),
        "envelope": reverse("envelope_detail", args=[tree.call.code, code]),
        "entries": reverse("envelope_entries_export", args=[tree.call.code, code, "csv"]),
        "requests": reverse("envelope_requests", args=[tree.call.code, code]),
        "dossiers": reverse("envelope_dossiers", args=[tree.call.code, code, "reserve"]),
        "dossiers_export": reverse("envelope_dossiers_export", args=[tree.call.code, code, "reserve", "csv"]),
    }


def statuses(client, tree, envelope=None):
    return {name: client.get(url).status_code for name, url in addresses(tree, envelope).items()}


@pytest.mark.parametrize("role", READERS)
def test_readers_of_the_whole_call_open_every_page(client, db, role):
    tree = Tree("1000.00")
    agent(client, tree, role)
    assert set(statuses(client, tree).values()) == {200}
    assert client.get(reverse("budget_overview")).url == addresses(tree)["call"]


@pytest.mark.parametrize("role", OTHERS)
def test_others_find_nothing(client, db, role):
    tree = Tree("1000.00")
    agent(client, tree, role)
    assert set(statuses(client, tree).values()) == {404}
    assert client.get(reverse("budget_overview")).status_code == 404


def test_mandate_that_ended_opens_nothing(client, db):
    tree = Tree("1000.00")
    agent(client, tree, ends_at=AT)
    assert set(statuses(client, tree).values()) == {404}


def test_visitor_is_sent_to_sign_in(client, db):
    tree = Tree("1000.00")
    assert set(statuses(client, tree).values()) == {302}


def test_chair_reads_totals_of_the_axis_and_no_dossier(client, db):
    tree = Tree("1000.00", "2000.00")
    award(tree, tree.application(), "400.00")
    agent(client, tree, MandateRole.CHAIR, axis=tree.axes[0])
    found = statuses(client, tree)
    assert [name for name, status in found.items() if status == 200] == ["call", "export", "envelope"]
    page = client.get(addresses(tree)["envelope"]).content.decode()
    assert euros(D(600)) in page
    assert "Écritures" not in page
    assert "/dossiers/reserve/" not in client.get(addresses(tree)["call"]).content.decode()
    assert set(statuses(client, tree, tree.leaves[1]).values()) == {200, 404}
    assert client.get(addresses(tree, tree.leaves[1])["envelope"]).status_code == 404
    assert tree.leaves[1].code not in client.get(addresses(tree)["export"]).getvalue().decode()


def test_mandate_of_an_axis_funded_from_another_opens_that_envelope(client, db):
    tree = Tree("1000.00", "2000.00")
    pack = make_axis(tree.call, funded_from=tree.axes[1])
    agent(client, tree, axis=pack)
    assert client.get(addresses(tree, tree.leaves[1])["envelope"]).status_code == 200
    assert client.get(addresses(tree)["envelope"]).status_code == 404


def test_mandate_of_a_departement_opens_its_leaf_only(client, db):
    tree = Tree("1000.00")
    axis = tree.axes[0]
    for code in ("033", "034"):
        Envelope.objects.create(
            call=tree.call, parent=tree.leaf, code=code, name=f"Axe 1 – {code}", axis=axis, departement_code=code[1:]
        )
    agent(client, tree, departement_code="33")
    gironde, herault = Envelope.objects.filter(code__in=["033", "034"]).order_by("code")
    assert set(statuses(client, tree, gironde).values()) == {200}
    assert client.get(addresses(tree, herault)["envelope"]).status_code == 404
    assert client.get(addresses(tree)["envelope"]).status_code == 404
    page = client.get(addresses(tree)["call"]).content.decode()
    assert "Axe 1 – 033" in page
    assert "Axe 1 – 034" not in page
    assert "Crédits de paiement" not in page


def test_unknown_and_foreign_envelopes_give_the_same_answer(client, db):
    tree, other = Tree("1000.00"), Tree("1000.00")
    agent(client, tree)
    pages = [
        client.get(reverse("envelope_detail", args=[other.call.code, other.leaf.code])),
        client.get(reverse("envelope_detail", args=[other.call.code, "nulle-part"])),
        client.get(reverse("envelope_detail", args=[tree.call.code, other.leaf.code])),
    ]
    assert {page.status_code for page in pages} == {404}


@pytest.mark.parametrize("path", ["enveloppes.pdf", "{leaf}/ecritures.exe", "{leaf}/dossiers/tout/"])
def test_unknown_formats_and_figures_are_not_found(client, db, path):
    tree = Tree("1000.00")
    agent(client, tree)
    assert client.get(f"/budget/{tree.call.code}/{path.format(leaf=tree.leaf.code)}").status_code == 404


def test_tree_shows_rolled_up_totals_and_requests(client, db):
    tree = Tree("60000.00", "40000.00")
    award(tree, tree.application(0), "12000.00", "7000.00", "3000.00")
    award(tree, tree.application(1), "500.00")
    tree.applications(2, 1)  # 10 000 € each, admissible, without a decision
    agent(client, tree)
    page = client.get(addresses(tree)["call"])
    top = page.context["tops"][0]
    assert (top.allocated, top.delegated, top.free) == (D(100_000), D(100_000), 0)
    assert (top.reserved, top.committed, top.paid, top.left) == (D(5500), D(7000), D(3000), D(87_500))
    # The dossiers that hold an award here have kept their state: they still count as asking.
    assert (top.requested_count, top.requested) == (4, D(40_000))
    for amount in (D(5500), D(7000), D(3000), D(87_500)):
        assert escape(euros(amount)) in page.content.decode()


def test_requests_fall_on_the_envelope_that_pays(client, db):
    tree = Tree("60000.00", "40000.00")
    pack = make_axis(tree.call, funded_from=tree.axes[1])
    tree.axes.append(pack)
    tree.applications(3, 2)
    agent(client, tree)
    first, second = client.get(addresses(tree)["call"]).context["tops"][0].children
    assert (first.requested_count, second.requested_count, second.requested) == (0, 3, D(30_000))


def test_requests_open_the_dossiers_that_make_them(client, db):
    tree = Tree("60000.00", "40000.00")
    pack = make_axis(tree.call, funded_from=tree.axes[1])
    tree.axes.append(pack)
    first, paid_elsewhere = tree.applications(2, 0), tree.applications(1, 2)
    user = agent(client, tree)
    call = client.get(addresses(tree)["call"]).content.decode()
    for envelope, dossiers in (
        (tree.leaf, first),
        (tree.leaves[1], paid_elsewhere),
        (tree.root, first + paid_elsewhere),
    ):
        url = addresses(tree, envelope)["requests"]
        page = client.get(url)
        assert {row.pk for row in page.context["page"]} == {row.pk for row in dossiers}
        assert sum(row.amount_requested for row in page.context["page"]) == page.context["node"].requested
        assert page.context["hidden_count"] == 0
        assert f'href="{url}"' in call
        assert f'href="{url}"' in client.get(addresses(tree, envelope)["envelope"]).content.decode()
    Access.objects.create(
        application=first[0], user=user, effect=AccessEffect.DENY, source=AccessSource.RECUSAL, created_at=AT
    )
    page = client.get(addresses(tree)["requests"])
    assert [row.pk for row in page.context["page"]] == [first[1].pk]
    assert (page.context["node"].requested_count, page.context["hidden_count"]) == (1, 0)
    assert first[0].number not in page.content.decode()


def test_great_figures_open_their_dossiers(client, db):
    tree = Tree("60000.00")
    award(tree, tree.application(), "1000.00", "400.00", "300.00")
    agent(client, tree)
    kpis = client.get(addresses(tree)["call"]).content.decode().split("guichet-kpi__value")[1:6]
    for figure, kpi in zip(("reserve", "engage", "verse"), kpis[1:4], strict=True):
        assert f'href="{reverse("envelope_dossiers", args=[tree.call.code, tree.root.code, figure])}"' in kpi
    assert not any("href" in kpi.split("</p>")[0] for kpi in (kpis[0], kpis[4]))


def test_figure_opens_its_dossiers_and_their_sum_is_the_figure(client, db):
    tree = Tree("60000.00")
    one, other = tree.applications(2)
    award(tree, one, "1000.00", "400.00", "300.00")
    award(tree, other, "2000.00")
    agent(client, tree)
    expected = {"reserve": D(2600), "engage": D(400), "verse": D(300)}
    for figure, total in expected.items():
        for envelope in (tree.leaf, tree.root):
            page = client.get(reverse("envelope_dossiers", args=[tree.call.code, envelope.code, figure]))
            assert page.context["behind"].total == total
            assert sum(value for _, value in page.context["lines"]) == total
    assert f"/instruction/{one.pk}/" in page.content.decode()
    assert f"/instruction/{other.pk}/" not in page.content.decode()


def test_dossier_closed_to_the_reader_is_counted_and_not_named(client, db):
    tree = Tree("60000.00")
    one, other = tree.applications(2)
    award(tree, one, "1000.00", "400.00")
    award(tree, other, "2000.00")
    user = agent(client, tree)
    Access.objects.create(
        application=one, user=user, effect=AccessEffect.DENY, source=AccessSource.RECUSAL, created_at=AT
    )
    page = client.get(addresses(tree)["dossiers"])
    assert (page.context["behind"].hidden_total, page.context["behind"].hidden_count) == (D(600), 1)
    for name in ("dossiers", "dossiers_export", "entries", "envelope"):
        response = client.get(addresses(tree)[name])
        text = (response.getvalue() if response.streaming else response.content).decode()
        assert one.number not in text, name
        assert str(one.pk) not in text, name
        assert "EJ-77" not in text, name
        assert (other.number in text) is True, name


@pytest.mark.parametrize("order", ["", "numero", "-numero", "date", "montant", "-montant", "mouvement", "x;y", "-"])
def test_lists_sort_by_what_is_offered_and_ignore_the_rest(client, db, order):
    tree = Tree("60000.00")
    for application, amount in zip(tree.applications(3), ("20.00", "10.00", "30.00"), strict=True):
        award(tree, application, amount)
    agent(client, tree)
    entries = client.get(addresses(tree)["envelope"], {"tri": order}).context["page"].object_list
    dossiers = client.get(addresses(tree)["dossiers"], {"tri": order}).context["lines"]
    assert (len(entries), len(dossiers)) == (4, 3)
    if order == "-montant":
        assert [row.amount for row in entries][1:] == [D(30), D(20), D(10)]
        assert [value for _, value in dossiers] == [D(30), D(20), D(10)]


def test_departements_are_filtered_without_accents(client, db):
    tree = Tree("1000.00")
    for code, name in (("33", "Gironde"), ("42", "Loire"), ("43", "Haute-Loire"), ("974", "La Réunion")):
        Envelope.objects.create(
            call=tree.call,
            parent=tree.leaf,
            code=f"x-{code}",
            name=f"Axe – {name}",
            axis=tree.axes[0],
            departement_code=code,
        )
    agent(client, tree)
    for typed, names in (("reunion", ["Axe – La Réunion"]), ("33", ["Axe – Gironde"]), ("zz", [])):
        page = client.get(addresses(tree)["call"], {"departement": typed})
        section = next(each for each in page.context["sections"] if each.leaves or each.hidden)
        assert [leaf.envelope.name for leaf in section.leaves] == names
        assert section.hidden == 4 - len(names)
    assert "Aucune enveloppe ne correspond" in page.content.decode()


def test_departements_are_folded_for_whoever_reads_one_axis(client, db):
    tree = Tree("1000.00", "1000.00")
    for number in range(12):
        Envelope.objects.create(
            call=tree.call, parent=tree.leaf, code=f"x-{number}", name=f"Axe – {number}", axis=tree.axes[0]
        )
    agent(client, tree, MandateRole.CHAIR, axis=tree.axes[0])
    context = client.get(addresses(tree)["call"]).context
    assert [(each.node.envelope, len(each.leaves)) for each in context["sections"]] == [(tree.leaf, 12)]
    assert [label for label, *_ in context["bars"]] == ["Axe 1"]


def test_pages_cost_the_same_with_1_3_and_30_rows(client, db):
    tree = Tree("1000000.00")
    agent(client, tree)
    client.get(addresses(tree)["call"])  # the first page of a session writes the session
    counts = {}
    for size in (1, 3, 30):
        for application in tree.applications(size - AwardBalance.objects.count()):
            award(tree, application, "100.00", "50.00", "10.00")
        for number in range(size):
            Envelope.objects.get_or_create(
                call=tree.call, code=f"e{number}", defaults={"parent": tree.root, "name": f"Enveloppe {number}"}
            )
        urls = [*addresses(tree).values(), reverse("envelope_detail", args=[tree.call.code, tree.root.code])]
        for url in urls:
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                response = client.get(url)
                if response.streaming:
                    b"".join(response.streaming_content)
            counts.setdefault(url, []).append(len(queries))
    assert {url: set(found) for url, found in counts.items() if len(set(found)) > 1} == {}
    assert max(max(found) for found in counts.values()) < 35


def test_officer_opens_payment_credits_once(client, db):
    tree = Tree("20000.00", cp="1000.00")
    agent(client, tree)
    url = reverse("payment_credits_open", args=[tree.call.code])
    data = {"year": "2023", "amount": "12 500,50", "reason": "loi de finances", "idempotency_key": make_key()}
    assert client.get(url).status_code == 200
    for _ in range(2):
        assert client.post(url, data).url == addresses(tree)["call"]
    assert PaymentCredit.objects.get(year=2023).opened == D("12500.50")
    assert LedgerEntry.objects.filter(year=2023).count() == 1
    again = client.post(url, {**data, "amount": "1,00"})
    assert "déjà été enregistrée avec un autre contenu" in again.content.decode()
    assert PaymentCredit.objects.get(year=2023).opened == D("12500.50")


def test_payment_credits_stay_within_what_the_call_may_still_pay(client, db):
    tree = Tree("20000.00", cp="5000.00")
    application = tree.application()
    award(tree, application, "4000.00")
    services.commit(application=application, amount=D("4000.00"), at=AT, actor=tree.actor, key=make_key())
    services.record_payment(application=application, amount=D("4000.00"), at=AT, actor=tree.actor, key=make_key())
    agent(client, tree)
    url = reverse("payment_credits_open", args=[tree.call.code])

    def send(year, amount):
        return client.post(url, {"year": year, "amount": amount, "reason": "report", "idempotency_key": make_key()})

    # 20 000 were given, 4 000 paid in 2021: what was opened in 2021 and not paid may be opened again.
    assert "Il reste au plus 16 000,00 € à ouvrir pour 2022" in send("2022", "16 000,01").content.decode()
    assert not PaymentCredit.objects.filter(year=2022).exists()
    assert send("2022", "16 000,00").status_code == 302
    assert "Il reste au plus 0,00 € à ouvrir pour 2022" in send("2022", "0,01").content.decode()
    assert PaymentCredit.objects.get(year=2022).opened == D("16000.00")


@pytest.mark.parametrize("wrong", [{"amount": "-5"}, {"amount": "1,001"}, {"year": "1900"}, {"reason": ""}])
def test_wrong_payment_credits_are_refused_at_the_field(client, db, wrong):
    tree = Tree("1000.00")
    agent(client, tree)
    url = reverse("payment_credits_open", args=[tree.call.code])
    data = {"year": "2023", "amount": "12,00", "reason": "x", "idempotency_key": make_key()}
    page = client.post(url, {**data, **wrong})
    assert list(page.context["form"].errors) == list(wrong)
    assert not PaymentCredit.objects.filter(year=2023).exists()


@pytest.mark.parametrize("year", ["1900", "before", "after", "vingt"])
def test_year_out_of_reach_is_told_in_our_words(client, db, year):
    """Neither before the call nor further than credits are programmed."""
    tree = Tree("1000.00")
    first, last = timezone.localtime(tree.call.opens_at).year, timezone.localdate().year + 5
    year = {"before": str(first - 1), "after": str(last + 1)}.get(year, year)
    agent(client, tree)
    data = {"year": year, "amount": "12,00", "reason": "x", "idempotency_key": make_key()}
    page = client.post(reverse("payment_credits_open", args=[tree.call.code]), data)
    assert page.context["form"].errors["year"] == [f"Indiquez une année entre {first} et {last}, en quatre chiffres."]


def test_year_proposed_is_one_that_is_taken(db):
    today = timezone.localdate()
    proposed = PaymentCreditsForm(first=today.year + 1, today=today)["year"].value()
    data = {"year": str(proposed), "amount": "1", "reason": "x", "idempotency_key": make_key()}
    assert PaymentCreditsForm(data, first=today.year + 1, today=today).is_valid()


def test_amount_says_its_unit_once_and_both_its_faults(client, db):
    tree = Tree("1000.00")
    agent(client, tree)
    data = {"year": "2023", "amount": "-1,001", "reason": "x", "idempotency_key": make_key()}
    page = client.post(reverse("payment_credits_open", args=[tree.call.code]), data)
    assert page.context["form"].errors["amount"] == [
        "Le montant doit être supérieur à zéro.",
        "Un montant en euros a deux décimales au plus.",
    ]
    label = page.content.decode().split('for="id_amount"')[1].split("</label>")[0]
    assert label.count("en euros") == 1


def test_empty_figure_says_once_that_there_is_nothing(client, db):
    tree = Tree("1000.00")
    agent(client, tree)
    text = client.get(reverse("envelope_dossiers", args=[tree.call.code, tree.leaf.code, "reserve"])).content.decode()
    assert text.count("Aucun") == 1
    assert "0\u00a0dossier" not in text and "0 dossier" not in text and "0,00" not in text


def test_chart_writes_every_amount_and_leaves_what_is_left_quiet(client, db):
    tree = Tree("1000000.00")
    award(tree, tree.applications(1)[0], "3.00", "2.00", "1.00")
    agent(client, tree)
    page = client.get(addresses(tree)["call"]).content.decode()
    bar = page.split('class="guichet-chart__bars"')[1].split("</li>")[0]
    amounts = bar.split('class="guichet-chart__amounts"')[1]
    for text in (
        "Versé\u00a0: 1,00",
        "Engagé, non versé\u00a0: 1,00",
        "Réservé\u00a0: 1,00",
        "Disponible\u00a0: 999\u202f997,00",
    ):
        assert text in amounts
    # The quietest colour for what is left, drawn first: a part too thin for the scale still shows over it.
    assert bar.index("guichet-chart__piece--rest") < bar.index("guichet-chart__piece--1")
    widths = [float(part.split('"')[0]) for part in bar.split("<rect ")[1:] for part in [part.split('width="')[1]]]
    assert len(widths) == 4 and min(widths) >= 4


def test_entry_names_the_envelope_it_came_from(client, db):
    tree = Tree("1000.00")
    agent(client, tree)
    text = client.get(reverse("envelope_detail", args=[tree.call.code, tree.leaf.code])).content.decode()
    assert f"Reçu de l’enveloppe «&nbsp;{tree.leaf.parent.name}&nbsp;»" in text


@pytest.mark.parametrize(
    ("role", "bounds"),
    [
        (MandateRole.RELEASER, {}),
        (MandateRole.AUDITOR, {}),
        (MandateRole.OFFICER, {"departement_code": "33"}),
        (MandateRole.OFFICER, {"axis": True}),
    ],
)
def test_payment_credits_are_opened_by_an_officer_of_the_whole_call_alone(client, db, role, bounds):
    tree = Tree("1000.00")
    bounds = {**bounds, **({"axis": tree.axes[0]} if "axis" in bounds else {})}
    agent(client, tree, role, **bounds)
    url = reverse("payment_credits_open", args=[tree.call.code])
    data = {"year": "2023", "amount": "12,00", "reason": "x", "idempotency_key": make_key()}
    assert {client.get(url).status_code, client.post(url, data).status_code} == {404}
    assert not PaymentCredit.objects.filter(year=2023).exists()


def test_administration_shows_the_ledger_and_writes_nothing(client, db):
    tree = Tree("1000.00")
    award(tree, tree.application(), "10.00")
    user = AdministratorFactory()
    sign_in(client, user)
    entry = LedgerEntry.objects.get(movement="reserve")
    for model, pk in (("ledgerentry", entry.pk), ("balance", tree.leaf.pk), ("envelope", tree.leaf.pk)):
        base = f"/administration/budget/{model}/"
        assert client.get(base).status_code == 200
        assert client.get(f"{base}{pk}/change/").status_code == 200
        assert client.post(f"{base}{pk}/change/", {"amount": "1", "allocated": "1000000"}).status_code == 403
        assert client.get(f"{base}add/").status_code == 403
        assert client.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    entry.refresh_from_db()
    assert entry.amount == D(10)


def test_administration_hides_the_money_of_a_dossier_closed_to_its_administrator(client, db):
    tree = Tree("1000.00")
    recused, own, shared, open_one = (tree.application() for _ in range(4))
    user = AgentFactory(is_staff=True)
    make_mandate(user, tree.call, MandateRole.ADMINISTRATOR)
    Access.objects.create(
        user=user, application=recused, effect=AccessEffect.DENY, source=AccessSource.RECUSAL, created_at=AT
    )
    AffiliationFactory(user=user, organisation=own.organisation)
    # Another's recusal and another's affiliation close nothing to this person.
    Access.objects.create(
        user=AgentFactory(),
        application=open_one,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=AT,
    )
    AffiliationFactory(organisation=open_one.organisation)
    member = AffiliationFactory(user=user).organisation
    shared.grouping = Grouping.objects.create(lead=shared.organisation, name="Ensemble", created_at=AT)
    shared.grouping.members.add(member)
    shared.save()
    for position, application in enumerate((recused, own, shared, open_one)):
        award(tree, application, f"11{position}.00")
    sign_in(client, user)
    for model in ("awardbalance", "ledgerentry"):
        base = f"/administration/budget/{model}/"
        rows = client.get(base).context["cl"].queryset
        assert {row.application_id for row in rows} - {None} == {open_one.pk}, model
        assert (model == "ledgerentry") is any(row.application_id is None for row in rows), "credits opened stay"
        closed = {"awardbalance": AwardBalance, "ledgerentry": LedgerEntry}[model].objects
        for application in (recused, own, shared):
            pk = closed.get(application=application).pk
            for tail in ("change/", "history/"):
                answer = client.get(f"{base}{pk}/{tail}", follow=True)
                assert str(application.number) not in answer.content.decode()
                assert [url for url, _ in answer.redirect_chain] == ["/administration/"], "as if it did not exist"
        assert client.get(f"{base}{closed.get(application=open_one).pk}/change/").status_code == 200
    assert client.get("/administration/budget/balance/").context["cl"].queryset.count() == 2
    assert client.get("/administration/budget/envelope/").context["cl"].queryset.count() == 2
