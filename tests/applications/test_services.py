"""The acts on a dossier: what they freeze, count, refuse, and leave unchanged when they refuse."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from applications import services
from applications.clocks import add_months
from applications.completeness import missing_items
from applications.models import Acknowledgement, Answer, Application, EligibilityRecord
from applications.presentation import sheet_of
from applications.rules import questions_of, rules_of, terms_of
from calls.enums import Verdict
from calls.models import Axis, AxisTerms, Call, Question, RulesVersion, Session
from core.errors import Refused
from core.idempotency import KeyReused
from core.models import FileScan, IdempotencyRecord, JournalEntry, NumberSeries, OutboxMessage
from tests.factories.applications import (
    ApplicationFactory,
    applicant_of,
    attach,
    completion_requested_application,
    fill,
    screener_of,
    start,
    submitted_application,
    the_only_call,
)
from tests.factories.calls import FIRST_RELEVE, PARIS, SECOND_RELEVE, axis_of, session_of, the_call
from tests.factories.territories import BORDEAUX_METROPOLE, OrganisationFactory, territory


def submit(application, at=FIRST_RELEVE, key=None, **options):
    user = applicant_of(application.organisation)
    return services.submit_application(application=application, user=user, at=at, key=key or str(uuid4()), **options)


def save(application, slug, **content):
    user = applicant_of(application.organisation)
    application.refresh_from_db()
    return services.save_section(
        application=application, section=slug, user=user, at=FIRST_RELEVE, version=application.version, **content
    )


def refused(act) -> Refused:
    """The refusal of ``act``, after which nothing has changed in the base."""
    before = snapshot()
    with pytest.raises(Refused) as caught, transaction.atomic():
        act()
    assert snapshot() == before
    return caught.value


def snapshot():
    models = (
        Application,
        Acknowledgement,
        EligibilityRecord,
        JournalEntry,
        OutboxMessage,
        NumberSeries,
        IdempotencyRecord,
    )
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_submit_freezes_the_rules_and_acknowledges(db):
    application = submitted_application()
    assert application.number == "TN-2021-00001"
    assert application.rules_version.number == 1
    assert application.vintage_id == 2021
    assert application.completeness_due_at == datetime(2021, 6, 1, 10, tzinfo=PARIS)
    assert application.decision_due_at == datetime(2021, 12, 1, 10, tzinfo=PARIS)
    record = application.eligibility_records.get()
    assert record.rules_version == application.rules_version
    assert record.verdict == Verdict.ELIGIBLE
    assert application.acknowledgement.number == application.number
    assert OutboxMessage.objects.filter(kind="applications.acknowledge").count() == 1
    entry = JournalEntry.objects.get(chain=application.chain, action="application.submit")
    assert entry.data["amount_requested"] == "50000.00"
    assert len(entry.data["content_sha256"]) == 64
    assert application.beneficiaries.get().share == Decimal("50000.00")


def test_submit_keeps_the_population_and_verdict_of_its_version(db):
    from territories.services import give_fictitious_siret, organisation_for

    call = the_call()
    bordeaux = give_fictitious_siret(organisation_for(territory("epci", BORDEAUX_METROPOLE)))
    first = fill(start(session=session_of(call, "axe-2", "releve-1"), organisation=bordeaux))
    first = submit(first)
    assert first.population == territory("epci", BORDEAUX_METROPOLE).population
    at = SECOND_RELEVE
    second = fill(
        start(session=session_of(call, "axe-2", "releve-2"), organisation=bordeaux, at=at), at=at, requested="75000"
    )
    second = submit(second, at=at)
    assert (first.rules_version.number, second.rules_version.number) == (1, 2)


def test_submit_of_an_ineligible_organisation_is_filed_with_its_verdict(db):
    from territories.services import give_fictitious_siret, organisation_for
    from tests.factories.territories import RENNES

    call = the_call()
    rennes = give_fictitious_siret(organisation_for(territory("commune", RENNES)))
    application = submit(fill(start(session=session_of(call, "axe-2", "releve-1"), organisation=rennes)))
    assert application.eligibility_records.get().verdict == Verdict.NOT_ELIGIBLE
    refusal = refused(
        lambda: services.declare_admissible(application=application, user=screener_of(call), at=FIRST_RELEVE)
    )
    assert "règle d’éligibilité" in refusal.message


def test_calls_of_the_same_initials_draw_from_one_series(db):
    first = submitted_application()
    # As a second call would: other code, same initials.
    Call.objects.filter(pk=first.call_id).update(code="transition-numerique")
    second = submitted_application()
    assert (first.number, second.number) == ("TN-2021-00001", "TN-2021-00002")


def test_start_on_an_axis_without_terms_in_force_is_refused(db):
    axis = axis_of(the_call())
    bare = Axis.objects.create(call=axis.call, code="axe-neuf", position=99, title="Axe neuf", summary="Plus tard")
    session = session_of(axis.call)
    Session.objects.filter(pk=session.pk).update(axis=bare)
    session.refresh_from_db()
    organisation = OrganisationFactory()
    user = applicant_of(organisation)
    refusal = refused(
        lambda: services.start_application(organisation=organisation, session=session, user=user, at=FIRST_RELEVE)
    )
    assert "conditions financières" in refusal.message


def test_sheet_shows_the_last_answer_to_what_is_asked_now(db):
    draft = fill(start())
    asked = questions_of(draft, rules_of(draft, FIRST_RELEVE))
    old = asked[0]
    axis = draft.axis
    later = RulesVersion.objects.create(
        call=draft.call, number=99, effective_at=FIRST_RELEVE + timedelta(days=1), vintage=old.rules_version.vintage
    )
    kept = Question.objects.create(
        rules_version=later, axis=axis, code=old.code, position=0, label="La même, plus haut", kind=old.kind
    )
    Answer.objects.update_or_create(application=draft, question=old, defaults={"value": "avant"})
    Answer.objects.create(application=draft, question=kept, value="après")
    terms = terms_of(draft, rules_of(draft, FIRST_RELEVE))
    AxisTerms.objects.create(rules_version=later, axis=axis, aid_rate=terms.aid_rate, source="Arrêté")
    sheet = sheet_of(draft, FIRST_RELEVE + timedelta(days=2), shows_bank=False)
    assert [(row.question.code, row.value) for row in sheet.answers] == [(old.code, "après")]


def test_numbers_follow_each_other_and_a_refused_filing_leaves_no_gap(db):
    first = submitted_application()
    draft = ApplicationFactory(skip=["pieces"])
    refused(lambda: submit(draft))
    second = submitted_application()
    assert (first.number, second.number) == ("TN-2021-00001", "TN-2021-00002")


def test_submit_same_key_answers_the_same_and_another_content_is_refused(db):
    application = ApplicationFactory()
    key = str(uuid4())
    assert submit(application, key=key).number == submit(application, key=key).number
    other = ApplicationFactory(organisation=application.organisation)
    with pytest.raises(KeyReused), transaction.atomic():
        submit(other, key=key)
    message = refused(lambda: submit(application)).message
    assert "déjà déposé sous le numéro TN-2021-00001" in message


def test_fifty_simultaneous_submits_of_one_key_file_once(transactional_db):
    application = ApplicationFactory()
    key = str(uuid4())

    def once(_):
        try:
            return submit(application, key=key).number
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        numbers = set(pool.map(once, range(50)))
    assert numbers == {"TN-2021-00001"}
    assert JournalEntry.objects.filter(action="application.submit").count() == 1


@pytest.mark.parametrize(
    ("slug", "content", "expected"),
    [
        ("financement", {"values": {"amount_requested": Decimal("50000.01")}}, "dépasse 50"),
        ("financement", {"rows": {"funding_lines": []}}, "équilibré"),
        ("depenses", {"rows": {"cost_lines": []}}, "au moins une dépense"),
        ("depenses", {"values": {"tax_basis": ""}}, "HT ou TTC"),
        ("projet", {"values": {"title": ""}}, "l’intitulé"),
        ("collectivite", {"values": {"iban": ""}}, "IBAN"),
        ("calendrier", {"values": {"first_commitment_on": date(2021, 3, 31)}}, "antérieur au dépôt"),
        ("calendrier", {"values": {"starts_on": date(2021, 3, 31)}}, "commence le 31 mars 2021, avant la demande"),
        ("questions", {"answers": {"besoin": " "}}, "besoin"),
    ],
)
def test_submit_with_something_wrong_is_refused_with_its_link(db, slug, content, expected):
    application = ApplicationFactory()
    save(application, slug, **content)
    refusal = refused(lambda: submit(application))
    gaps = refusal.data["missing"]
    assert any(expected in gap["label"] for gap in gaps), gaps
    assert all(f"/rubriques/{slug}/" in gap["url"] for gap in gaps)


def test_commitment_on_the_day_of_filing_is_no_early_start(db):
    application = ApplicationFactory()
    save(application, "calendrier", values={"first_commitment_on": date(2021, 4, 1), "starts_on": date(2021, 4, 1)})
    assert submit(application).state == "submitted"


def test_document_found_infected_is_missing(db):
    application = ApplicationFactory()
    infected = application.attachments.get(kind="deliberation")
    FileScan.objects.create(file=infected.file, verdict=FileScan.Verdict.INFECTED)
    labels = [gap["label"] for gap in refused(lambda: submit(application)).data["missing"]]
    assert labels == ["Joignez la pièce «\u00a0délibération ou délégation\u00a0»"]


def test_staff_costs_leave_the_base_of_the_aid(db):
    application = ApplicationFactory()
    line = {"label": "Agent", "category": "staff", "nature": "operating", "amount": Decimal("100000.00")}
    save(application, "depenses", rows={"cost_lines": [line]})
    labels = [gap["label"] for gap in refused(lambda: submit(application)).data["missing"]]
    assert any("dépasse 50" in label for label in labels)


@pytest.mark.parametrize("amount", ["-1", "0", "10.005", "1000000000000"])
def test_save_section_refuses_an_amount_that_is_no_amount(db, amount):
    application = start()
    line = {"label": "X", "category": "services", "nature": "investment", "amount": Decimal(amount)}
    refusal = refused(lambda: save(application, "depenses", rows={"cost_lines": [line]}))
    assert refusal.field == "cost_lines-0-amount"


def test_database_refuses_a_negative_line_by_itself(db):
    from applications.models import CostLine

    application = start()
    with pytest.raises(DatabaseError), transaction.atomic():
        CostLine.objects.create(
            application=application, label="X", category="services", nature="investment", amount=Decimal("-1")
        )


def test_save_section_by_somebody_else_is_refused(db):
    application = start()
    stranger = applicant_of(OrganisationFactory())
    refused(
        lambda: services.save_section(
            application=application, section="projet", user=stranger, at=FIRST_RELEVE, version=1, values={"title": "X"}
        )
    )


def test_save_section_with_an_old_version_is_refused(db):
    application = start()
    save(application, "projet", values={"title": "Un"})
    user = applicant_of(application.organisation)
    refusal = refused(
        lambda: services.save_section(
            application=application, section="projet", user=user, at=FIRST_RELEVE, version=1, values={"title": "Deux"}
        )
    )
    assert refusal.data == {"version": 2}


def test_siret_of_another_authority_is_refused(db):
    application = start()
    refusal = refused(lambda: save(application, "collectivite", values={"siret": OrganisationFactory().siret}))
    assert refusal.field == "siret"
    assert "n’est pas celui de" in refusal.message


def test_start_after_closing_or_for_another_authority_is_refused(db):
    organisation = OrganisationFactory()
    session = session_of(the_only_call(), "axe-1", "releve-1")
    user = applicant_of(organisation)
    late = session.closes_at + timedelta(seconds=1)
    act = {"organisation": organisation, "session": session, "user": user}
    assert "close depuis" in refused(lambda: services.start_application(**act, at=late)).message
    other = {**act, "organisation": OrganisationFactory()}
    assert refused(lambda: services.start_application(**other, at=FIRST_RELEVE)).field == "organisation"


def test_pack_is_filed_once_per_organisation(db):
    call = the_only_call()
    session = session_of(call, "pack-franceconnect", "guichet-2021")
    organisation = OrganisationFactory()

    def pack():
        return fill(start(session=session, organisation=organisation), cost="5000.00", requested="5000.00")

    first, second = pack(), pack()
    filed = submit(first)
    assert "n’est accordée qu’une fois" in refused(lambda: submit(second)).message
    services.withdraw(application=filed, user=applicant_of(organisation), at=FIRST_RELEVE)
    assert submit(second).state == "submitted"


def test_two_packs_filed_at_once_give_one(transactional_db):
    session = session_of(the_only_call(), "pack-franceconnect", "guichet-2021")
    organisation = OrganisationFactory()
    drafts = [
        fill(start(session=session, organisation=organisation), cost="5000.00", requested="5000.00") for _ in range(4)
    ]

    def file(draft):
        try:
            return submit(draft).number
        except Refused:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for number in pool.map(file, drafts) if number]
    assert len(numbers) == 1


def test_completion_answer_with_a_plan_made_wrong_is_refused(db):
    application = completion_requested_application()
    save(application, "financement", rows={"funding_lines": []})
    user = applicant_of(application.organisation)
    refusal = refused(
        lambda: services.answer_completion(application=application, user=user, at=FIRST_RELEVE, message="Voilà.")
    )
    assert refusal.data["missing"]


def test_request_completion_of_a_complete_dossier_is_refused(db):
    """Décret 2018-514, art. 4: complete, said or by silence, its clock is not stopped any more."""
    said, silent = submitted_application(), submitted_application()
    screener = screener_of(said.call)
    services.confirm_completeness(application=said, user=screener, at=FIRST_RELEVE + timedelta(days=3))
    after = add_months(FIRST_RELEVE, 2)
    for application, at in ((said, FIRST_RELEVE + timedelta(days=4)), (silent, after)):
        asked = {"items": ["La délibération"], "due_at": at + timedelta(days=30)}
        act = partial(services.request_completion, application=application, user=screener, at=at, **asked)
        assert "ne peut plus suspendre" in refused(act).message
    in_time = silent.completeness_due_at - timedelta(seconds=1)
    services.request_completion(
        application=silent, user=screener, at=in_time, items=["La délibération"], due_at=in_time + timedelta(days=30)
    )
    silent.refresh_from_db()
    assert silent.state == "completion_requested"


@pytest.mark.parametrize(
    ("options", "field"),
    [({"items": [" "]}, "items"), ({"due_at": FIRST_RELEVE}, "due_on")],
)
def test_request_completion_without_item_or_time_is_refused(db, options, field):
    application = submitted_application()
    act = {"items": ["X"], "due_at": FIRST_RELEVE + timedelta(days=5), **options}
    user = screener_of(application.call)
    refusal = refused(lambda: services.request_completion(application=application, user=user, at=FIRST_RELEVE, **act))
    assert refusal.field == field


def test_silence_makes_complete_on_the_day_and_not_before(db):
    application = submitted_application()
    due = application.completeness_due_at
    assert services.deem_complete(at=due - timedelta(seconds=1)) == 0
    assert not application.is_deemed_complete(due - timedelta(seconds=1))
    assert application.is_deemed_complete(due)
    assert services.deem_complete(at=due + timedelta(days=3)) == 1
    assert services.deem_complete(at=due + timedelta(days=3)) == 0
    application.refresh_from_db()
    assert application.completed_at == due


def test_silence_does_not_run_while_items_are_awaited(db):
    application = completion_requested_application()
    assert services.deem_complete(at=application.completeness_due_at + timedelta(days=1)) == 0


def test_inadmissible_needs_a_reason_and_tells_the_appeal(db):
    application = submitted_application()
    user = screener_of(application.call)
    refusal = refused(
        lambda: services.declare_inadmissible(application=application, user=user, at=FIRST_RELEVE, reason="  ")
    )
    assert refusal.field == "reason"
    done = services.declare_inadmissible(application=application, user=user, at=FIRST_RELEVE, reason="Hors sujet.")
    assert done.screening_reason == "Hors sujet."
    mail = OutboxMessage.objects.get(dedupe_key=f"mail:application:{application.pk}:inadmissible")
    assert mail.payload["context"]["appeal_court"] == "tribunal administratif de Paris"


def test_withdraw_closes_the_open_request_and_keeps_the_number(db):
    application = completion_requested_application()
    user = applicant_of(application.organisation)
    done = services.withdraw(application=application, user=user, at=FIRST_RELEVE + timedelta(hours=1))
    assert done.state == "withdrawn"
    assert done.number
    assert done.open_completion_request() is None


def test_message_takes_the_side_of_its_author(db):
    application = submitted_application()
    sides = [
        services.send_message(application=application, user=user, at=FIRST_RELEVE, body="Bonjour").is_from_applicant
        for user in (applicant_of(application.organisation), screener_of(application.call))
    ]
    assert sides == [True, False]
    stranger = applicant_of(OrganisationFactory())
    refused(lambda: services.send_message(application=application, user=stranger, at=FIRST_RELEVE, body="Moi"))


def test_verdict_kept_at_filing_is_never_rewritten(db):
    application = submitted_application()
    for write in (
        lambda: EligibilityRecord.objects.update(verdict="eligible"),
        lambda: EligibilityRecord.objects.filter(application=application).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            write()
    assert EligibilityRecord.objects.count() == 1


def test_answers_survive_a_change_of_the_rules_that_keeps_their_question(db):
    call = the_only_call()
    session = session_of(call, "axe-1", "releve-2")
    draft = start(session=session, at=SECOND_RELEVE)
    draft = fill(draft, at=SECOND_RELEVE)
    old = call.rules_versions.get(number=1)
    for answer in draft.answers.select_related("question"):
        question = Question.objects.get(rules_version=old, axis=axis_of(call, "axe-1"), code=answer.question.code)
        answer.question = question
        answer.save()
    assert missing_items(draft, SECOND_RELEVE) == []
    filed = submit(draft, at=SECOND_RELEVE)
    assert filed.answers.filter(question__rules_version=filed.rules_version).exists()


def test_attachment_added_then_removed_keeps_its_row_and_bytes(db):
    application = start()
    user = applicant_of(application.organisation)
    from applications.enums import AttachmentKind

    row = attach(application, AttachmentKind.DELIBERATION, through_service=True)[0]
    services.remove_attachment(attachment=row, user=user, at=FIRST_RELEVE)
    services.remove_attachment(attachment=row, user=user, at=FIRST_RELEVE + timedelta(days=1))
    row.refresh_from_db()
    assert row.removed_at == FIRST_RELEVE
    assert row.file.sha256


@pytest.mark.parametrize(
    ("start_on", "months", "end_on"),
    [
        (datetime(2021, 12, 31, 23, 30, tzinfo=PARIS), 2, datetime(2022, 2, 28, 23, 30, tzinfo=PARIS)),
        # Across the change of hour the clock on the wall stays the same.
        (datetime(2021, 2, 15, 9, tzinfo=PARIS), 2, datetime(2021, 4, 15, 9, tzinfo=PARIS)),
    ],
)
def test_months_are_those_of_the_calendar_of_paris(start_on, months, end_on):
    assert add_months(start_on, months) == end_on
