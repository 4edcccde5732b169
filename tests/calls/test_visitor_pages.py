import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.models import Call, Session
from calls.views.simulator import population_in_words, read_day
from tests.factories.calls import the_call
from tests.factories.territories import (
    RENNES,
    RENNES_METROPOLE,
    OrganisationFactory,
    StructureMemberFactory,
    territory,
)

TODAY = datetime(2026, 11, 22, 15, tzinfo=ZoneInfo("Europe/Paris"))
NBSP = "\u00a0"


@pytest.fixture
def call(db, time_machine):
    time_machine.move_to(TODAY, tick=False)
    return the_call(TODAY)


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_home_presents_the_call_and_the_ways_in(client, call):
    text = page(client, "home")
    assert "Transformation numérique des collectivités territoriales" in text
    assert f"88{NBSP}millions d’euros" in text
    for name in ("eligibility", "call_detail"):
        assert reverse(name, args=[call.code] if name == "call_detail" else []) in text


def test_home_without_any_call_says_so(client, db):
    assert "Aucun appel n’est publié" in page(client, "home")
    assert "Aucun appel n’est publié" in page(client, "call_list")
    assert "Aucun appel n’est publié" in page(client, "eligibility")


def test_unpublished_call_is_not_shown(client, call):
    Call.objects.update(published_at=None)
    assert "Aucun appel n’est publié" in page(client, "home")
    assert client.get(reverse("call_detail", args=[call.code])).status_code == 404


def test_call_page_tells_amounts_rates_excluded_costs_and_the_change(client, call):
    text = page(client, "call_detail", call.code)
    for amount in ("30", "24", "34"):
        assert f"{amount}{NBSP}millions d’euros" in text
    assert "Personnel (salaires d’agents), matériel" in text
    assert "21 septembre 2021" in text
    assert f"Population couverte d’au moins 500{NBSP}000{NBSP}habitants" in text
    assert f"Population couverte d’au moins 300{NBSP}000{NBSP}habitants" in text
    assert text.count("En vigueur</span>") == 1


def test_call_page_takes_the_same_number_of_queries_with_more_versions(client, call):
    def count():
        with CaptureQueriesContext(connection) as queries:
            page(client, "call_detail", call.code)
        return len(queries)

    before = count()
    assert before <= 8
    last = call.rules_versions.order_by("number").last()
    for number in range(4, 9):
        call.rules_versions.create(
            number=number, effective_at=last.effective_at + timedelta(days=number), vintage=last.vintage
        )
    assert count() == before


def test_simulator_answers_rule_by_rule_with_figures_and_source(client, call):
    text = page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le="2021-06-01")
    assert f"La population couverte, 451{NBSP}762{NBSP}habitants, est inférieure au seuil de 500{NBSP}000" in text
    assert "Règlement de l’appel, version 1" in text
    assert "verdict--error" in text
    assert "millésime 2021" in text


def test_simulator_follows_the_day_of_the_address(client, call):
    def tone(day):
        text = page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le=day)
        return text.split('id="verdict-axe-2"')[0].rsplit("verdict--", 1)[1].split('"')[0]

    assert (tone("2021-09-20"), tone("2021-09-21")) == ("error", "success")


def test_simulator_adds_the_communes_of_a_grouping_once(client, call):
    text = page(client, "eligibility", qui=[f"epci:{RENNES_METROPOLE}", f"commune:{RENNES}"], le="2021-06-01")
    assert "Votre groupement" in text
    assert f"<strong>451{NBSP}762{NBSP}habitants</strong>" in text
    assert "dont 1 partagée" in text


def test_simulator_cannot_tell_without_population(client, call):
    text = page(client, "eligibility", qui="commune:98411")
    assert "Impossible à dire" in text
    assert "la population de « Îles Saint-Paul et Nouvelle-Amsterdam » n’est pas connue" in text


def test_simulator_knows_structures(client, call):
    syndicat = OrganisationFactory(syndicat=True, name="Syndicat d'Ille")
    StructureMemberFactory(structure=syndicat, territory_kind="epci", territory_code=RENNES_METROPOLE)
    text = page(client, "eligibility", qui=f"organisation:{syndicat.pk}", le="2021-10-01")
    assert f"451{NBSP}762{NBSP}habitants" in text


def test_simulator_searches_without_scripts(client, call):
    text = page(client, "eligibility", q="rennes", le="2021-06-01")
    assert "Rennes Métropole" in text
    assert f"?qui=commune%3A{RENNES}&amp;le=2021-06-01#resultat" in text
    assert "Aucune collectivité ne correspond" in page(client, "eligibility", q="zzzz")


def test_search_as_one_types_gives_options(client, call):
    text = page(client, "eligibility_search", q="rennes m", qui=f"commune:{RENNES}")
    assert 'role="option"' in text
    assert f'data-href="/eligibilite/?qui=commune%3A{RENNES}&amp;qui=epci%3A{RENNES_METROPOLE}#resultat"' in text
    assert "<html" not in text
    assert page(client, "eligibility_search", q="r").strip().count("<li") == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"le": "2021-02-30"}, "Cette date n’existe pas"),
        ({"le": "hier"}, "Cette date n’existe pas"),
        ({"le": "2020-12-31"}, "Aucune règle n’est en vigueur au 31 décembre 2020"),
        ({"qui": "commune:99999"}, "n’existe pas dans nos millésimes"),
        ({"qui": "organisation:999999999999999999999"}, "n’existe pas dans nos millésimes"),
        ({"qui": "::::"}, "n’existe pas dans nos millésimes"),
        ({"q": "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ({"qui": "commune:\x00"}, "n’existe pas dans nos millésimes"),
        ({"q": "\x00\x00\x00"}, "Aucune collectivité ne correspond"),
    ],
)
def test_simulator_says_what_it_does_not_understand(client, call, query, message):
    text = page(client, "eligibility", **query)
    assert message in text
    assert "<script>alert" not in text


def test_simulator_offers_to_file_where_it_is_not_refused(client, call):
    text = page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}")
    start = reverse("application_start")
    assert f"{start}?appel={call.code}&amp;axe=axe-2&amp;qui=epci%3A{RENNES_METROPOLE}" in text
    assert f"{start}?appel={call.code}&amp;axe=axe-3" not in text


def test_simulator_offers_no_filing_for_another_day_and_leads_to_the_answer_of_today(client, call):
    qui, start = f"epci:{RENNES_METROPOLE}", reverse("application_start")
    today = timezone.localdate().isoformat()
    for day, offered in (("", True), (today, True), ("2021-06-01", False), ("2035-01-01", False)):
        text = page(client, "eligibility", qui=qui, le=day)
        assert (start in text) is offered, day
        assert ("Voir la réponse d’aujourd’hui" in text) is not offered, day
    assert f"{reverse('eligibility')}?qui=epci%3A{RENNES_METROPOLE}#resultat" in text


def test_simulator_never_writes(client, call):
    with CaptureQueriesContext(connection) as queries:
        page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le="2021-06-01", q="rennes")
    assert not [query["sql"] for query in queries if not query["sql"].startswith(("SELECT", "\n", " "))]
    assert client.post(reverse("eligibility"), {"qui": f"epci:{RENNES_METROPOLE}"}).status_code == 405


@pytest.mark.parametrize("number", [1, 3, 30])
def test_simulator_takes_the_same_number_of_queries_whatever_the_members(client, call, number):
    memberships = territory("epci", RENNES_METROPOLE, 2026).memberships.select_related("commune").order_by("id")
    references = [f"commune:{membership.commune.code}" for membership in memberships[:number]]
    assert len(references) == number
    page(client, "eligibility")
    with CaptureQueriesContext(connection) as queries:
        page(client, "eligibility", qui=references)
    assert len(queries) == 9


def test_list_of_calls_says_what_is_open_or_coming_or_that_nothing_is(client, call, time_machine):
    def card():
        return page(client, "call_list").split("<article", 1)[1].split("</article>")[0]

    axis = call.axes.order_by("position").first()
    Session.objects.filter(axis__call=call).delete()
    assert "Aucune relève n’est ouverte ni annoncée" in card()
    session = axis.sessions.create(
        code="essai", title="Relève d’essai", opens_at=TODAY + timedelta(days=1), closes_at=TODAY + timedelta(days=9)
    )
    assert f"Prochaine relève&nbsp;: {axis.title}, du 23 novembre 2026" in card()
    time_machine.move_to(session.opens_at, tick=False)
    assert f"{axis.title}, jusqu’au 1er décembre 2026" in card()
    assert "Vous pouvez déposer aujourd’hui" in card()
    time_machine.move_to(session.closes_at, tick=False)
    assert "Aucune relève n’est ouverte ni annoncée" in card()


def test_list_of_calls_takes_the_same_number_of_queries_with_more_sessions(client, call):
    def count():
        with CaptureQueriesContext(connection) as queries:
            page(client, "call_list")
        return len(queries)

    before = count()
    axis = call.axes.order_by("position").first()
    for number in range(5):
        axis.sessions.create(
            code=f"essai-{number}",
            title=f"Relève {number}",
            opens_at=TODAY - timedelta(days=1),
            closes_at=TODAY + timedelta(days=number + 1),
        )
    assert count() == before


def test_simulator_takes_a_single_hit_as_chosen(client, call):
    response = client.get(reverse("eligibility"), {"q": "st gregoire", "le": "2021-06-01"})
    assert response.status_code == 302
    assert response.headers["Location"].endswith("?qui=commune%3A35278&le=2021-06-01#resultat")
    text = client.get(response.headers["Location"].split("#")[0]).content.decode()
    assert "Saint-Grégoire" in text
    assert "Réponse par axe" in text


def test_simulator_says_that_a_longer_list_is_cut(client, call):
    assert "premières&nbsp;: précisez le nom" in page(client, "eligibility", q="saint")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("243500138", "Ce SIREN n’est pas valide\u00a0: sa clé de contrôle est fausse"),
        ("24350013800011", "Ce SIRET n’est pas valide\u00a0: sa clé de contrôle est fausse"),
        ("552 032 534", "Ce numéro n’est celui d’aucune collectivité que nous connaissons"),
        ("zzzzzz", "Essayez un seul mot du nom"),
    ],
)
def test_search_that_finds_nothing_says_why(client, call, typed, told):
    assert told in page(client, "eligibility", q=typed)


def test_day_is_read_as_one_writes_it(client, call):
    for typed in ("1er juin 2021", "1 juin 2021", "01/06/2021", "2021-06-01"):
        text = page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le=typed)
        assert "1er juin 2021" in text
        assert 'value="2021-06-01"' in text
    assert "31/12/2021 ou 31 décembre 2021" in page(
        client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le="31/02/2021"
    )


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("1 août 2021", date(2021, 8, 1)),
        ("1 aout 2021", date(2021, 8, 1)),
        ("1ER AOÛT 2021", date(2021, 8, 1)),
        ("1 aou\u0302t 2021", date(2021, 8, 1)),
        ("1 février 2021", date(2021, 2, 1)),
        ("1 fevrier 2021", date(2021, 2, 1)),
        ("31 decembre 2021", date(2021, 12, 31)),
        ("31 décembre 2021", date(2021, 12, 31)),
        ("31 novembre 2021", None),
        ("1 thermidor 2021", None),
        ("1 -- 2021", None),
        ("² aout 2021", None),
    ],
)
def test_month_is_read_with_its_accents_or_without(typed, day):
    assert read_day(typed) == day


def test_day_before_any_rule_is_told_at_its_field_and_the_question_stays(client, call):
    text = page(client, "eligibility", qui=f"epci:{RENNES_METROPOLE}", le="1990-01-01")
    assert "Rennes Métropole" in text.split('id="resultat"')[1]
    assert re.search(r'id="le" name="le" value="1990-01-01" aria-invalid="true" aria-describedby="le-erreur"', text)
    assert "Aucune règle n’est en vigueur" in text.split('id="le-erreur"')[1]


def test_population_of_which_nothing_is_known_is_unknown():
    assert population_in_words(None, 0) == "inconnue"
    assert population_in_words(None, 1200) == "au moins 1\u00a0200\u00a0habitants"
