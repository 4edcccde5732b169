"""The applicant's pages, as a person goes through them without JavaScript."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from applications.completeness import missing_items
from applications.models import Answer, Application, CostLine
from core import outbox
from core.money import euros
from tests.applications.pages import filing_of, rows, section_url
from tests.factories.accounts import UserFactory, sign_in
from tests.factories.applications import (
    BIC,
    IBAN,
    ApplicationFactory,
    applicant_of,
    fill,
    pdf,
    start,
    the_only_call,
)
from tests.factories.budget import make_call
from tests.factories.calls import FIRST_RELEVE, session_of
from tests.factories.territories import AffiliationFactory, OrganisationFactory


def test_application_list_without_organisation_says_what_to_do(client, db):
    the_only_call()
    sign_in(client, UserFactory())
    response = client.get(reverse("application_list"))
    assert "rattaché à aucune collectivité" in response.content.decode()


@pytest.mark.parametrize("name", ["application_list", "application_start"])
def test_who_awaits_an_answer_is_told_so_rather_than_to_ask_again(client, db, name):
    asked = AffiliationFactory(pending=True, organisation__name="Saint-Attente")
    client.force_login(asked.user)
    text = client.get(reverse(name)).content.decode()
    assert "Votre demande attend une réponse" in text
    assert "Saint-Attente" in text
    assert "rattaché à aucune collectivité" not in text


def test_whole_way_from_start_to_acknowledgement(client, db, travel):
    call = the_only_call()
    organisation = OrganisationFactory(name="Saint-Malo-des-Essais")
    user = AffiliationFactory(organisation=organisation).user
    sign_in(client, user)
    assert "pas encore de dossier" in client.get(reverse("application_list")).content.decode()
    page = client.get(reverse("application_start"))
    assert "Commencer ce dossier" in page.content.decode()
    session = session_of(call, "axe-1", "releve-1")
    response = client.post(
        reverse("application_start"), {"session": session.pk, "qui": f"commune:{organisation.territory_code}"}
    )
    application = Application.objects.get()
    assert response.url == section_url(application, "collectivite")
    assert application.siret == organisation.siret
    assert application.contact_email == user.email

    def save(slug, data):
        application.refresh_from_db()
        response = client.post(section_url(application, slug), {"version": application.version, **data})
        assert response.status_code == 302, [
            response.context["page"].errors,
            response.context["page"].form.non_field_errors(),
        ]

    save(
        "collectivite",
        {
            "siret": organisation.siret,
            "seat_address": "1 place de la Mairie, 35000 Rennes",
            "representative_name": "Dominique Moreau",
            "representative_title": "maire",
            "representative_email": "maire@example.fr",
            "contact_name": "Camille Martin",
            "contact_email": "mairie@example.fr",
            "bank_holder": "Trésorerie",
            "iban": "FR76 3000 1007 9412 3456 7890 185",
            "bic": BIC,
        },
    )
    theme = application.axis.themes.first()
    save("projet", {"title": "Un guichet en ligne", "theme": theme.pk, "summary": "Tout.", "place": "Ici"})
    cost = {"label": "Prestation", "category": "services", "nature": "investment", "amount": "10 000,00"}
    save("depenses", {"tax_basis": "ht", **rows("cost_lines", cost, {})})
    own = {"kind": "own", "label": "", "status": "granted", "amount": "5000"}
    save("financement", {"amount_requested": "5 000", **rows("funding_lines", own)})
    milestone = {"label": "Mise en service", "due_on": "2021-12-31"}
    indicator = {"label": "Démarches", "baseline": "0", "target": "10"}
    save(
        "calendrier",
        {
            "starts_on": "2021-06-01",
            "ends_on": "2022-06-01",
            **rows("milestones", milestone),
            **rows("indicators", indicator),
        },
    )
    page = client.get(section_url(application, "questions"))
    questions = page.context["page"].form.questions
    typed = {"number": "1 200", "yes_no": "oui"}
    save("questions", {q.code: q.choices[0] if q.choices else typed.get(q.kind, "Une réponse.") for q in questions})
    for kind in ("deliberation", "bank_details"):
        response = client.post(
            reverse("attachment_add", args=[application.pk]),
            {"kind": kind, "file": SimpleUploadedFile("piece.pdf", pdf(kind))},
        )
        assert response.status_code == 302
    page = client.get(reverse("application_submit", args=[application.pk]))
    assert "Votre dossier est complet" in page.content.decode()
    key = page.context["form"]["idempotency_key"].value()
    filing = filing_of(application, key)
    response = client.post(reverse("application_submit", args=[application.pk]), filing)
    assert response.url == reverse("application_submitted", args=[application.pk])
    application.refresh_from_db()
    assert application.number in client.get(response.url).content.decode()
    assert application.iban == IBAN
    assert CostLine.objects.get().amount == Decimal("10000.00")
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        outbox.deliver_all()
    detail = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    assert f"accuse-de-reception-{application.number}.pdf" in detail
    download = client.get(reverse("acknowledgement_download", args=[application.pk]))
    assert download.content.startswith(b"%PDF-")
    assert download["Content-Disposition"].startswith("attachment")


def test_application_start_with_unknown_authority_is_refused_and_writes_nothing(client, db, travel):
    organisation = OrganisationFactory()
    session = session_of(the_only_call(), "axe-1", "releve-1")
    sign_in(client, applicant_of(organisation))
    response = client.post(reverse("application_start"), {"session": session.pk, "qui": "commune:00000"})
    assert "Nous ne connaissons pas cette collectivité" in response.content.decode()
    assert not Application.objects.exists()


def test_application_start_for_somebody_else_offers_the_affiliation(client, db, travel):
    mine, other = OrganisationFactory(), OrganisationFactory(syndicat=True, name="Syndicat voisin")
    session = session_of(the_only_call(), "axe-1", "releve-1")
    sign_in(client, applicant_of(mine))
    data = {"session": session.pk, "qui": f"organisation:{other.pk}"}
    response = client.post(reverse("application_start"), data)
    assert "Vous n’êtes pas rattaché à Syndicat voisin" in response.content.decode()
    assert f"{reverse('affiliation_request')}?qui=organisation%3A{other.pk}" in response.content.decode()
    assert not Application.objects.exists()


def test_application_start_for_a_grouping_splits_the_aid_between_members(client, db, travel):
    lead, member = OrganisationFactory(), OrganisationFactory(syndicat=True)
    session = session_of(the_only_call(), "axe-1", "releve-1")
    sign_in(client, applicant_of(lead))
    references = [f"commune:{lead.territory_code}", f"organisation:{member.pk}"]
    # The commune is no territory of the sample: the person's own organisation is found by its reference all the same.
    response = client.post(reverse("application_start"), {"session": session.pk, "qui": references})
    assert response.status_code == 302, response.context["form"].errors
    application = Application.objects.get()
    assert application.grouping is not None
    assert {row.organisation for row in application.beneficiaries.all()} == {lead, member}
    page = client.get(section_url(application, "financement")).content.decode()
    assert escape(f"Part de l’aide pour {member.name}") in page
    legends = [" ".join(found.split()) for found in re.findall(r'row__legend">([^<]+)<', page)]
    assert legends[-2:] == [escape(f"{lead.name}, chef de file"), escape(member.name)]
    assert "Bénéficiaire 2" not in page
    assert escape(f"Chef de file du groupement, avec {member.name}.") in page
    identity = client.get(reverse("application_submit", args=[application.pk])).content.decode()
    assert "Chef de file" in identity
    assert "Autres membres" in identity
    assert escape(member.name) in identity
    # Members are those of the grouping: lines are added to the resources alone.
    assert page.count("data-guichet-add-row") == 1
    Application.objects.filter(pk=application.pk).update(amount_requested=Decimal("1000.00"))
    page = client.get(section_url(application, "financement")).content.decode()
    assert f"{euros(Decimal(0))} répartis sur {euros(Decimal(1000))}" in page


BAD_FIELDS = [
    ("collectivite", {"siret": "21350238800010"}, "clé de contrôle est fausse"),
    ("collectivite", {"siret": "123"}, "Un SIRET compte 14 chiffres"),
    ("collectivite", {"iban": "FR7630001007941234567890186"}, "IBAN n’est pas valide"),
    ("collectivite", {"iban": "FR76"}, "IBAN"),
    ("collectivite", {"iban": "DE89370400440532013000"}, "commence par FR, outre-mer compris"),
    ("collectivite", {"iban": "MC5811222000010123456789030"}, "commence par FR, outre-mer compris"),
    ("collectivite", {"bic": "XX"}, "Un BIC compte 8 ou 11 caractères"),
    ("collectivite", {"contact_email": "pas une adresse"}, "adresse"),
    ("collectivite", {"contact_phone": "abc"}, "Indiquez un numéro de téléphone"),
    ("financement", {"amount_requested": "-5"}, "supérieur à zéro"),
    ("financement", {"amount_requested": "10,005"}, "deux décimales au plus"),
    ("financement", {"amount_requested": "beaucoup"}, "Indiquez un montant en chiffres"),
    ("calendrier", {"starts_on": "2022-01-01", "ends_on": "2021-01-01"}, "La fin du projet doit suivre son début"),
    ("calendrier", {"starts_on": "2022-01-01", "ends_on": "2099-01-01"}, "à plus de dix ans du début"),
    ("calendrier", {"starts_on": "9995-01-01", "ends_on": "9996-01-01"}, "L’année 9995 est impossible"),
    ("calendrier", {"starts_on": "2022-01-01", "ends_on": "0202-01-01"}, "L’année 202 est impossible"),
    ("projet", {"title": "x" * 245}, "200 caractères au plus (vous en avez écrit 245)."),
]
EMPTY_SETS = {
    "financement": rows("funding_lines"),
    "calendrier": rows("milestones") | rows("indicators"),
    "depenses": rows("cost_lines"),
}


@pytest.mark.parametrize(("slug", "typed", "message"), BAD_FIELDS)
def test_section_refuses_bad_input_at_its_field_and_keeps_it(client, db, travel, slug, typed, message):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    before = Application.objects.values().get()
    data = {"version": application.version, **EMPTY_SETS.get(slug, {}), **typed}
    response = client.post(section_url(application, slug), data)
    assert response.status_code == 200
    form = response.context["page"].form
    assert any(message in text for name in typed for text in form.errors.get(name, [])), form.errors
    content = response.content.decode()
    assert all(value in content for value in typed.values())
    assert Application.objects.values().get() == before


@pytest.mark.parametrize(
    ("amount", "message"), [("-5", "supérieur à zéro"), ("0", "supérieur à zéro"), ("1,999", "deux décimales au plus")]
)
def test_cost_line_refuses_a_wrong_amount_at_its_line(client, db, travel, amount, message):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    good = {"label": "Juste", "category": "services", "nature": "investment", "amount": "10"}
    bad = {**good, "label": "Faux", "amount": amount}
    data = {"version": application.version, "tax_basis": "ht", **rows("cost_lines", good, bad)}
    response = client.post(section_url(application, "depenses"), data)
    formset = response.context["page"].sets[0].formset
    assert message in formset.forms[1].errors["amount"][0]
    assert not formset.forms[0].errors
    assert f'value="{amount}"' in response.content.decode()
    assert not CostLine.objects.exists()


def test_stale_form_is_refused_keeps_what_was_typed_and_may_be_sent_again(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    stale = {"version": application.version, "title": "Titre de l’autre onglet"}
    client.post(section_url(application, "projet"), {"version": application.version, "title": "Premier titre"})
    response = client.post(section_url(application, "projet"), stale)
    content = response.content.decode()
    assert "modifié ailleurs" in content
    assert "Titre de l’autre onglet" in content
    assert "Déjà enregistré\u00a0: «\u00a0Premier titre\u00a0»" in content
    assert content.count("Déjà enregistré") == 1
    application.refresh_from_db()
    assert application.title == "Premier titre"
    version = response.context["page"].form["version"].value()
    response = client.post(section_url(application, "projet"), {**stale, "version": version})
    assert response.status_code == 302
    application.refresh_from_db()
    assert application.title == "Titre de l’autre onglet"


def test_stale_form_sent_again_as_asked_erases_nothing_that_it_left_empty(client, db, travel):
    """Two tabs: what the other one saved comes back where this one says nothing."""
    application = start()
    sign_in(client, applicant_of(application.organisation))
    url = section_url(application, "collectivite")
    opened = {"version": application.version, "stay": "1"}
    saved = {"seat_address": "1 place de l’Église", "representative_name": "Odile Vasseur"}
    client.post(url, {**opened, **saved})
    refused = client.post(url, {**opened, "representative_name": "O. Vasseur", "contact_phone": "04 76 95 40 10"})
    form = refused.context["page"].form
    assert form["seat_address"].value() == "1 place de l’Église"
    assert form["representative_name"].value() == "O. Vasseur"
    assert "Repris de ce qui est déjà enregistré" in refused.content.decode()
    again = {name: form[name].value() or "" for name in form.fields}
    assert client.post(url, {**again, "stay": "1"}).status_code == 302
    application.refresh_from_db()
    assert (application.seat_address, application.representative_name, application.contact_phone) == (
        "1 place de l’Église",
        "O. Vasseur",
        "04 76 95 40 10",
    )


def test_stale_lines_are_shown_beside_what_somebody_else_saved(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    theirs = {"label": "Logiciel", "category": "services", "nature": "investment", "amount": "1 200,50"}
    common = {"version": application.version, "tax_basis": "ht"}
    client.post(section_url(application, "depenses"), {**common, **rows("cost_lines", theirs)})
    mine = {**theirs, "label": "Formation"}
    response = client.post(section_url(application, "depenses"), {**common, **rows("cost_lines", mine)})
    content = response.content.decode()
    assert "Déjà enregistré\u00a0: Logiciel, " in content.replace("&nbsp;", "\u00a0")
    assert "1\u202f200,50\u00a0€" in content
    assert "Formation" in content
    assert CostLine.objects.get().label == "Logiciel"


def test_line_a_colleague_added_since_is_told_and_blank_rows_stay_blank(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    first = {"label": "Logiciel", "category": "services", "nature": "investment", "amount": "1200"}
    second, url = {**first, "label": "Formation"}, section_url(application, "depenses")
    client.post(url, {"version": application.version, "tax_basis": "ht", **rows("cost_lines", first)})
    application.refresh_from_db()
    shown = {"version": application.version, "tax_basis": "ht"}
    client.post(url, {**shown, **rows("cost_lines", first, second, initial=1)})
    blank = dict.fromkeys(first, "")
    mine = {**shown, **rows("cost_lines", {**first, "amount": "1300"}, blank, blank, initial=1)}
    for _ in range(2):
        page = client.post(url, mine)
        assert "modifié ailleurs" in page.content.decode()
        assert "Formation" in page.content.decode()
        assert not any(form.errors for form in page.context["page"].sets[0].formset.forms)
    again = {**mine, "version": page.context["page"].form["version"].value()}
    assert client.post(url, again).status_code == 302
    assert [(row.label, row.amount) for row in application.cost_lines.all()] == [("Logiciel", Decimal(1300))]


def test_plan_that_could_not_be_filed_is_saved_with_a_warning_and_stays(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    cost = {"label": "Logiciel", "category": "services", "nature": "operating", "amount": "1000"}
    data = {"version": application.version, "tax_basis": "ht", **rows("cost_lines", cost)}
    client.post(section_url(application, "depenses"), data)
    application.refresh_from_db()
    data = {"version": application.version, "amount_requested": "1000", **rows("funding_lines")}
    response = client.post(section_url(application, "financement"), data, follow=True)
    content = response.content.decode()
    assert response.redirect_chain[-1][0] == section_url(application, "financement")
    assert "C’est enregistré, mais à corriger avant de déposer" in content
    assert "au plus" in content
    application.refresh_from_db()
    assert application.amount_requested == 1000


def test_totals_follow_what_is_typed_and_write_nothing(client, db, travel):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    cost = {"label": "Prestation", "category": "services", "nature": "operating", "amount": "200 000"}
    response = client.post(
        reverse("application_totals", args=[application.pk]), {**rows("cost_lines", cost, {"amount": ""})}
    )
    content = response.content.decode()
    assert "200\u202f000,00" in content
    assert "100\u202f000,00" in content  # still to finance
    assert CostLine.objects.get().amount == Decimal("100000.00")
    assert client.get(reverse("application_totals", args=[application.pk])).status_code == 405


def test_zero_is_an_answer(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    url = section_url(application, "questions")
    form = client.get(url).context["page"].form
    number = next(row for row in form.questions if row.kind == "number")
    client.post(url, {"version": application.version, number.code: "0"})
    assert Answer.objects.get(question=number).value == "0"


def test_call_without_rules_in_force_yet_and_older_call_still_open(client, db, travel):
    call = the_only_call()
    organisation = OrganisationFactory()
    sign_in(client, AffiliationFactory(organisation=organisation).user)
    newer = make_call(opens_at=FIRST_RELEVE - timedelta(days=1), published_at=FIRST_RELEVE - timedelta(days=1))
    url = reverse("application_start")
    assert "Commencer ce dossier" in client.get(url).content.decode()
    page = client.get(url, {"appel": newer.code})
    assert page.status_code == 200
    assert "n’est pas encore ouvert" in page.content.decode()
    assert "Commencer ce dossier" in client.get(url, {"appel": call.code}).content.decode()
    assert client.get(url, {"appel": "\x00"}).status_code == 200


@pytest.mark.parametrize("total", ["9" * 5000, "²"])
def test_impossible_number_of_lines_is_refused_without_a_crash(client, db, travel, total):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    data = {"version": application.version, "cost_lines-TOTAL_FORMS": total, "cost_lines-INITIAL_FORMS": "0"}
    for url in (section_url(application, "depenses"), reverse("application_totals", args=[application.pk])):
        assert client.post(url, data).status_code == 200
    assert not CostLine.objects.exists()


def test_application_list_costs_the_same_with_1_3_and_30_rows(client, db, django_assert_max_num_queries):
    organisation = OrganisationFactory()
    sign_in(client, applicant_of(organisation))
    client.get(reverse("application_list"))  # the first page of a session registers it
    costs = []
    for count in (1, 3, 30):
        while organisation.applications.count() < count:
            start(organisation=organisation)
        with django_assert_max_num_queries(30) as seen:
            response = client.get(reverse("application_list"))
        assert response.context["page"].paginator.count == count
        costs.append(len(seen))
    assert len(set(costs)) == 1, costs


def test_each_gap_leads_to_a_place_of_its_page(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    gaps = missing_items(application, FIRST_RELEVE)
    assert len(gaps) > 15
    pages = {}
    for gap in gaps:
        path = gap.url.split("#")[0]
        pages.setdefault(path, client.get(path).content.decode())
        assert gap.anchor, gap.label
        assert f'id="{gap.anchor}"' in pages[path], gap


def test_plan_and_dates_that_cannot_be_filed_are_told_at_their_fields(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    cost = {"label": "Logiciel", "category": "services", "nature": "investment", "amount": "1000"}
    sections = (
        ("depenses", {"tax_basis": "ht", **rows("cost_lines", cost)}),
        ("financement", {"amount_requested": "900", **rows("funding_lines")}),
        (
            "calendrier",
            {
                "starts_on": "2020-01-01",
                "first_commitment_on": "2020-01-01",
                **rows("milestones"),
                **rows("indicators"),
            },
        ),
    )
    for slug, data in sections:
        application.refresh_from_db()
        data = {"version": application.version, "stay": "1", **data}
        text = client.post(section_url(application, slug), data, follow=True).content.decode()
        if slug == "depenses":
            assert "Vous pouvez continuer" in text
            continue
        assert "C’est enregistré, mais à corriger avant de déposer" in text
        fields = {"financement": ("amount_requested",)}.get(slug, ("starts_on", "first_commitment_on"))
        for name in fields:
            assert re.search(rf'id="id_{name}_error">\s*<p class="fr-message fr-message--error">', text), name
            assert re.search(rf'<[^>]*name="{name}"[^>]*aria-invalid="true"', text), name
            assert f'href="#id_{name}"' in text
        assert "à corriger" in text
    application.refresh_from_db()
    assert application.amount_requested == 900
    # What is typed is judged as typed: a field in error on arrival is not once it is right.
    data = {"version": application.version, "stay": "1", "amount_requested": "500"}
    own = {"kind": "own", "label": "", "status": "granted", "amount": "500"}
    text = client.post(section_url(application, "financement"), {**data, **rows("funding_lines", own)}, follow=True)
    assert "fr-message--error" not in text.content.decode()


def test_milestone_outside_the_project_is_told_and_stops_the_filing(client, db, travel):
    draft = fill(start())
    sign_in(client, applicant_of(draft.organisation))
    draft.refresh_from_db()
    url = section_url(draft, "calendrier")
    before, inside, after = draft.starts_on - timedelta(days=1), draft.ends_on, draft.ends_on + timedelta(days=1)
    for days, wrong in (([inside], 0), ([before, inside, after], 2)):
        draft.refresh_from_db()
        lines = [{"label": f"Étape {number}", "due_on": day.isoformat()} for number, day in enumerate(days)]
        sent = {
            "version": draft.version,
            "starts_on": draft.starts_on.isoformat(),
            "ends_on": draft.ends_on.isoformat(),
            **rows("milestones", *lines),
            **rows("indicators"),
        }
        client.post(url, sent)
        found = [gap for gap in missing_items(draft, FIRST_RELEVE) if gap.section == "calendrier" and gap.is_wrong]
        assert len(found) == wrong
    assert "en dehors du projet" in found[0].label
    page = client.get(url).content.decode()
    assert page.count("Étapes&nbsp;: à corriger") == 2


def test_plan_wrong_twice_at_one_field_names_the_field_once(client, db, travel):
    draft = fill(start())
    sign_in(client, applicant_of(draft.organisation))
    Application.objects.filter(pk=draft.pk).update(amount_requested=Decimal("150000.00"))
    wrong = [gap for gap in missing_items(Application.objects.get(pk=draft.pk), FIRST_RELEVE) if gap.is_wrong]
    assert [gap.topic for gap in wrong].count("Aide demandée") == 2
    page = client.get(section_url(draft, "financement")).content.decode()
    assert page.count("Aide demandée&nbsp;: à corriger") == 1


def test_other_sections_of_an_older_project_of_eleven_years_are_still_written(client, db, travel):
    application = start()
    Application.objects.filter(pk=application.pk).update(starts_on="2022-01-01", ends_on="2033-01-01")
    sign_in(client, applicant_of(application.organisation))
    client.post(section_url(application, "projet"), {"version": application.version, "title": "Un autre titre"})
    assert Application.objects.get().title == "Un autre titre"
