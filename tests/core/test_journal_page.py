"""The journal as a page: for those who control, and for nobody who sits in a jury."""

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.services import grant_mandate
from core.journal import record
from core.models import JournalEntry
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.budget import make_call
from tests.factories.calls import the_call
from tests.factories.jury import JuryWorld
from tests.factories.territories import AffiliationFactory, OrganisationFactory

pytestmark = pytest.mark.django_db


def mandate(user, call, role, **fields):
    grant_mandate(user=user, call=call, role=role, at=timezone.now() - timedelta(days=1), appointed_by=None, **fields)


@pytest.fixture
def auditor(client):
    user = AgentFactory()
    mandate(user, the_call(timezone.now()), MandateRole.AUDITOR)
    sign_in(client, user)
    return user


def write(count, chain="application:abc", actor=None):
    for number in range(count):
        record(
            chain=chain,
            action="application.submit",
            at=timezone.now(),
            actor=actor,
            from_state="draft",
            to_state="submitted",
            data={"number": number, "content_sha256": "ab12"},
        )


def test_auditor_reads_filters_and_follows_a_chain(client, auditor):
    person = UserFactory(first_name="Ève", last_name="Durand")
    write(2, actor=person)
    write(1, chain="envelope:7")
    page = client.get(reverse("journal")).content.decode()
    assert "Dossier déposé" in page
    assert "brouillon → déposé" in page
    assert "numéro&nbsp;: 1" in page
    assert "empreinte du contenu&nbsp;: <code>ab12</code>" in page
    assert "Ève Durand" in page
    assert "n’a pas encore été scellé" in page
    one = client.get(reverse("journal"), {"chaine": "envelope:7"}).content.decode()
    assert one.count('<th scope="row">') == 1
    assert "Ève Durand" not in one
    assert client.get(reverse("journal"), {"chaine": "abc"}).content.decode().count('<th scope="row">') == 2
    assert (
        client.get(reverse("journal"), {"acte": "application.submit"}).content.decode().count('<th scope="row">') == 3
    )
    assert "numéro&nbsp;: 0" in one
    none = client.get(reverse("journal"), {"acte": "jury.recused"}).content.decode()
    assert "Aucune écriture ne correspond" in none


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("chaine", "a\0b", "caractère nul"),
        ("chaine", "x" * 121, "120 caractères au plus"),
        ("acte", "a\0b", "acte de la liste"),
        ("acte", "inconnu", "acte de la liste"),
    ],
)
def test_filter_that_no_entry_can_match_is_refused_at_its_field(client, auditor, name, text, sentence):
    write(1)
    response = client.get(reverse("journal"), {name: text})
    assert response.status_code == 200
    page = response.content.decode()
    assert re.search(rf'id="{name}_error">\s*<p [^>]*>[^<]*{sentence}', page)
    assert f'aria-describedby="{name}_error"' in page
    assert '<th scope="row">' not in page
    assert "Aucune écriture" in page
    assert "\0" not in page


def test_end_before_the_beginning_is_told_at_its_field(client, auditor):
    write(1)
    page = client.get(reverse("journal"), {"du": "2026-02-02", "au": "2026-02-01"}).content.decode()
    assert re.search(r'id="au_error">\s*<p [^>]*>[^<]*précède celle du début', page)
    assert '<th scope="row">' not in page


def test_filter_ignores_blanks_around_and_keeps_what_was_asked(client, auditor):
    write(1)
    page = client.get(reverse("journal"), {"chaine": " abc ", "acte": ""}).content.decode()
    assert page.count('<th scope="row">') == 1
    assert re.search(r'<input [^>]*name="chaine"[^>]*value="abc"', page)
    assert "_error" not in page


def test_journal_is_not_found_for_a_local_auditor_a_juror_and_an_officer(client, auditor):
    call = the_call(timezone.now())
    local, seated, officer = AgentFactory(), AgentFactory(), AgentFactory()
    mandate(local, call, MandateRole.AUDITOR, departement_code="35")
    mandate(officer, call, MandateRole.OFFICER)
    for role in (MandateRole.AUDITOR, MandateRole.JUROR):
        mandate(seated, call, role)
    for user in (local, seated, officer):
        sign_in(client, user)
        assert client.get(reverse("journal")).status_code == 404
        assert reverse("journal") not in client.get("/").content.decode()
    sign_in(client, auditor)
    assert reverse("journal") in client.get("/").content.decode()


def test_journal_is_not_found_for_whoever_applies_sat_in_a_jury_or_controls_one_call_of_two(client, auditor):
    call = the_call(timezone.now())
    applying, sat = AgentFactory(), AgentFactory()
    for user in (applying, sat):
        mandate(user, call, MandateRole.AUDITOR)
    AffiliationFactory(user=applying)
    ended = {"starts_at": timezone.now() - timedelta(days=9), "ends_at": timezone.now() - timedelta(days=2)}
    mandate(sat, call, MandateRole.JUROR, **ended)
    for user in (applying, sat):
        sign_in(client, user)
        assert client.get(reverse("journal")).status_code == 404
    sign_in(client, auditor)
    assert client.get(reverse("journal")).status_code == 200
    other = make_call()
    assert client.get(reverse("journal")).status_code == 404
    mandate(auditor, other, MandateRole.AUDITOR)
    assert client.get(reverse("journal")).status_code == 200


def test_what_a_jury_says_is_read_once_its_deliberation_is_closed(client, db):
    world = JuryWorld(dossiers=1)
    reader = world.agent(MandateRole.AUDITOR)
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    world.opine(deliberation, world.applications[0])
    sign_in(client, reader)
    chain = f"jury:{world.jury.pk}"
    assert JournalEntry.objects.filter(chain=chain, action="jury.opinion").exists()
    assert chain not in client.get(reverse("journal")).content.decode()
    said = "Les écritures d’un jury se lisent ici une fois sa délibération close"
    assert said in client.get(reverse("journal")).content.decode()
    empty = {}
    for asked in (chain, "jury:999999", "JURY: nul"):
        page = client.get(reverse("journal"), {"chaine": asked}).content.decode()
        assert said in page and "Celles d’un jury se lisent une fois sa délibération close." in page
        empty[asked] = re.search(r'<div class="guichet-empty.*?</div>', page, re.DOTALL).group()
    # The same sentence whatever exists.
    assert len(set(empty.values())) == 1
    assert "Celles d’un jury" not in client.get(reverse("journal"), {"chaine": "call:nul"}).content.decode()
    world.close(deliberation)
    assert "jury.opinion" in client.get(reverse("journal"), {"chaine": chain}).content.decode()


def test_journal_costs_the_same_with_1_3_and_30_rows(client, auditor):
    costs = []
    for size in (1, 2, 27):
        write(size, actor=auditor)
        client.get(reverse("journal"))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("journal"))
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs


def test_journal_page_reads_no_anchor_whole(client, auditor):
    """Its heads hold a line for each chain of the site."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse("journal")).status_code == 200
    (asked,) = [row["sql"] for row in queries if "core_journalanchor" in row["sql"]]
    assert "heads" not in asked
    assert "token" not in asked


def test_journal_is_searched_by_the_number_that_people_know(client, auditor):
    for number, chain in (("TN-2021-00008", "application:abc"), ("TN-2021-00009", "application:def")):
        record(chain=chain, action="application.submit", at=timezone.now(), actor=None, data={"number": number})
        record(chain=chain, action="application.declare_admissible", at=timezone.now(), actor=None)
    page = client.get(reverse("journal"), {"chaine": "tn-2021-00008"}).content.decode()
    assert page.count('<th scope="row">') == 2
    assert "application:def" not in page
    assert '<th scope="row">' not in client.get(reverse("journal"), {"chaine": "TN-2021-00010"}).content.decode()


def test_search_by_number_reads_by_indexes_and_not_the_whole_journal(client, auditor):
    record(
        chain="application:abc", action="application.submit", at=timezone.now(), actor=None, data={"number": "A-1-1"}
    )
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("journal"), {"chaine": "TN-2021-00008"})
    asked = [row["sql"] for row in queries if "core_journalentry" in row["sql"]]
    (by_number,) = [sql for sql in asked if "->>" in sql]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {by_number}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "core_journalentry_said_number" in plan
    assert "Index Cond: ((data ->> 'number'" in plan
    assert not [sql for sql in asked if "LIKE" in sql]


def test_journal_is_searched_by_days_of_paris_both_included(client, auditor):
    for day, hour in ((4, 22), (5, 22), (6, 12), (7, 21), (8, 22)):
        at = datetime(2021, 5, day, hour, 30, tzinfo=UTC)
        record(chain="call:x", action="call.installed", at=at, actor=None, data={"number": day})

    def days(**asked):
        page = client.get(reverse("journal"), asked).content.decode()
        return re.findall(r"numéro&nbsp;: (\d)", page)

    # 22 h 30 in UTC is the next day in Paris.
    assert days(du="2021-05-06", au="2021-05-07", acte="call.installed") == ["7", "6", "5"]
    assert days(au="2021-05-05", acte="call.installed") == ["4"]
    page = client.get(reverse("journal"), {"du": "hier"}).content.decode()
    assert re.search(r'id="du_error">\s*<p [^>]*>', page)
    assert '<th scope="row">' not in page


def shown(page):
    """The rows as read, what is folded left out."""
    body = page.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return re.sub(r"<details.*?</details>", "", body, flags=re.DOTALL)


def opened(page):
    """Names, in what is read, that are keys of the database."""
    return re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.sub(r'href="[^"]*"', "", shown(page)))


def test_ids_are_read_as_names_and_codes_stay_folded(client, auditor):
    world = JuryWorld(dossiers=1)
    mandate(auditor, world.call, MandateRole.AUDITOR)
    dossier = world.applications[0]
    organisation = OrganisationFactory(name="Commune de Trifouilly")
    data = {"axis": dossier.axis_id, "organisation": organisation.pk, "session": dossier.session_id}
    record(chain=dossier.chain, action="application.start", at=timezone.now(), actor=None, data=data)
    record(
        chain=f"call:{dossier.call.code}",
        action="mandate.granted",
        at=timezone.now(),
        actor=None,
        data={"person": auditor.pk, "application": str(dossier.pk)},
    )
    page = client.get(reverse("journal"))
    read = shown(page)
    assert f"Dossier {dossier.number}</a>, écriture n°" in read
    assert f"dossier&nbsp;: {dossier.number}" in read
    assert "collectivité&nbsp;: Commune de Trifouilly" in read
    assert f"axe&nbsp;: {dossier.axis.title}" in read
    assert f"relève&nbsp;: {dossier.session.title}" in read
    assert f"personne&nbsp;: {auditor}" in read
    assert f"Appel {dossier.call.title}" in read
    assert opened(page) == []
    assert f"Chaîne <code>{dossier.chain}</code>" in page.content.decode()
    assert f"&quot;organisation&quot;: {organisation.pk}" in page.content.decode()


def test_dossier_that_the_reader_does_not_open_keeps_its_codes(client, auditor):
    world = JuryWorld(dossiers=2)
    mandate(auditor, world.call, MandateRole.AUDITOR)
    secret, other = world.applications
    type(secret).objects.filter(pk=secret.pk).update(submitted_at=None, state="draft", number=None)
    organisation = OrganisationFactory(name="Commune de Trifouilly")
    for dossier in (secret, other):
        data = {"organisation": organisation.pk}
        record(chain=dossier.chain, action="application.start", at=timezone.now(), actor=None, data=data)
    only = shown(client.get(reverse("journal"), {"chaine": secret.chain}))
    assert f"Dossier {str(secret.pk)[:8]}</a>" in only
    assert "Trifouilly" not in only
    both = shown(client.get(reverse("journal"), {"acte": "application.start"}))
    assert both.count("Trifouilly") == 1


def test_change_in_the_administration_is_told_by_the_labels_of_its_fields(client, auditor):
    call = the_call(timezone.now())
    axis = call.axes.first()
    fields = {"steward_siret": ["…", "…"], "decision_months": [8, 9], "announced_amount": [None, "5.00"]}
    line = {"model": "axis", "id": axis.pk, "fields": {"funded_from": [None, axis.pk], "position": [1, 2]}}
    record(
        chain=f"call:{call.code}",
        action="call.changed",
        at=timezone.now(),
        actor=None,
        data={"id": call.pk, "fields": fields, "lines": [line]},
    )
    read = shown(client.get(reverse("journal"), {"acte": ""})).replace("\u00a0", " ")
    title = axis.title.replace("\u00a0", " ")
    assert "SIRET de l’attribuant&nbsp;: changé" in read
    assert "délai de décision, en mois&nbsp;: 8 → 9" in read
    assert "montant annoncé&nbsp;: vide → 5,00 €" in read
    assert f"axe « {title} »&nbsp;: ordre : 1 → 2 ; financé sur l’enveloppe de : vide → {title}" in read
    for code in ("steward_siret", "model", "lines", "champs changés"):
        assert code not in read


def test_names_cost_the_same_with_1_3_and_30_dossiers(client, auditor):
    world = JuryWorld(dossiers=30)
    mandate(auditor, world.call, MandateRole.AUDITOR)
    costs, done = [], 0
    for size in (1, 3, 30):
        for dossier in world.applications[done:size]:
            data = {"axis": dossier.axis_id, "organisation": dossier.organisation_id, "application": str(dossier.pk)}
            record(chain=dossier.chain, action="application.start", at=timezone.now(), actor=auditor, data=data)
        done = size
        asked = {"acte": "application.start"}
        page = client.get(reverse("journal"), asked)
        assert len(set(re.findall(r"Dossier (D-[0-9]+)</a>", shown(page)))) >= size
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("journal"), asked)
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs


def test_rows_that_somebody_altered_are_shown_as_they_are_and_hide_no_other(client, auditor):
    write(1)
    for data in ([], "x", 3, [{"fields": {}}]):
        JournalEntry.objects.create(chain="application:abc", action="application.submit", at=timezone.now(), data=data)
    for data in ([], {"fields": [1]}, {"lines": [3]}, {"lines": 3}, {"lines": [{"fields": "x"}]}, {"fields": 3}):
        JournalEntry.objects.create(chain="call:abc", action="call.changed", at=timezone.now(), data=data)
    # Well formed for the site, with values that no list offers.
    for values in ([["a"], "b"], {"a": 1}, [{"a": 1}, 2]):
        data = {"id": 1, "fields": {"rhythm": values}}
        JournalEntry.objects.create(chain="call:abc", action="axis.changed", at=timezone.now(), data=data)
    page = client.get(reverse("journal"))
    assert page.status_code == 200
    text = page.content.decode()
    assert text.count("données illisibles") == 10
    assert "ab12" in text, "the row that is as the site wrote it is read as ever"


def test_number_said_in_the_chain_of_the_call_does_not_bring_the_whole_call(client, auditor):
    now, number = timezone.now(), {"number": "DEC-2021-0007"}
    record(chain="decision-list:7", action="decision_list.released", at=now, actor=None, data=number)
    record(chain="call:abc", action="mandate.granted", at=now, actor=None, data=number)
    record(chain="call:abc", action="mandate.granted", at=now, actor=None)
    page = client.get(reverse("journal"), {"chaine": "dec-2021-0007"})
    assert {line["row"].chain for line in page.context["lines"]} == {"decision-list:7"}


def exported(client, **filters):
    body = b"".join(client.get(reverse("journal_export"), filters).streaming_content).decode("utf-8-sig")
    return list(csv.reader(body.splitlines(), delimiter=";"))


def test_export_says_what_the_page_says_filters_included(client, auditor):
    person = UserFactory(first_name="Ève", last_name="Durand")
    write(2, actor=person)
    write(1, chain="envelope:7")
    header, *lines = exported(client)
    assert len(lines) == JournalEntry.objects.count() > 3
    acts = exported(client, acte="application.submit", chaine="abc")[1:]
    assert [line[1] for line in acts] == ["2", "1"]
    row = dict(zip(header, acts[0], strict=True))
    assert (row["Acte"], row["État avant"], row["État après"]) == ("Dossier déposé", "brouillon", "déposé")
    assert row["Auteur"] == "Ève Durand" and "numéro : 1" in row["Détail"]
    assert row["Empreinte SHA-256"] == JournalEntry.objects.get(chain="application:abc", number=2).hash
    assert exported(client, du="2021-13-45") == [header]
    assert (
        "/journal/export/?acte=application.submit"
        in client.get(reverse("journal"), {"acte": "application.submit"}).content.decode()
    )


def test_export_is_not_found_for_who_may_not_read_the_journal_and_hides_a_jury_at_work(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    sign_in(client, world.agent(MandateRole.AUDITOR))
    chain = f"jury:{world.jury.pk}"
    assert JournalEntry.objects.filter(chain=chain).exists()
    lines = exported(client)
    assert len(lines) > 1 and not any(chain in line for line in lines)
    sign_in(client, world.users[0])
    assert client.get(reverse("journal_export")).status_code == 404


def test_export_looks_names_up_by_batches(client, auditor):
    def queries(count):
        write(count, actor=auditor)
        with CaptureQueriesContext(connection) as seen:
            exported(client)
        return len(seen)

    queries(1)
    assert queries(3) == queries(30)
