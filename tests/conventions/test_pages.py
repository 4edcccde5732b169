"""The pages: who sees what, what each act shows, constant costs."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from applications.enums import AccessEffect, AccessSource
from applications.models import Access
from budget.models import AwardBalance
from budget.services import release
from calls.enums import MandateRole
from conventions.enums import ConventionState, SigningState
from conventions.models import Convention, Repayment, Report, Signing
from conventions.presentation import APPLICANT, timeline_of
from conventions.services import writing
from conventions.services.signing import complete_signing
from core import files, outbox
from core.pdf.render import RenderError
from tests.conventions.pages import client_of, fresh, hidden, text_of
from tests.factories.accounts import AgentFactory
from tests.factories.conventions import ConventionWorld, begin_signing, pay_as, representative_of, sign_as
from tests.factories.territories import AffiliationFactory

pytestmark = pytest.mark.usefixtures("ready_bytes")


@pytest.fixture
def world(db):
    return ConventionWorld(1)


def test_list_shows_each_person_their_own(world):
    convention = world.release()[0]
    other = ConventionWorld(1).release()[0]
    for user in (world.officer, world.signatory, representative_of(convention)):
        text = text_of(client_of(user).get("/conventions/"))
        assert convention.number in text
        assert other.number not in text
        assert "1 convention" in text


@pytest.mark.parametrize("role", [MandateRole.JUROR, MandateRole.CHAIR])
def test_members_of_the_jury_see_no_convention(world, role):
    convention = world.release()[0]
    juror = world.agent(role)
    Access.objects.create(
        user=juror,
        application=convention.application,
        effect=AccessEffect.GRANT,
        source=AccessSource.ASSIGNMENT,
        created_at=timezone.now(),
    )
    client = client_of(juror)
    assert client.get(f"/dossiers/{convention.application_id}/").status_code == 404
    for path in ("/conventions/", f"/conventions/{convention.number}/", f"/conventions/{convention.number}/document/"):
        assert client.get(path).status_code == 404
    assert not Convention.objects.visible_to(juror).exists()


def test_recusal_closes_the_convention_too(world):
    convention = world.release()[0]
    assert Convention.objects.visible_to(world.officer).exists()
    Access.objects.create(
        user=world.officer,
        application=convention.application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=timezone.now(),
    )
    assert not Convention.objects.visible_to(world.officer).exists()


def test_not_mine_and_does_not_exist_are_one_answer(world):
    convention = world.sealed()
    stranger = client_of(representative_of(ConventionWorld(1).release()[0]))

    def stable(path):
        answer = stranger.get(path)
        assert answer.status_code == 404
        content = re.sub(r'nonce="[^"]*"|value="[^"]*"|X-CSRFToken": "[^"]*"', "", answer.content.decode())
        return content.replace(path, "PATH")

    for tail in ("", "document/", "signature/", "versement/", "comptes-rendus/nouveau/", "reversements/nouveau/"):
        mine, nothing = f"/conventions/{convention.number}/{tail}", f"/conventions/CONV-2021-99999/{tail}"
        assert stable(mine) == stable(nothing), tail


def test_visitor_is_sent_to_sign_in(world):
    convention = world.release()[0]
    for path in ("/conventions/", f"/conventions/{convention.number}/"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert "/compte/" in answer.url


def test_list_filters_by_state_and_searches(world):
    world.applications.append(world.dossier(title="Archives numérisées"))
    first, second = world.release()
    client = client_of(world.officer)
    type(first.application).objects.filter(pk=second.application_id).update(search_text="archives numerisees")
    assert second.number not in text_of(client.get("/conventions/", {"etat": "sealed"}))
    assert "Aucune convention ne correspond" in text_of(client.get("/conventions/", {"etat": "paid"}))
    found = text_of(client.get("/conventions/", {"q": "Archivés"}))
    assert second.number in found and first.number not in found
    found = text_of(client.get("/conventions/", {"q": first.number.lower()}))
    assert first.number in found and second.number not in found
    assert client.get("/conventions/", {"etat": "nimporte", "page": "x"}).status_code == 200


def exported(client, query=None):
    response = client.get("/conventions/conventions.csv", query or {})
    return response.getvalue().decode("utf-8-sig") if response.status_code == 200 else response.status_code


def test_agents_export_what_their_list_shows(world):
    """One line per convention, with what an auditor asks: act, commitment, payment."""
    convention = world.signed()
    pay_as(convention, world.officer)
    second = world.release([world.dossier()])[0]
    client = client_of(world.officer)
    lines = {line["Numéro"]: line for line in csv.DictReader(io.StringIO(exported(client)), delimiter=";")}
    assert lines.keys() == set(Convention.objects.values_list("number", flat=True))
    paid = lines[convention.number]
    assert paid["Engagement juridique"] == convention.commitment_number
    assert paid["Subvention (€)"] == paid["Montant versé (€)"] == str(convention.amount).replace(".", ",")
    assert lines[second.number]["Versée le"] == ""
    assert convention.number not in exported(client, {"etat": "pending"})
    assert client.get("/conventions/conventions.xlsx").getvalue()[:2] == b"PK"
    assert client.get("/conventions/conventions.pdf").status_code == 404
    assert "/conventions/conventions.csv?etat=paid" in client.get("/conventions/?etat=paid").content.decode()
    Access.objects.create(
        application=second.application,
        user=world.officer,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=timezone.now(),
    )
    assert second.number not in exported(client)


def test_beneficiary_has_a_list_and_no_export(world):
    convention = world.release()[0]
    client = client_of(representative_of(convention))
    assert "conventions.csv" not in client.get("/conventions/").content.decode()
    assert exported(client) == 404


@pytest.mark.parametrize("who", ["officer", "signatory", "representative"])
def test_lists_cost_the_same_with_1_3_and_30_rows(db, who):
    world = ConventionWorld(1)
    organisation = world.applications[0].organisation
    paths = ["/conventions/"] + (["/conventions/a-signer/"] if who == "signatory" else [])
    paths += ["/conventions/lots/", "/conventions/conventions.csv"] if who == "officer" else []
    first = world.release()[0]
    user = representative_of(first) if who == "representative" else getattr(world, who)
    client = client_of(user)
    for path in paths:
        client.get(path)
    asked: dict[str, list[list[str]]] = {path: [] for path in paths}
    for size in (0, 2, 27):
        if size:
            world.release([world.dossier(organisation=organisation) for _ in range(size)])
        Convention.objects.filter(state="pending").update(state="sealed")
        Convention.objects.filter(state="sealed").update(
            state="beneficiary_signed", beneficiary_signed_at=timezone.now()
        )
        for path in paths:
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(path)
                assert answer.status_code == 200
                assert answer.getvalue()
            asked[path].append([query["sql"] for query in captured])
    for path, (one, *others) in asked.items():
        for more in others:
            # What the first page did not ask, by the beginning of each query: the ids differ.
            extra = Counter(sql[:90] for sql in more) - Counter(sql[:90] for sql in one)
            assert len(more) == len(one), f"{path}: {len(one)} then {len(more)}: {dict(extra)}"


def test_empty_lists_say_what_to_expect(world):
    assert "Aucune convention pour l’instant" in text_of(client_of(world.officer).get("/conventions/"))
    assert "Rien à signer" in text_of(client_of(world.signatory).get("/conventions/a-signer/"))
    assert "Aucun lot" in text_of(client_of(world.officer).get("/conventions/lots/"))


def test_reader_who_signs_is_spoken_to_and_the_others_are_told_of_them(world):
    convention = world.sealed()
    representative = representative_of(convention)
    contributor = AffiliationFactory(organisation=convention.application.organisation).user
    paths = ("/conventions/", f"/conventions/{convention.number}/")
    for path in paths:
        assert "Lisez la convention, puis signez-la." in text_of(client_of(representative).get(path))
        assert "Votre représentant légal peut lire" in text_of(client_of(contributor).get(path))
    sign_as(convention, representative)
    for path in paths:
        assert "votre signature engage les crédits" in text_of(client_of(world.signatory).get(path))
        assert "Le signataire de l’État peut signer" in text_of(client_of(world.officer).get(path))


@pytest.mark.parametrize("state", ["pending", "sealed", "signed_once", "signed", "paid"])
def test_detail_says_the_next_step_to_each_party(world, state):
    convention = world.release()[0] if state == "pending" else getattr(world, state)()
    for user, audience in ((representative_of(convention), "applicant"), (world.officer, "service")):
        text = text_of(client_of(user).get(f"/conventions/{convention.number}/"))
        from conventions.workflow import CONVENTION

        if state == "sealed" and audience == "applicant":
            assert "Lisez la convention, puis signez-la. L’État signera ensuite." in text
            assert "Votre représentant légal" not in text
        else:
            assert CONVENTION.next_step(convention.state, audience) in text
        assert "Étape" in text
        assert (convention.verification_code in text) == (state != "pending")
        for revision in convention.revisions.exclude(kind="rendered"):
            assert revision.sha256 in text


def test_account_of_the_beneficiary_is_masked_for_agents(world):
    convention = world.release()[0]
    for user, full in ((representative_of(convention), True), (world.officer, False)):
        text = text_of(client_of(user).get(f"/conventions/{convention.number}/")).replace(" ", "")
        assert (convention.data["bank"]["iban"] in text) == full


def test_document_is_the_very_bytes_and_never_the_draft(world):
    convention = world.release()[0]
    client = client_of(representative_of(convention))
    path = f"/conventions/{convention.number}/document/"
    assert client.get(path).status_code == 404
    writing.write_convention(convention_id=str(convention.pk))
    answer = client.get(path)
    assert answer.content == files.read(convention.current_revision().file)
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"] == "sandbox"
    assert client.get(path, {"lecture": ""})["Content-Disposition"].startswith("inline")


def test_payment_is_typed_read_again_and_confirmed(world):
    convention = world.signed()
    # Signed in 2021, paid today, on the credits of this year.
    today = timezone.localdate()
    world.open_credits(today.year)
    client, path = client_of(world.officer), f"/conventions/{convention.number}/versement/"
    facts = {"service_done_on": today.isoformat(), "paid_on": today.isoformat(), "reference": "DP-9"}
    query = "?" + "&".join(f"{name}={value}" for name, value in facts.items())
    assert "Recopiez ici" in text_of(client.get(path))
    page = client.get(path + query)
    assert "Relisez, puis confirmez" in text_of(page)
    wrong = client.post(path + query, {"key": hidden(page, "key"), "confirmation_code": "000000"})
    assert "Ce code n" in text_of(wrong)
    answer = client.post(
        path + query, {"key": hidden(page, "key"), "confirmation_code": fresh(world.officer)}, follow=True
    )
    assert "est enregistré" in text_of(answer)
    convention.refresh_from_db()
    assert convention.state == ConventionState.PAID
    assert "DP-9" in text_of(client_of(representative_of(convention)).get(f"/conventions/{convention.number}/"))


def test_payment_with_a_date_out_of_order_keeps_what_was_typed(world):
    convention = world.signed()
    client, path = client_of(world.officer), f"/conventions/{convention.number}/versement/"
    query = "?service_done_on=2020-01-01&paid_on=2020-01-02&reference=DP-9"
    for answer in (client.get(path + query), client.post(path + query, {"confirmation_code": fresh(world.officer)})):
        assert "ne peut pas précéder la signature" in text_of(answer)
        assert 'value="DP-9"' in answer.content.decode()
    assert Convention.objects.get().state == ConventionState.SIGNED


def test_report_is_sent_by_the_page(world):
    convention = world.signed()
    client, path = client_of(representative_of(convention)), f"/conventions/{convention.number}/comptes-rendus/nouveau/"
    page = client.get(path)
    data = {"is_final": "oui", "body": "Tout est fait.", "spent": "12 345,67", "key": hidden(page, "key")}
    wrong = client.post(path, {**data, "spent": "12,345"})
    assert "deux décimales" in text_of(wrong)
    assert "Tout est fait." in wrong.content.decode()
    answer = client.post(path, data, follow=True)
    assert "Votre compte rendu est envoyé" in text_of(answer)
    assert "Compte rendu final" in text_of(answer)
    assert str(Report.objects.get().spent) == "12345.67"
    assert client_of(world.officer).get(path).status_code == 404


def test_repayment_runs_through_the_pages(world):
    convention = world.signed()
    pay_as(convention, world.officer)
    officer, beneficiary = client_of(world.officer), client_of(representative_of(convention))
    base = f"/conventions/{convention.number}/reversements/"
    page = officer.get(f"{base}nouveau/")
    data = {
        "ground": "not_completed",
        "amount": "4 000,00",
        "reason": "Projet inachevé.",
        "answer_due_on": (timezone.localdate() + timedelta(days=5)).isoformat(),
        "key": hidden(page, "key"),
    }
    assert "au moins un mois" in text_of(officer.post(f"{base}nouveau/", data))
    data["answer_due_on"] = (timezone.localdate() + timedelta(days=40)).isoformat()
    assert "Relisez avant d’envoyer" in text_of(officer.post(f"{base}nouveau/", data))
    confirmed = {**data, "confirmer": "oui"}
    assert "La collectivité est prévenue" in text_of(officer.post(f"{base}nouveau/", confirmed, follow=True))
    repayment = Repayment.objects.get()
    path = f"{base}{repayment.pk}/"
    assert "Aucune décision n’est possible avant" in text_of(officer.get(path))
    assert "aucun reversement ne peut être décidé, mais vous pouvez y renoncer" in text_of(
        officer.get(f"{path}decision/")
    )
    assert "Engager une procédure" not in text_of(officer.get(f"/conventions/{convention.number}/"))
    page = beneficiary.get(path)
    assert "Vos observations sont attendues" in text_of(page)
    answer = beneficiary.post(
        f"{path}observations/", {"answer": "Nous demandons un délai.", "key": hidden(page, "key")}, follow=True
    )
    assert "Elles seront lues" in text_of(answer)
    facts = {"amount": "3000", "reason": "Motif"}
    page = officer.post(f"{path}decision/", facts)
    assert "Nous demandons un délai." in text_of(page)
    code = {"key": hidden(page, "key"), "confirmation_code": fresh(world.officer)}
    answer = officer.post(f"{path}decision/", facts | code, follow=True)
    assert "La décision est enregistrée" in text_of(answer)
    received = {"received_on": timezone.localdate().isoformat(), "reference": "TP-1", "key": hidden(answer, "key")}
    assert "Le reversement est encaissé" in text_of(officer.post(f"{path}encaissement/", received, follow=True))
    assert str(AwardBalance.objects.get().paid) == "7000.00"
    assert beneficiary.get(f"{base}nouveau/").status_code == 404
    assert officer.get(f"{path}observations/").status_code == 404


def test_batch_shows_its_progress_and_is_retried(transactional_db, monkeypatch):
    world = ConventionWorld(1)
    convention = world.release()[0]
    officer = client_of(world.officer)
    path = reverse("batch_detail", args=[world.batch.pk])
    assert "0 sur 1" in text_of(officer.get(path))
    part = officer.get(reverse("batch_progress", args=[world.batch.pk]))
    assert "hx-get" in part.content.decode() and "<html" not in part.content.decode()

    def broken(convention):
        raise RenderError("no font")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "lay_out", broken)
        outbox.deliver_all()
    text = text_of(officer.get(path))
    assert "1 convention en difficulté" in text
    assert f"{convention.number} : 1 essai sans succès" in text
    retry = reverse("batch_retry", args=[world.batch.pk])
    assert client_of(world.signatory).post(retry).status_code == 404
    assert officer.get(retry).status_code == 405
    assert "relancée pour 1 convention" in text_of(officer.post(retry, follow=True))
    outbox.deliver_all()
    part = officer.get(reverse("batch_progress", args=[world.batch.pk])).content.decode()
    assert "rédigée et cachetée" in part and "hx-get" not in part
    assert client_of(representative_of(convention)).get(path).status_code == 404


def test_failed_signature_of_the_state_is_told_to_the_ministry_alone(world):
    convention = world.signed_once()
    release(reservation=convention.reservation, at=timezone.now(), actor=world.officer, key="back", reason="essai")
    sign_as(convention, world.signatory, at=timezone.now())
    reason = " ".join(Signing.objects.get(state=SigningState.FAILED).error.split())
    path = f"/conventions/{convention.number}/"
    text = text_of(client_of(world.signatory).get(path))
    assert "La dernière signature n’a pas été enregistrée" in text
    assert reason in text
    assert str(world.signatory) in text
    text = text_of(client_of(representative_of(convention)).get(path))
    assert "Signature abandonnée" in text
    assert "n’a pas été enregistrée" not in text
    assert reason not in text and str(world.signatory) not in text


def test_failed_signature_of_the_beneficiary_is_its_own(world):
    convention = world.sealed()
    user = representative_of(convention)
    signing = begin_signing(convention, user)
    Signing.objects.filter(pk=signing.pk).update(started_at=timezone.now() - timedelta(days=2))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.FAILED
    events = timeline_of(convention, APPLICANT)
    assert (events[0]["title"], events[0]["by"]) == ("Signature abandonnée", str(user))
    assert "signez de nouveau" in events[0]["detail"]
    text = text_of(client_of(user).get(f"/conventions/{convention.number}/"))
    assert "La dernière signature n’a pas été enregistrée" in text


def test_last_failure_told_is_the_latest(world):
    convention = world.sealed()
    user = representative_of(convention)
    for position in range(4):
        signing = begin_signing(convention, user)
        Signing.objects.filter(pk=signing.pk).update(started_at=timezone.now() - timedelta(days=9 - position))
        complete_signing(signing_id=str(signing.pk))
        Signing.objects.filter(pk=signing.pk).update(error=f"Essai {position}.")
    for client in (client_of(user), client_of(world.officer)):
        assert client.get(f"/conventions/{convention.number}/").context["failed"].error == "Essai 3."


def test_altered_file_is_not_handed_over(world):
    from django.core.files.storage import default_storage

    convention = world.sealed()
    with open(default_storage.path(convention.current_revision().file.storage_key), "ab") as handle:
        handle.write(b"x")
    answer = client_of(world.officer).get(f"/conventions/{convention.number}/document/", follow=True)
    assert "il n’est pas remis" in text_of(answer)


def test_menu_shows_each_person_their_entries(world):
    convention = world.release()[0]
    for user, present, absent in (
        (world.signatory, ["À signer pour l’État", "Rédaction en cours"], []),
        (representative_of(convention), ["Conventions"], ["À signer pour l’État", "Rédaction en cours"]),
        (AgentFactory(), ["Vérifier un document", "Données ouvertes"], ["À signer pour l’État"]),
    ):
        text = text_of(client_of(user).get("/verifier/"))
        assert all(label in text for label in present), (user, present)
        assert not any(label in text for label in absent), user
